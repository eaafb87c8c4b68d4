"""Who hears what of an issue: from a mail's octets, or an operator's change, to the mails in the outbox."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from smtpintake.decide.policy import read_document
from smtpintake.intake.submission import Submission
from smtpintake.outbox.letters import Writer
from smtpintake.outbox.notifier import Notifier
from smtpintake.store.configure import apply
from smtpintake.store.edit import add_comment, edit_issue
from smtpintake.store.schema import OutboxMail, ThreadKey
from smtpintake.store.types import Table
from smtpintake.wiring import load_templates
from tests import make
from tests.intake.test_record import SECRET, World, mail

ANA, BEN, CARA, DORA = "ana@example.org", "ben@example.org", "cara@customer.example", "dora@elsewhere.example"
ALL = ["created", "comment", "status", "assignment"]


class Desk(World):
    """A tracker with two who work on it: Ana, an agent, and Ben, a manager. Cara is registered; nobody is verified."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        Table.metadata.create_all(self.database.engine)
        self.configure()

    def configure(self, inbox: dict[str, Any] | None = None, **notify: Any) -> None:
        document = {
            "project": [{"key": "SUP", "name": "Support", "notify": {"unassigned": [], **notify}}],
            "inbox": [
                {
                    "name": "support",
                    "addresses": ["support@example.org"],
                    "project": "SUP",
                    "unknown_senders": "create",
                    "require": "none",
                    **(inbox or {}),
                }
            ],
            "person": [
                {"name": "Ana Ruiz", "addresses": [ANA, "ar@example.org"], "roles": {"SUP": "agent"}},
                {"name": "Ben", "addresses": [BEN], "roles": {"SUP": "manager"}},
                {"name": "Cara", "addresses": [CARA]},
            ],
        }
        with self.database.writing() as session:
            apply(session, read_document(document), "test", prune=False, now=make.NOW)

    def comment(self, text: str, author: str = "", *, internal: bool = False) -> None:
        with self.database.writing() as session:
            add_comment(session, "SUP-1", text, author=author, operator="root", internal=internal, now=make.NOW)

    def set(self, **values: str) -> None:
        with self.database.writing() as session:
            edit_issue(session, "SUP-1", values.items(), make.NOW)

    def created(self, **values: Any) -> None:
        """Cara makes SUP-1, of which nobody is told."""
        self.submit(mail(message_id="m1@customer.example", **values))
        notified(self)


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    sqlite = request.param == "sqlite"
    desk = Desk(f"sqlite:///{tmp_path}/test.db" if sqlite else str(request.getfixturevalue("postgres_url")))
    yield desk
    desk.database.close()


def notifier(desk: Desk, now: datetime) -> Notifier:
    return Notifier(desk.database, desk.snapshots, Writer(load_templates(), SECRET), lambda: now)


def notified(desk: Desk, now: datetime = make.NOW) -> list[OutboxMail]:
    """What the notifier puts into the outbox now, by recipient."""
    before = {each.id for each in desk.rows(OutboxMail)}
    notifier(desk, now).tell_due()
    return sorted((each for each in desk.rows(OutboxMail) if each.id not in before), key=lambda each: each.rcpt_to)


def parsed(sent: OutboxMail) -> EmailMessage:
    return message_from_bytes(sent.octets, policy=policy.default)


def content(sent: OutboxMail, form: str = "plain") -> str:
    body = parsed(sent).get_body((form,))
    assert body is not None
    return str(body.get_content())


def answer(author: str = f"Ana Ruiz <{ANA}>", body: str = "Use *this*.\r\n", **values: Any) -> Submission:
    """A mail of somebody who works on SUP-1."""
    address = author.partition("<")[2].rstrip(">")
    return mail(author=author, mail_from=address, subject="Re: [SUP-1] Printer on fire", body=body, **values)


def test_an_agents_answer_goes_to_the_customer(desk: Desk) -> None:
    desk.created()
    (reply,) = desk.submit(answer())
    assert "SUP-1 commented" in reply
    (sent,) = notified(desk)
    told = parsed(sent)
    assert (sent.rcpt_to, sent.kind, sent.state, sent.comment_id) == (CARA, "comment", "queued", 1)
    assert told["From"] == '"Ana Ruiz (Support)" <support@example.org>'
    assert told["To"] == CARA
    assert told["Subject"] == "Re: [SUP-1] Printer on fire"
    assert content(sent).split() == ["--", "reply", "above", "this", "line", "--", "Use", "*this*."]
    assert told["Auto-Submitted"] == "no"
    assert told["X-Smtpintake-Loop"]
    assert notified(desk) == []


def test_what_answers_our_mail_finds_the_issue(desk: Desk) -> None:
    desk.created()
    desk.submit(answer())
    (sent,) = notified(desk)
    told = parsed(sent)
    keyed = told["Reply-To"]
    assert keyed.startswith("support+")
    assert sent.mail_from.startswith("support+")
    assert sent.mail_from != keyed
    assert sent.bounce_key in sent.mail_from
    keys = {(key.value, key.owner) for key in desk.rows(ThreadKey)}
    assert {(sent.message_id, CARA), (keyed[8:24], CARA)} <= keys
    root, anchor = told["References"].split()
    assert root == "<m1@customer.example>"
    later = make.NOW + timedelta(minutes=1)
    thanks = mail(keyed, subject="something else", body="Thanks!\r\n", message_id="m2@c.example", received_at=later)
    (reply,) = desk.submit(thanks)
    assert "SUP-1 commented" in reply
    desk.submit(answer(body="You are welcome.\r\n"))
    to_ana, again = notified(desk)
    assert (to_ana.rcpt_to, again.rcpt_to) == (ANA, CARA)
    assert parsed(to_ana)["Auto-Submitted"] == "auto-generated"
    assert parsed(again)["References"].split() == [root, anchor, "<m2@c.example>"]
    assert parsed(again)["In-Reply-To"] == "<m2@c.example>"


def test_each_is_written_to_in_their_own_language_and_else_in_that_of_the_issue(desk: Desk) -> None:
    desk.configure({"language": "pl"})
    with desk.database.writing() as session:
        cara = {"name": "Cara", "addresses": [CARA], "language": "fr"}
        apply(session, read_document({"person": [cara]}), "test", prune=False, now=make.NOW)
    desk.created()
    desk.set(assignee=ANA)
    desk.set(status="closed")
    languages = {each.rcpt_to: message_from_bytes(each.octets)["Content-Language"] for each in notified(desk)}
    assert languages == {ANA: "pl", CARA: "fr"}
