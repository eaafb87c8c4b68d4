"""Settings of the policy that any mail can show, from TOML and over SMTP. What asks for proof: test_authentication."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlmodel import Session, select

from smtpintake.store.database import Database
from smtpintake.store.maillog import log_view
from smtpintake.store.schema import Issue, Organisation, OutboxMail, Person, PersonAddress
from tests.mail.letters import mail
from tests.server import Server, log_id

POLICY = """\
[[project]]
key = "SUP"
name = "Our Support"
issue_types = [{ name = "incident", prefix = "IN" }, { name = "task", prefix = "TK" }]

[[project]]
key = "OPS"
name = "Operations"
issue_types = [{ name = "alert", prefix = "AL" }]

[[inbox]]
name = "support"
addresses = ["support@example.org", "help@example.org", "@else.example"]
project = "SUP"
unknown_senders = "create"
require = "none"
auto_reply = { least_proof = "none" }

[[inbox]]
name = "tasks"
addresses = ["tasks@example.org"]
project = "SUP"
issue_type = "task"
language = "de"
unknown_senders = "create"
defaults = { priority = "urgent", tags = ["mail", "night"] }
auto_reply = { enabled = false }

[[inbox]]
name = "alerts"
addresses = ["alerts@example.org"]
project = "OPS"
unknown_senders = "create"
unmatched = "reject"

[[inbox]]
name = "away"
addresses = ["away@example.org"]
project = "OPS"
active = false

[[inbox]]
name = "small"
addresses = ["small@example.org"]
project = "SUP"
unknown_senders = "create"
max_size = "2 KiB"

[[inbox]]
name = "closed"
addresses = ["closed@example.org"]
project = "SUP"
require = "none"

[[inbox]]
name = "looked-at"
addresses = ["looked-at@example.org"]
project = "SUP"
unknown_senders = "hold"

[[inbox]]
name = "partners"
addresses = ["partners@example.org"]
project = "SUP"
unknown_senders = "create"
unmatched = "hold"
allowed_domains = ["partner.example", "*.customer.example"]
denied_senders = ["bob@partner.example"]
ignored_senders = ["noreply", "@bulk.partner.example"]

[[inbox]]
name = "sink"
addresses = ["sink@example.org"]
project = "SUP"
unknown_senders = "create"
unmatched = "discard"

[[inbox]]
name = "lines"
addresses = ["lines@example.org"]
project = "SUP"
unknown_senders = "create"
require = "none"
separators = ["~~~ history of this issue ~~~"]

[[organisation]]
name = "Acme"
domains = ["acme.example"]

[[person]]
name = "Ana Ruiz"
addresses = ["ana@acme.example", "ar@acme.example"]
organisation = "Acme"
roles = { SUP = "agent" }
"""
NOBODY = "cara@customer.example"


@dataclass
class Desk:
    """A server under POLICY, and how a mail to it ends."""

    server: Server
    database: Database
    count: int = 0

    def told(
        self, to: str, author: str = NOBODY, subject: str = "Printer", body: str = "Help!\n", extra: str = "X-A: b"
    ) -> tuple[int, str, dict[str, Any]]:
        """The reply's code, its text, and the log row."""
        self.count += 1
        raw = mail(
            *(f"To: {to}", f"Subject: {subject}", f"Message-ID: <{self.count}@client.example>", extra),
            author=f"Somebody <{author}>",
            body=body,
        )
        with self.server.client() as client:
            client.ehlo("client.example")
            client.mail(author)
            code, text = client.rcpt(to)
            if code == 250:
                code, text = client.data(raw)
        with self.database.session() as session:
            row = log_view(session, log_id(text))
        assert row is not None
        return code, text.decode(), dict(row)

    def one(self, model: type[Any], **values: Any) -> Any:
        """The newest row with these values."""
        with Session(self.database.engine) as session:
            rows = session.scalars(select(model).filter_by(**values).order_by(model.id.desc())).all()
        return rows[0] if rows else None

    def made(self, *told: Any, **more: Any) -> Any:
        """The issue that the mail became or was added to."""
        code, _, row = self.told(*told, **more)
        assert code == 250
        assert row["issue"] is not None
        return self.one(Issue, key=row["issue"])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    server = Server(tmp_path_factory.mktemp("settings"))
    server.prepare(POLICY)
    server.start()
    database = Database(f"sqlite:///{server.database}")
    yield Desk(server, database)
    database.close()
    server.stop()


def ending(desk: Desk, to: str, author: str) -> tuple[int, str, str]:
    code, _, row = desk.told(to, author)
    return code, row["outcome"], row["reason"]


@pytest.mark.setting("project.key", "inbox.project", "inbox.addresses", "inbox.name")
@pytest.mark.parametrize(
    ("to", "inbox"),
    [
        ("support@example.org", "support"),
        ("Help@Example.org", "support"),
        ("support+printer@example.org", "support"),
        ("whoever@else.example", "support"),
        ("tasks@example.org", "tasks"),
    ],
)
def test_a_recipient_leads_to_its_inbox_and_project(desk: Desk, to: str, inbox: str) -> None:
    code, text, row = desk.told(to)
    assert (code, row["inbox"]) == (250, inbox)
    assert row["issue"].startswith("SUP-")
    assert f"{row['issue']} created" in text


@pytest.mark.setting("inbox.max_size")
def test_a_recipient_may_take_smaller_mails_than_the_server(desk: Desk) -> None:
    with desk.server.client() as client:
        client.ehlo("client.example")
        client.mail(NOBODY, ["SIZE=4096"])
        declared = client.rcpt("small@example.org")
        assert client.rcpt("support@example.org")[0] == 250
    assert (declared[0], declared[1].startswith(b"5.3.4 rcpt.size")) == (552, True)
    # Who doesn't declare it hears so after DATA.
    code, text, row = desk.told("small@example.org", body="x" * 60 + "\n" + ("y" * 60 + "\n") * 40)
    assert (code, text.startswith("5.3.4 rcpt.size"), row["outcome"]) == (552, True, "rejected")
    assert desk.told("small@example.org")[0] == 250


@pytest.mark.setting("inbox.active")
def test_an_inactive_inbox_refuses_at_rcpt(desk: Desk) -> None:
    code, text, row = desk.told("away@example.org")
    assert (code, row["outcome"], row["reason"]) == (550, "rejected", "rcpt.inactive")
    assert text.startswith("5.2.1 rcpt.inactive")


@pytest.mark.setting(
    "inbox.issue_type", "inbox.language", "inbox.defaults.priority", "inbox.defaults.tags", "project.issue_types.name"
)
def test_a_new_issue_has_the_fields_that_its_inbox_says(desk: Desk) -> None:
    plain, task = desk.made("support@example.org"), desk.made("tasks@example.org")
    assert (plain.type, plain.language, plain.priority, plain.tags) == ("incident", "en", "normal", [])
    assert (task.type, task.language, task.priority, task.tags) == ("task", "de", "urgent", ["mail", "night"])


@pytest.mark.setting("project.issue_types.prefix")
def test_a_type_prefix_finds_an_issue_of_that_type_alone(desk: Desk) -> None:
    issue = desk.made("support@example.org")
    found = desk.made("support@example.org", subject=f"Re: [IN:{issue.number:06}] Printer")
    assert found.key == issue.key
    assert desk.made("support@example.org", subject=f"Re: [TK:{issue.number}] Printer").key != issue.key


@pytest.mark.setting("inbox.unknown_senders")
@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("closed@example.org", (550, "rejected", "sender.unknown")),
        ("looked-at@example.org", (250, "held", "sender.unknown")),
        ("support@example.org", (250, "created", "thread.new")),
    ],
)
def test_who_is_not_registered(desk: Desk, to: str, expected: tuple[int, str, str]) -> None:
    author = f"new@{expected[1]}.example"
    assert ending(desk, to, author) == expected
    assert (desk.one(PersonAddress, address=author) is not None) is (expected[1] == "created")


@pytest.mark.setting("inbox.unmatched")
@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("support@example.org", (250, "created", "thread.new")),
        ("alerts@example.org", (550, "rejected", "thread.unmatched")),
        ("partners@example.org", (250, "held", "thread.unmatched")),
        ("sink@example.org", (250, "discarded", "thread.unmatched")),
    ],
)
def test_what_belongs_to_no_issue(desk: Desk, to: str, expected: tuple[int, str, str]) -> None:
    assert ending(desk, to, "ana@partner.example") == expected


@pytest.mark.setting("inbox.allowed_domains.domain", "inbox.denied_senders", "inbox.ignored_senders")
@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("eva@partner.example", (250, "held", "thread.unmatched")),
        ("eva@north.customer.example", (250, "held", "thread.unmatched")),
        ("eva@customer.example", (550, "rejected", "sender.domain")),
        ("eva@south.partner.example", (550, "rejected", "sender.domain")),
        ("bob@partner.example", (550, "rejected", "sender.denied")),
        ("the.noreply@partner.example", (250, "discarded", "sender.ignored")),
        ("eva@bulk.partner.example", (250, "discarded", "sender.ignored")),
    ],
)
def test_which_authors_an_inbox_takes(desk: Desk, author: str, expected: tuple[int, str, str]) -> None:
    assert ending(desk, "partners@example.org", author) == expected


@pytest.mark.setting("inbox.separators")
@pytest.mark.parametrize(("to", "cut"), [("lines@example.org", True), ("support@example.org", False)])
def test_what_stands_below_a_separator_line_is_history(desk: Desk, to: str, cut: bool) -> None:
    # Of a thread that we never saw; what an issue has heard is hidden where it is known, with a line or without one.
    body = "New.\n\n~~~ history of this issue ~~~\nOld.\n"
    issue = desk.made(to, subject="Re: Printer", extra=f"In-Reply-To: <unseen-by-{to}>", body=body)
    assert ("Old." in issue.body_text) is not cut
    assert "New." in issue.body_text


@pytest.mark.setting("inbox.auto_reply.enabled", "project.name")
def test_who_is_answered_and_who_by(desk: Desk) -> None:
    author = "dora@customer.example"
    issue = desk.made("support@example.org", author, extra="Cc: eva@customer.example")
    answer = desk.one(OutboxMail, issue_id=issue.id)
    assert answer.rcpt_to == author
    assert b"From: Our Support <support@example.org>" in answer.octets
    assert b"eva@" not in answer.octets
    desk.made("support@example.org", author, subject="Re", extra=f"In-Reply-To: <{desk.count}@client.example>")
    assert desk.one(OutboxMail, issue_id=issue.id).id == answer.id
    assert desk.one(OutboxMail, issue_id=desk.made("tasks@example.org", author).id) is None


@pytest.mark.setting("person.name", "person.addresses", "person.organisation", "organisation.name")
def test_a_person_is_known_by_any_of_their_addresses(desk: Desk) -> None:
    for address in ("ana@acme.example", "AR@acme.example"):
        issue = desk.made("closed@example.org", address)
        person = desk.one(Person, id=issue.reporter_id)
        assert person.name == "Ana Ruiz"
        assert desk.one(Organisation, id=issue.organisation_id).name == "Acme"


@pytest.mark.setting("person.roles")
def test_an_agent_may_write_to_every_issue_of_the_project(desk: Desk) -> None:
    issue = desk.made("support@example.org")
    subject = f"Re: [{issue.key}]"
    assert desk.made("support@example.org", "ana@acme.example", subject=subject).key == issue.key
    assert desk.made("support@example.org", "eva@acme.example", subject=subject).key != issue.key
