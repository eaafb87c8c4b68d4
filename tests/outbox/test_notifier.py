"""Who hears what of an issue: from a mail's octets, or an operator's change, to the mails in the outbox."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from smtpintake.decide.policy import read_document
from smtpintake.intake.submission import Submission
from smtpintake.outbox import letters
from smtpintake.outbox.letters import Writer
from smtpintake.outbox.notifier import LATER, Notifier
from smtpintake.store import audience, events
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.configure import apply
from smtpintake.store.edit import add_comment, edit_issue
from smtpintake.store.schema import AddressScore, Comment, Event, OutboxMail, ThreadKey
from smtpintake.store.tracker import issue_view
from smtpintake.wiring import load_templates
from tests import make
from tests.decide.verdicts import verdict
from tests.intake.test_forwarded import FORWARD
from tests.intake.test_record import MIXED, PDF, SECRET, World, mail

ANA, BEN, CARA, DORA = "ana@example.org", "ben@example.org", "cara@customer.example", "dora@elsewhere.example"
ALL = ["created", "comment", "status", "assignment"]
BY_CARA = f"Cara <{CARA}> wrote:"
STAYS = "What you answer to this mail is not visible to customers either."


class Desk(World):
    """A tracker with two who work on it: Ana, an agent, and Ben, a manager. Cara is registered; nobody is verified."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url)
        self.blobs = FileBlobs(folder / "blobs")
        self.configure()

    def configure(self, inbox: dict[str, Any] | None = None, people: Sequence[Any] = (), **notify: Any) -> None:
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
                *people,
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


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(database_url, tmp_path)
    yield desk
    desk.blobs.close()
    desk.database.close()


_templates = cache(load_templates)


def notifier(desk: Desk, now: datetime) -> Notifier:
    return Notifier(desk.database, desk.snapshots, Writer(_templates(), SECRET, blobs=desk.blobs), lambda: now)


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


# ---- who hears of what -----------------------------------------------------------------------------------------------


def heard(desk: Desk) -> dict[str, str]:
    """To whom the notifier writes now, and what."""
    return {each.rcpt_to: " ".join(content(each).split()[6:]) for each in notified(desk)}


@pytest.mark.setting("project.notify.unassigned", "project.notify.assignee")
def test_agents_hear_of_what_nobody_is_assigned_to(desk: Desk) -> None:
    desk.configure(unassigned=["created", "comment"])
    desk.submit(mail(message_id="m1@customer.example"))
    assert heard(desk) == {ANA: f"{BY_CARA} Help!", BEN: f"{BY_CARA} Help!"}
    desk.set(assignee=BEN)
    assert heard(desk) == {BEN: "Ben is working on it now. Support support@example.org"}
    desk.submit(mail(subject="Re: [SUP-1]", body="Hurry!\r\n"))
    assert heard(desk) == {BEN: f"{BY_CARA} Hurry!"}


@pytest.mark.setting("project.notify.agents", "project.notify.managers", "project.notify.members")
@pytest.mark.parametrize("role", ["agents", "managers"])
def test_a_role_hears_of_what_the_project_says(desk: Desk, role: str) -> None:
    desk.configure(**{role: ["created"]})
    desk.submit(mail())
    assert heard(desk) == {{"agents": ANA, "managers": BEN}[role]: f"{BY_CARA} Help!"}
    desk.set(status="closed")
    assert list(heard(desk)) == [CARA]


@pytest.mark.setting("project.notify.participants")
def test_those_who_take_part_hear_of_what_the_project_says(desk: Desk) -> None:
    desk.configure(participants=["status"])
    desk.created()
    desk.comment("Use the extinguisher.")
    assert heard(desk) == {}
    desk.set(status="closed")
    (sent,) = notified(desk)
    assert (sent.rcpt_to, sent.kind, sent.automatic) == (CARA, "notice", True)
    assert parsed(sent)["Auto-Submitted"] == "auto-generated"
    assert "changed from open to closed" in content(sent)
    assert desk.rows(Event)[-1].note == f"to {CARA}"


@pytest.mark.setting("inbox.notify_created")
def test_the_mail_that_made_the_issue_may_be_no_news(desk: Desk) -> None:
    desk.configure({"notify_created": False}, unassigned=ALL)
    desk.submit(mail())
    assert heard(desk) == {}


def test_an_internal_comment_reaches_only_who_works_on_it(desk: Desk) -> None:
    desk.configure(unassigned=ALL)
    desk.created()
    desk.comment("She is a VIP.", ANA, internal=True)
    assert heard(desk) == {BEN: f"Ana Ruiz, not visible to customers: She is a VIP. {STAYS}"}


def test_internal_and_other_words_go_apart(desk: Desk) -> None:
    """As what answers the one is internal, and what answers the other is not."""
    desk.configure(unassigned=ALL)
    desk.created()
    desk.comment("She is a VIP.", ANA, internal=True)
    desk.comment("We are on our way.", ANA)
    mails = [each for each in notified(desk) if each.rcpt_to == BEN]
    assert [f"{STAYS}" in " ".join(content(each).split()) for each in mails] == [False, True]
    assert len({parsed(each)["Reply-To"] for each in mails}) == 2
    for each in mails:
        to = str(parsed(each)["Reply-To"])
        desk.submit(mail(to, author=f"Ben <{BEN}>", mail_from=BEN, subject="Re: it", body=f"{each.id}\r\n"))
    assert [comment.internal for comment in desk.rows(Comment)] == [True, False, False, True]


def test_whoever_did_it_is_not_told_at_any_address_of_theirs(desk: Desk) -> None:
    desk.configure(unassigned=ALL)
    desk.created()
    desk.submit(answer(author="Ana <ar@example.org>"))
    assert list(heard(desk)) == [BEN, CARA]


def test_those_in_copy_have_an_agents_answer_once(desk: Desk) -> None:
    desk.created(extra=f"Cc: Dora <{DORA}>\r\n")
    desk.submit(answer(extra=f"Cc: {DORA}\r\n"))
    assert list(heard(desk)) == [CARA]
    assert f"not {DORA}: the mail went there by itself" in desk.rows(Event)[-1].note
    desk.submit(answer(body="And this.\r\n"))
    assert heard(desk) == {CARA: "And this.", DORA: "And this."}


def test_nobody_hears_from_us_who_never_asked(desk: Desk) -> None:
    """Dora was put in Cc by whoever wrote: only what an agent answers reaches her."""
    desk.created(extra=f"Cc: Dora <{DORA}>\r\n")
    desk.submit(mail(subject="Re: [SUP-1]", body="Buy this!\r\n"))
    desk.set(status="closed")
    assert DORA not in heard(desk)
    why = f"not {DORA}: neither registered nor proved, and this is no agent's answer"
    with desk.database.session() as session:
        issue = issue_view(session, "SUP-1")
    assert issue is not None
    assert why in issue["untold"]
    assert [comment["untold"] for comment in issue["comments"]] == [[why]]


@pytest.mark.parametrize(("auth", "hears"), [(verdict("fail"), []), (verdict("pass", aligned="spf"), [CARA])])
def test_who_forges_a_customer_does_not_get_their_own_words_to_them(desk: Desk, auth: Any, hears: list[str]) -> None:
    desk.created(author=f"Cara <{CARA}>", mail_from=CARA, auth=auth, extra=f"Cc: {DORA}\r\n")
    proved = verdict("pass", aligned="spf")
    desk.submit(mail(author=f"Dora <{DORA}>", mail_from=DORA, auth=proved, subject="Re: [SUP-1]", body="Buy this!\r\n"))
    assert list(heard(desk)) == hears


def test_a_machines_answer_is_told_to_nobody(desk: Desk) -> None:
    desk.configure(unassigned=ALL, participants=ALL)
    desk.created()
    away = mail(subject="Re: [SUP-1]", extra="Auto-Submitted: auto-replied\r\n", body="I am away.\r\n")
    assert "commented" in desk.submit(away)[0]
    assert heard(desk) == {}


@pytest.mark.parametrize("name", ["Support", ""])
def test_no_customer_speaks_for_the_inbox(desk: Desk, name: str) -> None:
    desk.configure(agents=["comment"])
    desk.created()
    desk.submit(mail(author=f"{name} <{CARA}>", subject="Re: [SUP-1] Printer on fire", message_id="m2@x.example"))
    (sent,) = notified(desk)
    assert parsed(sent)["From"].addresses[0].display_name == f"{name} (via Support)".strip()


def test_what_an_agent_passes_on_is_in_the_words_of_its_author(desk: Desk) -> None:
    desk.configure(managers=["created"])
    desk.submit(mail(author=f"Ana Ruiz <{ANA}>", mail_from=ANA, auth=verdict("pass", aligned="spf"), body=FORWARD))
    (sent,) = notified(desk)
    assert (sent.rcpt_to, parsed(sent)["From"].addresses[0].display_name) == (BEN, "Cara Roe (via Support)")
    assert BY_CARA.replace("Cara", "Cara Roe") in content(sent)


def test_customers_of_a_project_keep_no_agent_from_being_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [{"name": f"C{n}", "addresses": [f"c{n}@x.example"], "roles": {"SUP": "customer"}} for n in range(3)]
    agent = {"name": "Ada", "addresses": ["ada@example.org"], "roles": {"SUP": "agent"}}
    desk.configure(agents=["created"], people=[*people, agent])
    monkeypatch.setattr(audience, "MAX_PEOPLE", 4)
    desk.submit(mail())
    assert [sent.rcpt_to for sent in notified(desk)] == ["ada@example.org", ANA]


def test_the_backlog_of_an_issue_is_told_in_mails_of_a_bounded_length(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.created()
    monkeypatch.setattr(events, "MAX_PENDING", 2)
    for number in range(3):
        desk.comment(f"Answer {number}", ANA)
    told = [content(sent) for _ in range(3) for sent in notified(desk)]
    assert [[f"Answer {number}" in text for number in range(3)] for text in told] == [
        [True, True, False],
        [False, False, True],
    ]


def test_an_operator_speaks_for_the_inbox(desk: Desk) -> None:
    desk.created()
    desk.comment("On our way.")
    (sent,) = notified(desk)
    assert parsed(sent)["From"] == "Support <support@example.org>"


@pytest.mark.setting("inbox.subaddresses")
def test_where_there_are_no_subaddresses_the_message_id_is_the_key(desk: Desk) -> None:
    desk.configure({"subaddresses": False})
    desk.created()
    desk.comment("Use the extinguisher.")
    (sent,) = notified(desk)
    assert (parsed(sent)["Reply-To"], sent.mail_from) == ("support@example.org", "support@example.org")
    reply = mail(subject="no token", extra=f"In-Reply-To: <{sent.message_id}>\r\n", body="Thanks!\r\n")
    assert "SUP-1 commented" in desk.submit(reply)[0]


# ---- in one mail -----------------------------------------------------------------------------------------------------


@pytest.mark.setting("project.notify.fold_seconds")
def test_what_happens_within_a_minute_goes_in_one_mail(desk: Desk) -> None:
    desk.configure(fold_seconds=60)
    desk.submit(mail(message_id="m1@customer.example"))
    notified(desk, make.NOW + timedelta(minutes=2))
    desk.comment("Use the extinguisher.", ANA)
    desk.comment("And leave.", BEN)
    desk.set(status="closed")
    desk.set(status="open")
    assert notified(desk, make.NOW + timedelta(seconds=59)) == []
    to_ana, to_ben, to_cara = notified(desk, make.NOW + timedelta(seconds=60))
    assert "And leave." in content(to_ana)
    assert "Use the extinguisher." in content(to_ben)
    assert content(to_cara).index("Ana Ruiz wrote:") < content(to_cara).index("Ben wrote:")
    assert "status" not in content(to_cara)  # it is as it was
    assert parsed(to_cara)["From"] == "Support <support@example.org>"
    assert notified(desk, make.NOW + timedelta(hours=1)) == []


def test_an_answer_that_closes_says_so_in_the_same_mail(desk: Desk) -> None:
    desk.configure({"require": "none"})
    desk.created()
    proved = verdict(dkim="pass", aligned="dkim")
    desk.submit(answer(body="#status closed\r\n\r\nDone.\r\n", auth=proved))
    assert heard(desk) == {CARA: "Done. The status changed from open to closed."}


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.setting("project.notify.max_attachments")
@pytest.mark.parametrize("limit", [1000, 10])
def test_attachments_go_along_as_far_as_a_mail_carries_them(desk: Desk, limit: int) -> None:
    desk.configure(max_attachments=limit)
    desk.created()
    desk.submit(answer(extra=MIXED, body=PDF))
    (sent,) = notified(desk)
    files = {part.get_filename(): part.get_payload(decode=True) for part in parsed(sent).iter_attachments()}
    assert files == ({"log.pdf": b"hello world"} if limit == 1000 else {})
    assert ("log.pdf" in content(sent)) == (limit == 10)


# ---- once, whatever happens ------------------------------------------------------------------------------------------


def test_several_notifiers_tell_once(desk: Desk) -> None:
    desk.created()
    for number in range(10):
        desk.submit(mail(message_id=f"x{number}@customer.example"))
        desk.comment(f"Answer {number}.")
    several = [Thread(target=notifier(desk, make.NOW).tell_due) for _ in range(4)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    assert notified(desk) == []
    told = [content(each) for each in desk.rows(OutboxMail) if each.kind == "comment"]
    assert sum(text.count("Answer") for text in told) == 10


@pytest.mark.parametrize("fault", [ZeroDivisionError(), IntegrityError("INSERT", None, ValueError("not unique"))])
def test_a_fault_with_one_issue_keeps_no_other_waiting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    desk.configure(unassigned=["created"])
    desk.submit(mail(subject="bad"), mail(subject="good"))
    compose = letters.compose_notification

    def faulty(told: Any, *others: Any) -> Any:
        if told.title == "bad":
            raise fault
        return compose(told, *others)

    monkeypatch.setattr(letters, "compose_notification", faulty)
    assert {parsed(each)["Subject"] for each in notified(desk)} == {"Re: [SUP-2] good"}
    (waiting,) = [each for each in desk.rows(Event) if each.told_at is None]
    assert type(fault).__name__ in waiting.note
    monkeypatch.undo()
    assert notified(desk) == []
    assert len(notified(desk, make.NOW + LATER)) == 2


def test_a_stopped_address_is_told_nothing(desk: Desk) -> None:
    desk.created()
    with desk.database.write() as connection:
        insert = AddressScore.__table__.insert()
        connection.execute(insert.values(address=CARA, score=16.0, scored_at=make.NOW, reports=1, last="550 no"))
    desk.comment("Use the extinguisher.")
    assert heard(desk) == {}
    assert f"mail to {CARA} is stopped" in desk.rows(Event)[-1].note
