"""Retention: what is old goes and nothing else, and whatever dies in between no blob is lost or left."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from smtpintake.decide.policy import Happening
from smtpintake.intake.submission import Raw, Submission
from smtpintake.store import arrears, retention
from smtpintake.store.blobcheck import check, recover
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.events import Happened
from smtpintake.store.outbox import retry
from smtpintake.store.periods import Periods
from smtpintake.store.retention import Purged, purge
from smtpintake.store.schema import Attachment, Event, Issue, LogRow, OutboxMail, PastFacts, RawMail, Trace
from smtpintake.store.tracker import issue_view
from tests import make
from tests.intake.office import Office, opened
from tests.intake.test_record import MIXED, PDF, mail
from tests.outbox.post import queue

PERIODS = Periods(held=timedelta(days=30), log=timedelta(days=365), raw=None)


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    yield from opened(database_url, tmp_path)


def after(days: int) -> datetime:
    return make.NOW + timedelta(days=days, minutes=1)


def large(office: Office, *recipients: str) -> str:
    """Submit a mail that is a blob: its name."""
    given = mail(*recipients)
    assert given.raw.octets is not None
    path = office.blobs.spool_folder / given.transaction_id
    path.write_bytes(given.raw.octets)
    office.blobs.adopt(path, given.transaction_id)
    raw = Raw(given.raw.size, given.raw.sha256, None, given.transaction_id)
    office.submit(Submission(given.envelope, raw, given.analysis, None, 0.0))
    office.blobs.settle(given.transaction_id)
    path.unlink()
    return given.transaction_id


def test_held_mail_expires_with_a_row_that_says_so(office: Office) -> None:
    office.submit(mail())
    held = office.find(office.waiting()[0])
    assert purge(office.database, office.blobs, PERIODS, after(29)) == Purged()
    assert purge(office.database, office.blobs, PERIODS, after(30)) == Purged(expired=1)
    assert office.waiting() == []
    expired = office.row(str(office.row(held.ids[0]).released_by))
    assert (expired.outcome, expired.reason, expired.raw_id) == ("discarded", "held.expired", held.raw.id)
    assert office.trace(expired.id)[0]["detail"] == "nobody asked for it within 30 days"
    assert purge(office.database, office.blobs, PERIODS, after(31)) == Purged()


def test_old_rows_go_with_what_only_they_name(office: Office) -> None:
    name = large(office, "open@example.org")
    office.submit(mail("open@example.org", extra=MIXED, body=PDF), mail())
    assert purge(office.database, office.blobs, Periods(timedelta(days=999), PERIODS.log, None), after(365)) == Purged(
        rows=2, raws=1
    )
    (row,) = office.rows(LogRow)
    assert row.outcome == "held", "what waits is not forgotten"
    assert len(office.rows(Trace)) == len(office.rows(PastFacts)) == 1
    assert office.count(Issue) == 2
    (view,) = office.rows(Attachment)
    assert {raw.id for raw in office.rows(RawMail)} == {view.raw_id, row.raw_id}, "an attachment is read from it"
    assert name not in set(office.blobs.names())
    assert check(office.database, office.blobs).is_sound


def test_raw_mail_can_go_before_its_row(office: Office) -> None:
    large(office, "open@example.org")
    office.submit(mail("open@example.org", extra=MIXED, body=PDF), mail(), mail("open@example.org"))
    periods = Periods(timedelta(days=999), None, timedelta(days=30))
    assert purge(office.database, office.blobs, periods, after(29)) == Purged()
    assert purge(office.database, office.blobs, periods, after(31)) == Purged(raws=2)
    assert office.count(LogRow) == 4
    assert {row.outcome for row in office.rows(LogRow) if row.raw_id is not None} == {"created", "held"}
    assert list(office.blobs.names()) == []
    assert purge(office.database, office.blobs, periods, after(32)) == Purged()


@pytest.mark.parametrize("step", ["before the commit", "after it"])
def test_no_blob_is_lost_or_left_where_a_purge_dies(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    name = large(office, "open@example.org")
    dying = FileBlobs(tmp_path / "blobs")

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    monkeypatch.setattr(dying, "unsettle" if step == "before the commit" else "delete", die)
    with pytest.raises(Died):
        purge(office.database, dying, PERIODS, after(365))
    # As the kernel does when a process dies: its locks go, its files stay.
    assert dying._own is not None or step == "before the commit"
    if dying._own is not None:
        dying._own[1].close()
    next_one = FileBlobs(tmp_path / "blobs")
    recover(office.database, next_one)
    is_there = step == "before the commit"
    assert (name in set(next_one.names())) is is_there
    assert bool(office.count(RawMail)) is is_there
    assert check(office.database, next_one).is_sound
    next_one.close()


def test_what_was_told_goes_with_the_log_and_what_was_not_stays(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        office.submit(mail("open@example.org", message_id=f"e{number}@customer.example"))
    others = office.rows(Event)[1:]
    table = Event.__table__
    with office.database.write() as connection:
        connection.execute(table.update().where(table.c.id != others[2].id).values(told_at=make.NOW))
        connection.execute(table.update().where(table.c.id == others[3].id).values(created_at=after(10)))
    purge(office.database, office.blobs, PERIODS, after(364))
    assert len(office.rows(Event)) == 5
    purge(office.database, office.blobs, PERIODS, after(365))
    assert [each.id for each in office.rows(Event)] == [others[2].id, others[3].id]


def test_what_somebody_hears_of_later_stays_until_they_have(office: Office) -> None:
    for number in range(3):
        office.submit(mail("open@example.org", message_id=f"e{number}@customer.example"))
    _, busy, last = office.rows(Event)
    table = Event.__table__
    with office.database.write() as connection:
        connection.execute(table.update().values(told_at=make.NOW, issue_id=busy.issue_id))
        happened = Happened(busy.issue_id, Happening.CREATED, make.NOW, id=busy.id)
        arrears.owe(connection, happened, ["ana@example.org"], make.NOW, timedelta(days=500))
    purge(office.database, office.blobs, PERIODS, after(400))
    assert [each.id for each in office.rows(Event)] == [busy.id, last.id], "but not what they heard before"
    with office.database.write() as connection:
        (owed,) = arrears.due(connection, after(500), 10)
        assert arrears.pay(connection, owed, last.id, after(500))
    purge(office.database, office.blobs, PERIODS, after(501))
    assert office.rows(Event) == []


SENT = {"state": "sent", "next_attempt_at": None}
OUTBOX = Periods(held=PERIODS.held, log=None, raw=None, outbox=timedelta(days=30))


def an_issue(office: Office) -> int:
    """SUP-1, of which no mail goes out."""
    office.submit(mail("open@example.org"))
    with office.database.write() as connection:
        connection.execute(OutboxMail.__table__.delete())
    return int(office.rows(Issue)[0].id)


def lengths(office: Office) -> list[int]:
    return [len(row.octets) for row in office.rows(OutboxMail)]


@pytest.mark.parametrize("batch", [1, 2, 200])
def test_octets_of_our_own_mail_go_and_what_became_of_it_stays(
    office: Office, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(retention, "BATCH", batch)
    issue = an_issue(office)
    queue(office.database, 2, issue_id=issue, **SENT)
    queue(office.database, 1, issue_id=issue)  # waits
    queue(office.database, 1, issue_id=issue, state="failed", next_attempt_at=None, note="550 no")
    queue(office.database, 2, issue_id=issue, created_at=after(20), **SENT)
    assert purge(office.database, office.blobs, OUTBOX, after(29)) == Purged()
    assert purge(office.database, office.blobs, OUTBOX, after(30)) == Purged(sent=3)
    assert [length > 0 for length in lengths(office)] == [False, False, True, False, True, True]
    assert purge(office.database, office.blobs, OUTBOX, after(30)) == Purged()
    with office.database.session() as session:
        view = issue_view(session, "SUP-1")
    assert view is not None
    assert [each["state"] for each in view["mails"]] == ["sent", "sent", "queued", "failed", "sent", "sent"]
    failed = next(row.id for row in office.rows(OutboxMail) if row.state == "failed")
    with office.database.write() as connection:
        assert retry(connection, [failed], after(30)) == 0, "nothing is left to be sent"
    assert purge(office.database, office.blobs, OUTBOX, after(51)) == Purged(sent=2)


def test_who_dies_while_octets_go_leaves_none_behind(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    queue(office.database, 8, issue_id=an_issue(office), **SENT)
    write, times = office.database.write, iter(range(9))
    with monkeypatch.context() as patched:
        patched.setattr(office.database, "write", lambda: write() if next(times) < 3 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            purge(office.database, office.blobs, OUTBOX, after(30))
    assert sum(lengths(office)) > 0
    purge(office.database, office.blobs, OUTBOX, after(30))
    assert sum(lengths(office)) == 0


def test_mail_of_ours_that_belongs_to_no_issue_goes_with_the_log(office: Office) -> None:
    issue = an_issue(office)
    queue(office.database, 3, kind="digest", **SENT)
    queue(office.database, 1, kind="digest")  # waits
    queue(office.database, 1, issue_id=issue, **SENT)
    purge(office.database, office.blobs, PERIODS, after(366))
    assert [(row.kind, row.state) for row in office.rows(OutboxMail)] == [("digest", "queued"), ("autoreply", "sent")]
