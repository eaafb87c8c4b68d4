"""Held mail, on SQLite and on PostgreSQL: released as it came, once, by an operator or because the cause is gone."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpintake.intake import release as releasing
from smtpintake.intake.record import Released
from smtpintake.intake.release import release
from smtpintake.intake.submission import Submission
from smtpintake.mail.envelope import Login
from smtpintake.mail.reason import Reason
from smtpintake.store.held import NotHeldError, discard, held_list
from smtpintake.store.maillog import LogFilter
from smtpintake.store.schema import Attachment, Comment, Issue, IssueLink, LogRow, OutboxMail, RawMail
from tests import make
from tests.decide.verdicts import verdict
from tests.intake.office import CARA, LATER, Office, opened
from tests.intake.test_record import MIXED, PDF, mail


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    yield from opened(database_url, tmp_path)


def test_a_released_mail_becomes_the_issue_that_it_would_have_been(office: Office) -> None:
    (reply,) = office.submit(mail(extra=MIXED, body=PDF, auth=verdict(dkim="pass", aligned="dkim")))
    assert reply.startswith("250 2.0.0 held for review")
    (held_id,) = office.waiting()
    released = office.release()
    assert released is not None
    (issue,) = office.rows(Issue)
    assert (issue.key, issue.reporter_address, issue.proof) == ("SUP-1", "cara@customer.example", "aligned")
    assert (issue.created_at, issue.body_text) == (make.NOW, "See the log.")
    (view,), (raw,) = office.rows(Attachment), office.rows(RawMail)
    assert view.raw_id == raw.id
    held, row = office.row(held_id), office.row(released.log_ids[0])
    assert (held.outcome, held.released_by, held.delivery_key) == ("held", row.id, None)
    assert (row.outcome, row.reason, row.issue_id) == ("created", "thread.new", issue.id)
    assert (row.transaction_id, row.received_at, row.mail_from) == (held.transaction_id, make.NOW, held.mail_from)
    first, *_, waived, _, _ = office.trace(row.id)
    assert first["check"] == "release"
    assert held_id in first["detail"]
    assert (waived["check"], waived["result"]) != ("unknown_senders", "hold")
    assert len(office.rows(OutboxMail)) == 1, "its author is told"
    assert office.waiting() == []


def test_a_released_mail_that_is_sent_again_is_known(office: Office) -> None:
    first = mail(message_id="m1@customer.example")
    office.submit(first)
    office.release()
    (reply,) = office.submit(mail(message_id="m1@customer.example"))
    assert reply.startswith("250 2.0.0 SUP-1 created")
    assert office.count(Issue) == 1


def test_a_mail_is_released_once(office: Office) -> None:
    office.submit(mail())
    held = office.find(office.waiting()[0])
    assert release(office.database, office.recorder, held, office.again(held)) is not None
    assert release(office.database, office.recorder, held, office.again(held)) is None
    with pytest.raises(NotHeldError, match="held no longer: log"):
        office.find(held.ids[0])
    assert office.count(Issue) == 1


def test_of_many_who_release_at_the_same_time_one_does(office: Office) -> None:
    office.submit(mail())
    held = office.find(office.waiting()[0])
    again, barrier = office.again(held), threading.Barrier(4, timeout=30)
    results: list[Released | None] = []

    def try_it() -> None:
        barrier.wait()
        results.append(release(office.database, office.recorder, held, again))

    threads = [threading.Thread(target=try_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result is not None for result in results].count(True) == 1
    assert len(results) == 4
    assert office.count(Issue) == 1


def test_a_release_that_breaks_off_leaves_the_mail_held(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.submit(mail())
    before = office.row(office.waiting()[0])

    def break_off(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(releasing, "link", break_off)
    with pytest.raises(OSError, match="power cut"):
        office.release()
    monkeypatch.undo()
    assert office.count(Issue) == 0
    assert office.row(before.id) == before
    assert office.release() is not None


def test_only_the_check_that_held_it_is_waived(office: Office) -> None:
    office.submit(mail())
    office.configure(denied_senders=["@customer.example"])
    before = office.rows(LogRow)
    released = office.release()
    assert released is not None
    assert released.log_ids == ()
    assert office.rows(LogRow) == before
    assert len(office.waiting()) == 1
    assert office.count(Issue) == 0


def test_what_was_verified_then_counts_now(office: Office) -> None:
    office.configure(require="aligned", on_fail="hold", unknown_senders="create")
    failed = verdict(policy="none")
    office.submit(mail(auth=failed, login=Login("printer", ("@printers.example",))))
    held = office.find(office.waiting()[0])
    assert held.check == "require"
    again = office.again(held)
    assert again.analysis is not None
    assert again.analysis.auth == failed
    assert again.envelope.login == Login("printer", ("@printers.example",))
    office.release()
    (issue,) = office.rows(Issue)
    assert issue.proof == "none"


def test_a_released_reply_is_a_comment_and_with_as_new_an_issue(office: Office) -> None:
    office.submit(mail("open@example.org", message_id="m1@customer.example"))
    office.configure(require="aligned", on_fail="hold", unknown_senders="create")
    for body in ("one\r\n", "two\r\n"):
        office.submit(mail(extra="In-Reply-To: <m1@customer.example>\r\n", body=body))
    first, second = office.waiting()
    office.release(first)
    assert [comment.body_text for comment in office.rows(Comment)] == ["one"]
    office.release(second, as_new=True)
    assert office.count(Comment) == 1
    assert [issue.body_text for issue in office.rows(Issue)] == ["Help!", "two"]
    (link,) = office.rows(IssueLink)
    assert link.kind == "mentions"


def test_addresses_of_one_inbox_are_released_together(office: Office) -> None:
    office.submit(mail("support@example.org", "help@example.org"))
    assert len(office.rows(LogRow)) == 2
    (held_id,) = office.waiting()
    released = office.release()
    assert released is not None
    assert office.count(Issue) == 1
    assert {row.released_by for row in office.rows(LogRow) if row.outcome == "held"} == {released.log_ids[0]}
    assert held_id in {row.id for row in office.rows(LogRow)}


def test_what_another_inbox_took_at_once_is_linked(office: Office) -> None:
    office.configure(unknown_senders="reject")
    (reply,) = office.submit(mail("open@example.org", "support@example.org"))
    assert reply.startswith("250 2.0.0 SUP-1 created")
    held = office.find(office.waiting()[0])
    assert (held.check, held.rows[0].reason) == ("unknown_senders", "sender.unknown")
    office.release()
    assert [issue.key for issue in office.rows(Issue)] == ["SUP-1", "SUP-2"]
    (link,) = office.rows(IssueLink)
    assert link.kind == "same-mail"


def test_unmatched_mail_that_is_released_is_an_issue(office: Office) -> None:
    office.submit(mail("replies@example.org"))
    office.release()
    assert office.count(Issue) == 1


def test_a_large_mail_is_read_from_its_blob(office: Office, tmp_path: Path) -> None:
    given = mail(body="x" * 1000 + "\r\n")
    octets = given.raw.octets
    assert octets is not None
    spooled = office.blobs.spool_folder / "one"
    spooled.write_bytes(octets)
    office.blobs.adopt(spooled, given.transaction_id)
    raw = given.raw.__class__(given.raw.size, given.raw.sha256, None, given.transaction_id)
    office.submit(Submission(given.envelope, raw, given.analysis, None, 0.0))
    office.release()
    (issue,) = office.rows(Issue)
    assert issue.body_text == "x" * 1000


def test_a_mail_goes_by_itself_only_where_it_would_be_taken(office: Office) -> None:
    office.submit(mail())
    stays = office.release(alone=True)
    assert stays is not None
    assert stays.log_ids == ()
    office.configure(CARA)
    goes = office.release(alone=True)
    assert goes is not None
    first, *_ = office.trace(goes.log_ids[0])
    assert (first["check"], first["result"]) == ("release", "by itself")
    office.configure(CARA, ignored_senders=["@spam.example"])
    office.submit(mail(author="x@spam.example"), mail(author="y@stranger.example"))
    assert len(office.waiting()) == 1, "what is ignored is not held"


def test_what_would_be_set_aside_waits_for_an_operator(office: Office) -> None:
    office.submit(mail())
    office.configure(ignored_senders=["@customer.example"])
    stays = office.release(alone=True)
    assert stays is not None
    assert stays.log_ids == ()
    goes = office.release()
    assert goes is not None
    assert office.row(goes.log_ids[0]).outcome == "discarded"


def test_a_discarded_mail_is_held_no_longer_and_says_why(office: Office) -> None:
    office.submit(mail(message_id="m1@customer.example"))
    held = office.find(office.waiting()[0])
    with office.database.write() as connection:
        log_id = discard(connection, held, Reason.HELD_DISCARDED, "spam", LATER)
    assert log_id is not None
    with office.database.write() as connection:
        assert discard(connection, held, Reason.HELD_DISCARDED, "spam", LATER) is None
    row = office.row(log_id)
    assert (row.outcome, row.reason, row.raw_id, row.inbox) == ("discarded", "held.discarded", held.raw.id, "support")
    assert office.trace(log_id) == [{"check": "held", "result": "discarded", "detail": "spam"}]
    assert office.waiting() == []
    (reply,) = office.submit(mail(message_id="m1@customer.example"))
    assert reply.startswith("250 2.0.0 accepted, not processed"), "its repetition is not held again"


def test_the_list_has_cause_age_sender_and_inbox_and_the_longest_first(office: Office) -> None:
    office.submit(mail(subject="first"))
    office.submit(mail("replies@example.org", subject="second"))
    with office.database.session() as session:
        every = held_list(session, LATER, LogFilter(), 10)
        some = held_list(session, LATER, LogFilter(inbox="replies"), 10)
    assert [(one["subject"], one["check"], one["inbox"], one["age"]) for one in every] == [
        ("first", "unknown_senders", "support", 18000),
        ("second", "unmatched", "replies", 18000),
    ]
    assert [one["subject"] for one in some] == ["second"]
    assert every[0]["recipients"] == ["support@example.org"]
