"""What comes back: from a report's octets to marks, notes, and mail that is not sent any more."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.replyaddress import bounce_key, message_id
from smtpintake.convert.draft import draft
from smtpintake.decide.analysis import Analysis
from smtpintake.intake.analysis import Task, analyse
from smtpintake.intake.answer import Answerer
from smtpintake.intake.explain import explain
from smtpintake.intake.record import Recorder
from smtpintake.intake.spool import Received
from smtpintake.intake.submission import Raw, Submission
from smtpintake.mail.ids import new_id
from smtpintake.mail.parse import read
from smtpintake.store import addresses
from smtpintake.store.outbox import enqueue
from smtpintake.store.rows import Rows
from smtpintake.store.schema import AddressScore, Comment, Issue, LogRow, OutboxMail, Trace
from smtpintake.wiring import load_templates
from tests import make
from tests.intake.office import Office, opened
from tests.intake.test_record import IMPATIENT, SECRET, World, mail
from tests.mail import letters, reports
from tests.mail.reports import PER_MAIL

CARA = "cara@customer.example"


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[Office]:
    for office in opened(database_url, tmp_path):
        office.configure(unknown_senders="create", forward_unprocessed_to="")
        # Her next mail is answered as well, however soon it comes.
        answerer = Answerer(SECRET, load_templates(), IMPATIENT)
        office.recorder = Recorder(office.snapshots, answerer, "mx.example.org")
        yield office


def given(
    raw: bytes, *recipients: str, mail_from: str | None = None, received_at: datetime | None = None
) -> Submission:
    """A mail of these octets, as it is handed to the recorder."""
    message = read(raw)
    now = received_at or datetime.now(UTC)
    envelope = make.envelope(*recipients, mail_from=mail_from, transaction_id=new_id(now), received_at=now)
    return Submission(envelope, Raw(len(raw), message.sha256, raw), Analysis(message, draft(message, ())), None, 0.0)


def dsn(sent_id: str, address: str = CARA, *, status: str = "5.1.1", action: str = "failed") -> bytes:
    group = f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; 550 no"
    original = f"Content-Type: text/rfc822-headers\n\nMessage-ID: <{sent_id}>\n"
    return reports.report(PER_MAIL, group, original=original).replace(
        b"Ana <ana@example.com>", b"MAILER-DAEMON@mx.customer.example"
    )


def answered(world: World) -> OutboxMail:
    """Cara writes, and is answered."""
    world.submit(mail())
    (sent,) = world.rows(OutboxMail)
    return sent


def last_row(world: World) -> tuple[str, str]:
    row = world.rows(LogRow)[-1]
    return row.outcome, row.reason


def last_trace(world: Office) -> dict[str, str]:
    return world.trace(world.rows(LogRow)[-1].id)[-1]


def test_a_hard_bounce_marks_mail_and_address_notes_it_and_stops_further_mail(world: Office) -> None:
    sent = answered(world)
    (before,) = world.rows(Issue)
    (reply,) = world.submit(given(dsn(sent.message_id), "support@example.org"))
    assert reply.startswith("250 2.0.0 SUP-1 commented")
    assert last_row(world) == ("commented", "report.bounce")
    (note,), (marked,), (score,) = world.rows(Comment), world.rows(OutboxMail), world.rows(AddressScore)
    assert (note.internal, note.issue_id) == (True, before.id)
    assert CARA in note.body_text
    assert "5.1.1" in note.body_text
    assert note.hidden_text == f"{note.body_text}\n\nIt failed."
    assert (marked.bounced, marked.bounce) == ("hard", "failed 5.1.1 550 no")
    assert (score.address, score.score, score.reports) == (CARA, 16.0, 1)
    assert (world.rows(Issue)[0].status, world.count(Issue)) == (before.status, 1)
    # What she writes still becomes an issue, and is not answered.
    (reply,) = world.submit(mail(subject="Another"))
    assert "SUP-2 created" in reply
    assert world.count(OutboxMail) == 1
    assert last_trace(world) == {
        "check": "auto_reply",
        "result": "none",
        "detail": f"mail to {CARA} is stopped: failed 5.1.1 550 no",
    }


def test_forgiven_is_forgotten(world: Office) -> None:
    sent = answered(world)
    world.submit(given(dsn(sent.message_id)))
    with world.database.write() as connection:
        assert addresses.forgive(connection, [CARA, "nobody@example.com"]) == 1
    world.submit(mail())
    assert world.count(OutboxMail) == 2


def test_a_soft_bounce_stops_nothing_yet(world: Office) -> None:
    sent = answered(world)
    world.submit(given(dsn(sent.message_id, status="5.2.2")))
    world.submit(mail())
    assert [one.bounced for one in world.rows(OutboxMail)] == ["soft", None]
    assert [score.score for score in world.rows(AddressScore)] == [1.0]


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda sent: dsn("SUP-1.autoreply.0.aaaaaaaaaaaaaaaa@example.org"), id="no mail of ours"),
        pytest.param(lambda sent: dsn(sent.message_id, "ana@example.org"), id="not whom we sent it to"),
        pytest.param(lambda sent: dsn(sent.message_id.upper()), id="nearly the Message-ID"),
        pytest.param(lambda sent: dsn("x@example.org").replace(b"It failed", sent.message_id.encode()), id="in words"),
    ],
)
def test_a_forged_report_changes_nothing_and_is_logged_as_such(world: Office, forged: Any) -> None:
    sent = answered(world)
    (reply,) = world.submit(given(forged(sent)))
    assert reply.startswith("250 2.0.0 accepted, not processed")
    assert last_row(world) == ("discarded", "report.unproved")
    assert last_trace(world)["result"] == "unproved"
    assert (world.count(Comment), world.count(AddressScore), world.count(Issue)) == (0, 0, 1)
    assert world.rows(OutboxMail)[0].bounced is None
    world.submit(mail())
    assert world.count(OutboxMail) == 2


def test_whoever_is_in_the_thread_cannot_stop_mail_to_another_who_writes(world: Office) -> None:
    """Eve was copied on Cara's answer, whose In-Reply-To is our Message-ID."""
    sent = answered(world)
    later = mail(extra=f"In-Reply-To: <{sent.message_id}>\r\n", received_at=datetime.now(UTC) + timedelta(minutes=1))
    world.submit(later)
    world.submit(given(dsn(sent.message_id)))
    assert world.rows(OutboxMail)[0].bounced == "soft"
    world.submit(mail())
    assert world.count(OutboxMail) == 2


def test_the_same_report_again_adds_nothing(world: Office) -> None:
    sent = answered(world)
    first, again = dsn(sent.message_id), dsn(sent.message_id).replace(b"It failed", b"It did fail")
    world.submit(given(first), given(first), given(again))
    world.submit(given(again))
    assert (world.count(Comment), [score.reports for score in world.rows(AddressScore)]) == (1, [1])
    outcomes = [row.outcome for row in world.rows(LogRow)]
    assert outcomes == ["created", "commented", "duplicate", "discarded", "duplicate"]


def test_a_report_to_two_inboxes_is_one_note(world: Office) -> None:
    sent = answered(world)
    world.submit(given(dsn(sent.message_id), "support@example.org", "open@example.org"))
    (note,) = world.rows(Comment)
    assert [(row.outcome, row.comment_id) for row in world.rows(LogRow)[1:]] == [("commented", note.id)] * 2
    assert [score.reports for score in world.rows(AddressScore)] == [1]


def test_a_delay_is_nothing_yet(world: Office) -> None:
    sent = answered(world)
    world.submit(given(dsn(sent.message_id, action="delayed", status="4.4.1")))
    assert last_row(world) == ("discarded", "origin.automatic")
    assert (world.count(Comment), world.count(AddressScore)) == (0, 0)


def test_a_complaint_stops_mail_as_well(world: Office) -> None:
    sent = answered(world)
    fields = f"Feedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: <{CARA}>"
    original = f"Content-Type: message/rfc822\n\nMessage-ID: <{sent.message_id}>\nTo: {CARA}\n\nThank you."
    raw = reports.report(fields, original=original, media_type="message/feedback-report", kind="feedback-report")
    world.submit(given(raw, mail_from="fbl@provider.example"))
    assert last_row(world) == ("commented", "report.complaint")
    world.submit(mail())
    assert [one.bounced for one in world.rows(OutboxMail)] == ["complaint"]
    assert "complains" in world.rows(Comment)[0].body_text


@pytest.mark.parametrize(
    "settings", [{"unknown_senders": "reject"}, {"unmatched": "reject"}, {"denied_senders": ["@mx"]}]
)
def test_whatever_the_inbox_wants_a_report_is_a_note(world: Office, settings: dict[str, Any]) -> None:
    sent = answered(world)
    world.configure(**settings)
    world.submit(given(dsn(sent.message_id)))
    assert last_row(world) == ("commented", "report.bounce")


# ---- the variable envelope return path -------------------------------------------------------------------------------


def notified(world: World, number: int = 1) -> str:
    """A mail to Cara about SUP-1 with a reverse-path of its own; the subaddress of that."""
    own_id = message_id(SECRET, "SUP-1", "notify", str(number), "example.org")
    key = bounce_key(SECRET, own_id, CARA)
    sent = Outgoing("notify", f"support+{key}@example.org", CARA, "SUP-1", own_id, b"x", None, key)
    rows = Rows()
    enqueue(rows, sent, datetime.now(UTC), issue_id=world.rows(Issue)[0].id, comment_id=None, log_id=new_id(make.NOW))
    with world.database.write() as connection:
        rows.insert(connection)
    return key


def test_a_bounce_key_says_which_mail_came_back_whatever_the_report_holds(world: Office) -> None:
    answered(world)
    raw = dsn("unknown@example.com")
    world.submit(given(raw, f"support+{notified(world).upper()}@example.org"))
    assert [one.bounced for one in world.rows(OutboxMail)] == [None, "hard"]
    assert last_row(world) == ("commented", "report.bounce")


def test_a_bounce_key_of_another_mail_proves_nothing_of_this_recipient(world: Office) -> None:
    answered(world)
    world.submit(given(dsn("x@example.com", "ana@example.org"), f"support+{notified(world)}@example.org"))
    assert last_row(world) == ("discarded", "report.unproved")


@pytest.mark.parametrize("key", ["a" * 16, "z" * 16])
def test_a_guessed_key_leads_nowhere(world: Office, key: str) -> None:
    answered(world)
    notified(world)
    world.submit(given(dsn("x@example.com"), f"support+{key}@example.org"))
    assert last_row(world) == ("discarded", "report.unproved")


# ---- machines that answer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        "Auto-Submitted: auto-replied\r\n",
        "X-Autoreply: yes\r\n",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n",
    ],
    ids=["vacation", "older", "read receipt"],
)
@pytest.mark.parametrize("mail_from", [None, CARA])
def test_an_automatic_answer_is_kept_and_reopens_nothing(world: Office, fields: str, mail_from: str | None) -> None:
    sent = answered(world)
    with world.database.write() as connection:
        closed = {"status": "done", "closed_at": datetime.now(UTC)}
        connection.execute(update(Issue.__table__).values(**closed))
    world.submit(mail(extra=f"In-Reply-To: <{sent.message_id}>\r\n{fields}", mail_from=mail_from))
    assert last_row(world) == ("commented", "thread.reference")
    (issue,), (comment,) = world.rows(Issue), world.rows(Comment)
    assert (issue.status, issue.closed_at is not None, comment.internal) == ("done", True, False)
    assert world.count(OutboxMail) == 1


def test_a_person_who_writes_through_a_list_is_that_person(world: Office) -> None:
    world.submit(mail(extra="List-Id: <team.customer.example>\r\nPrecedence: list\r\n"))
    (issue,) = world.rows(Issue)
    assert issue.reporter_address == CARA
    # Not answered: the answer might go to the list.
    assert world.count(OutboxMail) == 0


def test_scores_of_which_nothing_is_left_are_forgotten(world: Office) -> None:
    sent = answered(world)
    world.submit(given(dsn(sent.message_id)))
    with world.database.write() as connection:
        assert addresses.forget(connection, datetime.now(UTC)) == 0
        assert addresses.forget(connection, datetime.now(UTC) + timedelta(days=300)) == 1


def test_the_trace_of_a_report_says_what_proved_it(world: Office) -> None:
    sent = answered(world)
    world.submit(given(dsn(sent.message_id)))
    assert last_trace(world)["detail"] == (f"outgoing mail {sent.id} to {CARA}, by its Message-ID: failed 5.1.1 550 no")
    assert len(world.rows(Trace)) == 2


def test_what_a_report_would_do_is_explained_and_done_to_nothing(world: Office) -> None:
    sent = answered(world)
    bounced = given(dsn(sent.message_id))
    assert bounced.analysis is not None
    policy = world.snapshots.newest.policy
    (told,) = explain(world.database, world.recorder, policy, bounced.envelope, bounced.analysis)
    assert (told.outcome, told.reason, told.issue) == ("commented", "report.bounce", "SUP-1")
    assert (world.count(Comment), world.count(AddressScore)) == (0, 0)


def test_a_postmaster_who_is_a_person_is_heard() -> None:
    octets = letters.mail("Subject: Delivery failure of our order 5", author="postmaster@customer.example")
    for mail_from, origin in (("postmaster@customer.example", "human"), (None, "bounce")):
        task = Task.of(Received(octets, None, len(octets), "0" * 64), make.envelope(mail_from=mail_from), (), None)
        assert analyse(task).message.origin == origin
