"""Rules of the policy, from TOML and over SMTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session, select

from smtpintake.store.database import Database
from smtpintake.store.maillog import log_view
from smtpintake.store.schema import Issue
from smtpintake.store.tracker import issue_view
from tests.mail.letters import mail
from tests.server import Server, log_id

POLICY = r"""
[[project]]
key = "SUP"
name = "Support"
issue_types = [{ name = "incident", prefix = "IN" }, { name = "task", prefix = "TK" }]
fields = [{ name = "asset" }]

[[project]]
key = "OPS"
name = "Operations"
issue_types = [{ name = "alert", prefix = "AL" }]

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "create"
defaults = { tags = ["mail"] }

[[inbox]]
name = "members"
addresses = ["members@example.org"]
project = "SUP"
unknown_senders = "reject"
field_mapping = [
    { field = "title", part = "first line" },
    { field = "fields.asset", part = "body", regex = 'asset:\s*(\S+)' },
    { field = "tags", part = "subaddress" },
    { field = "priority", part = "header X-Priority", values = { "1" = "urgent" }, allow_override = true },
]

[[organisation]]
name = "Example Ltd"

[[person]]
name = "Eve"
addresses = ["eve@example.org"]

[[person]]
name = "Max"
addresses = ["max@example.org"]
organisation = "Example Ltd"

[[rule]]
name = "partner"
inbox = "members"
owner = "eve@example.org"
when = { domain = "partner.example" }
then = { import = true }

[[rule]]
name = "invoices"
when = { subject = "invoice" }
then.assignee = "max@example.org"
then.organisation = "Example Ltd"
then.participants = ["books@example.org"]

[[rule]]
name = "no programs"
when = { attachment = [".exe", ".scr"] }
then.reject = { code = 554, text = "send no programs, please" }

[[rule]]
name = "printers"
inbox = "support"
when = { subject = "printer", not = { body = "scanner" } }
then = { tags = ["hardware"], priority = "high", stop = true }

[[rule]]
name = "monitoring"
when = { header.X-Alert = "disk", regex.body = '\b9\d%' }
then = { project = "OPS" }

[[rule]]
name = "the rest"
project = "SUP"
when = { regex.subject = "^(re: )?lottery" }
then = { hold = true }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("rules"))
    server.prepare(POLICY)
    server.start()
    yield server
    server.stop()


def sent(server: Server, raw: bytes, to: str = "support@example.org") -> tuple[str, dict[str, Any], Issue | None]:
    """The reply, the log row, and the issue that it names."""
    with server.client() as client:
        client.ehlo("client.example")
        client.mail("ana@customer.example")
        client.rcpt(to)
        code, text = client.data(raw)
    database = Database(f"sqlite:///{server.database}")
    with database.session() as session:
        row = log_view(session, log_id(text))
        assert row is not None
        issue = _issue(session, row["issue"])
    database.close()
    return f"{code} {text.decode()}", dict(row), issue


def _issue(session: Session, key: str | None) -> Issue | None:
    return session.scalars(select(Issue).where(Issue.key == key)).first() if key else None


def letter(subject: str, body: str, *fields: str, author: str = "ana@customer.example") -> bytes:
    return mail(
        "To: support@example.org",
        f"Subject: {subject}",
        f"Message-ID: <{abs(hash((subject, body)))}@customer.example>",
        *fields,
        author=f"Ana <{author}>",
        body=body,
    )


def test_a_keyword_sets_fields(server: Server) -> None:
    _, row, issue = sent(server, letter("The PRINTER again", "It jams.\n"))
    assert issue is not None
    assert (issue.tags, issue.priority) == (["mail", "hardware"], "high")
    assert {"check": "rule", "result": "stop"}.items() <= next(f for f in row["trace"] if f["check"] == "rule").items()


def test_an_exception_keeps_a_rule_from_it(server: Server) -> None:
    _, _, issue = sent(server, letter("The printer again", "It was the scanner.\n"))
    assert issue is not None
    assert (issue.tags, issue.priority) == (["mail"], "normal")


def test_a_field_and_an_expression_choose_the_project(server: Server) -> None:
    _, _, issue = sent(server, letter("db1", "The disk is 97% full.\n", "X-Alert: disk full"))
    assert issue is not None
    assert (issue.key.partition("-")[0], issue.type) == ("OPS", "alert")
    _, _, issue = sent(server, letter("db1", "The disk is 7% full.\n", "X-Alert: disk full"))
    assert issue is not None
    assert issue.key.startswith("SUP-")


def test_a_rule_refuses_in_its_own_words(server: Server) -> None:
    raw = letter(
        "Try this",
        '--b\nContent-Type: application/octet-stream; name="game.EXE"\n\nMZ\n--b--\n',
        'Content-Type: multipart/mixed; boundary="b"',
    )
    reply, row, _ = sent(server, raw)
    assert reply.startswith("554 5.7.1 rule.reject: send no programs, please; log ")
    assert (row["outcome"], row["reason"]) == ("rejected", "rule.reject")


def test_a_rule_holds(server: Server) -> None:
    reply, row, _ = sent(server, letter("Re: Lottery", "You have won.\n"))
    assert reply.startswith("250 2.0.0 held for review")
    assert (row["outcome"], row["reason"]) == ("held", "rule.hold")


@pytest.mark.setting("rule.owner", "rule.then.import")
def test_a_rule_imports_in_the_name_of_its_owner(server: Server) -> None:
    raw = letter("From a partner", "Hello.\n", author="bot@partner.example")
    reply, _, issue = sent(server, raw, "members@example.org")
    assert reply.startswith("250 2.0.0 SUP-")
    assert issue is not None
    assert view(server, issue.key)["reporter"] == {"name": "Eve", "address": "eve@example.org"}
    reply, _, _ = sent(server, letter("From nobody", "Hello.\n", author="bot@other.example"), "members@example.org")
    assert reply.startswith("550 5.7.1 sender.unknown")


@pytest.mark.setting("rule.then.assignee", "rule.then.organisation", "rule.then.participants")
def test_a_rule_names_people_and_an_organisation(server: Server) -> None:
    _, _, issue = sent(server, letter("Invoice 12", "Please pay.\n"))
    assert issue is not None
    seen = view(server, issue.key)
    assert (seen["assignee"], seen["organisation"]) == ({"name": "Max", "address": "max@example.org"}, "Example Ltd")
    assert "books@example.org" in [each["address"] for each in seen["participants"]]


def test_a_mail_fills_fields_of_its_own_issue(server: Server) -> None:
    raw = letter("Ticket", "The lamp is dark\nasset: L-7\n", "X-Priority: 1", author="max@example.org")
    _, _, issue = sent(server, raw, "members+night@example.org")
    assert issue is not None
    assert (issue.title, issue.fields, issue.tags, issue.priority) == (
        "The lamp is dark",
        {"asset": "L-7"},
        ["night"],
        "urgent",
    )


def view(server: Server, key: str) -> Any:
    database = Database(f"sqlite:///{server.database}")
    with database.session() as session:
        seen = issue_view(session, key)
    database.close()
    return seen
