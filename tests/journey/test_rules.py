"""Rules of the policy, from TOML and over SMTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session, select

from smtpintake.store.database import Database
from smtpintake.store.maillog import log_view
from smtpintake.store.schema import Issue
from tests.mail.letters import mail
from tests.server import Server, log_id

POLICY = r"""
[[project]]
key = "SUP"
name = "Support"
issue_types = [{ name = "incident", prefix = "IN" }, { name = "task", prefix = "TK" }]

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


def sent(server: Server, raw: bytes) -> tuple[str, dict[str, Any], Issue | None]:
    """The reply, the log row, and the issue that it names."""
    with server.client() as client:
        client.ehlo("client.example")
        client.mail("ana@customer.example")
        client.rcpt("support@example.org")
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


def letter(subject: str, body: str, *fields: str) -> bytes:
    return mail(
        "To: support@example.org",
        f"Subject: {subject}",
        f"Message-ID: <{abs(hash((subject, body)))}@customer.example>",
        *fields,
        author="Ana <ana@customer.example>",
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
