"""The outbox as a queue, on SQLite and on PostgreSQL: nobody sends what another is sending, nothing is lost."""

import threading
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from smtpintake.store import outbox
from smtpintake.store.database import Database
from smtpintake.store.outbox import Claimed, Remark, Settled, State
from smtpintake.store.schema import OutboxMail
from tests.make import NOW

IS = OutboxMail.__table__.c
LATER = NOW + timedelta(minutes=5)


def queue(database: Database, count: int, **values: Any) -> None:
    rows = [
        {
            "kind": "autoreply",
            "mail_from": "",
            "rcpt_to": f"c{number}@customer.example",
            "domain": "customer.example",
            "subject": "s",
            "message_id": f"{number}@example.org",
            "octets": b"octets",
            "created_at": NOW,
            "state": "queued",
            "attempts": 0,
            "next_attempt_at": NOW + timedelta(seconds=number - count),
            "note": "",
        }
        | values
        for number in range(count)
    ]
    with database.write() as connection:
        connection.execute(OutboxMail.__table__.insert(), rows)


def claim(database: Database, worker: str, count: int = 100, now: Any = NOW, until: Any = LATER) -> list[Claimed]:
    with database.write() as connection:
        return outbox.claim(connection, worker, now, until, count=count)


def row(database: Database, row_id: int) -> OutboxMail:
    with database.session() as session:
        return session.execute(select(OutboxMail).where(OutboxMail.__table__.c.id == row_id)).scalar_one()


def test_the_oldest_due_are_claimed_first_and_only_once(database: Database) -> None:
    queue(database, 5)
    first = claim(database, "a", 3)
    assert [mail.rcpt_to for mail in first] == [f"c{number}@customer.example" for number in range(3)]
    assert first[0].created_at == NOW
    assert len(claim(database, "b")) == 2
    assert claim(database, "c") == []


def test_what_is_not_due_is_left_alone(database: Database) -> None:
    queue(database, 2, next_attempt_at=NOW + timedelta(seconds=1))
    with database.engine.connect() as connection:
        assert not outbox.is_due(connection, NOW)
        assert outbox.is_due(connection, NOW + timedelta(seconds=1))
    assert claim(database, "a") == []


def test_domains_that_are_full_are_left(database: Database) -> None:
    queue(database, 3, domain="slow.example")
    with database.write() as connection:
        connection.execute(OutboxMail.__table__.update().where(IS.id == 2).values(domain="other.example"))
        assert [mail.id for mail in outbox.claim(connection, "a", NOW, LATER, count=9, full={"slow.example"})] == [2]
        assert not outbox.is_due(connection, NOW, {"slow.example", "x"})
        assert outbox.is_due(connection, NOW, {"other.example"})


def test_a_lease_that_ended_is_claimed_by_another_and_the_first_changes_nothing_any_more(database: Database) -> None:
    queue(database, 1)
    [mail] = claim(database, "slow")
    assert claim(database, "other", now=LATER - timedelta(seconds=1)) == []
    assert claim(database, "other", now=LATER, until=LATER + timedelta(minutes=5)) == [mail]
    with database.write() as connection:
        assert outbox.octets(connection, "slow", mail.id, LATER) is None
        remark = Remark(1, "a second note")
        assert len(outbox.settle(connection, "slow", [Settled(mail.id, State.FAILED, "550", None, remark)], LATER)) == 0
        assert outbox.renew(connection, "slow", [mail.id], LATER) == 0
        assert outbox.release(connection, "slow", [mail.id]) == 0
        assert outbox.octets(connection, "other", mail.id, LATER) == b"octets"
        assert len(outbox.settle(connection, "other", [Settled(mail.id, State.FAILED, "550")], LATER)) == 1
    assert row(database, mail.id).state == "failed"


def test_a_renewed_lease_holds(database: Database) -> None:
    queue(database, 1)
    claim(database, "a")
    with database.write() as connection:
        assert outbox.renew(connection, "a", [1], LATER + timedelta(minutes=1)) == 1
    assert claim(database, "b", now=LATER) == []


def test_what_is_given_back_is_due_at_once_and_counts_no_attempt(database: Database) -> None:
    queue(database, 2)
    claim(database, "a")
    with database.write() as connection:
        assert outbox.release(connection, "a", [1, 2, 99]) == 2
    assert [mail.attempts for mail in claim(database, "b")] == [0, 0]


def test_settling(database: Database) -> None:
    queue(database, 3)
    sent, deferred, failed = claim(database, "a")
    results = [
        Settled(sent.id, State.SENT, "250 OK"),
        Settled(deferred.id, State.DEFERRED, "451 later", LATER),
        Settled(failed.id, State.FAILED, "550 " + "x" * 1000),
    ]
    with database.write() as connection:
        assert len(outbox.settle(connection, "a", results, NOW)) == 3
    rows = [row(database, mail.id) for mail in (sent, deferred, failed)]
    assert [each.state for each in rows] == ["sent", "deferred", "failed"]
    assert [each.attempts for each in rows] == [1, 1, 1]
    assert [each.sent_at for each in rows] == [NOW, None, None]
    assert [each.next_attempt_at for each in rows] == [None, LATER, None]
    assert [each.worker for each in rows] == [None, None, None]
    assert [len(each.note) for each in rows] == [6, 9, outbox.MAX_NOTE]
    assert claim(database, "b") == []
    assert [mail.attempts for mail in claim(database, "b", now=LATER)] == [1]
    with database.engine.connect() as connection:
        expected = dict.fromkeys(State, 0) | {State.DEFERRED: 1, State.SENT: 1, State.FAILED: 1}
        assert outbox.counts(connection) == expected


def test_retry_queues_what_failed_or_waits_never_what_was_sent_or_is_being_sent(database: Database) -> None:
    queue(database, 4)
    sent, failed, deferred, _ = claim(database, "a")
    results = [
        Settled(sent.id, State.SENT, ""),
        Settled(failed.id, State.FAILED, ""),
        Settled(deferred.id, State.DEFERRED, "", LATER),
    ]
    with database.write() as connection:
        outbox.settle(connection, "a", results, NOW)
        assert outbox.retry(connection, [1, 2, 3, 4, 99], NOW) == 2
    assert {mail.id for mail in claim(database, "b")} == {failed.id, deferred.id}


def test_waiting_mail_says_why_once(database: Database) -> None:
    queue(database, 2)
    with database.write() as connection:
        assert outbox.is_note_missing(connection, "why")
        assert outbox.note_waiting(connection, "why") == 2
        assert not outbox.is_note_missing(connection, "why")
        assert outbox.note_waiting(connection, "why") == 0


def test_four_workers_at_once_claim_each_mail_exactly_once(database: Database) -> None:
    queue(database, 400)
    claimed: list[int] = []
    together = threading.Barrier(4)

    def work(name: str) -> None:
        together.wait()
        while mails := claim(database, name, 7):
            claimed.extend(mail.id for mail in mails)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    # On PostgreSQL a claim may come back empty while another worker holds the last rows; the rest is then still due.
    claimed.extend(mail.id for mail in claim(database, "last", 400))
    assert len(claimed) == len(set(claimed)) == 400
