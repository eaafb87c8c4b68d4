"""The worker between a real database and a real smarthost: each mail once, the lease, the database's faults."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from smtpintake.outbox.pace import Pace
from smtpintake.outbox.signing import Signer, new_key
from smtpintake.outbox.worker import NO_SMARTHOST
from smtpintake.store.database import Database
from smtpintake.store.outbox import State
from smtpintake.store.schema import OutboxMail
from smtpintake.store.types import Table
from tests.make import NOW
from tests.outbox.post import FAST, IS, Clock, message_ids, queue, rows, until, working
from tests.smarthost import Host, listening


async def test_each_mail_is_sent_once_over_few_connections(database: Database) -> None:
    queue(database, 250)
    async with listening(Host()) as host, working(database, host, Clock()):
        await until(database, IS.state == "sent", 250)
    assert len(host.taken) == len({str(envelope.rcpt_tos) for envelope in host.taken}) == 250
    assert host.connections <= FAST.connections
    assert {(row.state, row.note, row.attempts, row.worker, row.next_attempt_at) for row in rows(database)} == {
        ("sent", "250 OK", 1, None, None)
    }


async def test_three_workers_on_one_database_send_each_mail_once(database: Database) -> None:
    queue(database, 120)
    pace = Pace(poll=FAST.poll, claims=7)
    async with listening(Host()) as host, working(database, host, Clock(), pace, workers=3):
        await until(database, IS.state == "sent", 120)
    assert len(message_ids(host)) == len(set(message_ids(host))) == 120


async def test_a_domain_that_is_slow_takes_its_share_of_connections_and_no_more(database: Database) -> None:
    queue(database, 40, domain="slow.example", rcpt_to="c@slow.example")
    queue(database, 10)
    pace = Pace(poll=FAST.poll, connections=3, per_domain=2, claims=10)
    async with listening(Host()) as host:
        host.stall("RCPT", "c@slow.example")
        async with working(database, host, Clock(), pace):
            await until(database, IS.state == "sent", 10)
            assert {row.domain for row in rows(database) if row.state == "sent"} == {"customer.example"}
            assert host.seen.count("RCPT") == 10 + 2
            host.gate.set()
            await until(database, IS.state == "sent", 50)
    assert len(set(message_ids(host))) == 50


async def test_a_connection_that_nothing_is_to_be_sent_over_is_closed(database: Database) -> None:
    queue(database)
    pace = Pace(poll=FAST.poll, idle=timedelta(milliseconds=20))
    async with listening(Host()) as host, working(database, host, Clock(), pace):
        await host.until_seen("QUIT", 1)


async def test_without_a_smarthost_mail_waits_and_says_so(database: Database) -> None:
    queue(database, 2)
    async with working(database, None, Clock()):
        await until(database, IS.note == NO_SMARTHOST, 2)
    assert [(row.state, row.attempts, row.next_attempt_at) for row in rows(database)] == [("queued", 0, NOW)] * 2
    async with listening(Host()) as host, working(database, host, Clock()):
        await until(database, IS.state == "sent", 2)


async def test_stopping_finishes_what_is_being_sent_and_gives_the_rest_back(database: Database) -> None:
    queue(database, 10)
    async with listening(Host()) as host:
        host.stall("DATA")
        async with working(database, host, Clock(), Pace(poll=FAST.poll, connections=2)) as [worker]:
            await host.until_seen("DATA", 2)
            worker.stop()
            host.gate.set()
    assert sorted(row.state for row in rows(database)) == ["queued"] * 8 + ["sent"] * 2
    assert {row.worker for row in rows(database)} == {None}
    assert len(host.taken) == 2


async def test_a_slow_smarthost_does_not_lose_the_lease(database: Database) -> None:
    queue(database)
    clock = Clock()
    pace = Pace(poll=FAST.poll, lease=timedelta(milliseconds=60))
    async with listening(Host()) as host:
        host.stall("DATA")
        async with working(database, host, clock, pace):
            await host.until_seen("DATA", 1)
            for second in range(1, 4):
                clock.now = NOW + timedelta(seconds=second)
                await until(database, IS.lease_until > clock.now, 1)
            host.gate.set()
            await until(database, IS.state == "sent", 1)
    assert len(host.taken) == 1


async def test_the_result_of_a_lost_lease_is_not_written_over_anothers(database: Database) -> None:
    queue(database)
    async with listening(Host()) as host:
        host.stall("DATA")
        async with working(database, host, Clock()) as [worker]:
            await host.until_seen("DATA", 1)
            with database.write() as connection:
                taken = update(OutboxMail.__table__).values(worker="another", lease_until=NOW + timedelta(hours=1))
                connection.execute(taken)
            host.gate.set()
            await host.until(1)
            worker.stop()
    [row] = rows(database)
    assert (row.state, row.worker) == (State.QUEUED, "another")


async def test_a_mail_whose_lease_ended_while_it_waited_for_its_turn_is_not_sent(database: Database) -> None:
    """A machine that slept: what it had claimed, others have sent meanwhile."""
    queue(database, 3)
    async with listening(Host()) as host:
        host.stall("DATA")
        async with working(database, host, Clock(), Pace(poll=FAST.poll, connections=1)):
            await host.until_seen("DATA", 1)
            with database.write() as connection:
                others = update(OutboxMail.__table__).where(IS.id > 1)
                connection.execute(others.values(worker=None, lease_until=None, next_attempt_at=None, state="sent"))
            host.gate.set()
            await until(database, IS.attempts == 1, 1)
    assert message_ids(host) == ["<0@example.org>"]


async def test_a_database_that_comes_back_is_enough(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/outbox.db")
    async with listening(Host()) as host, working(database, host, Clock()):
        Table.metadata.create_all(database.engine)  # until now every claim failed
        queue(database, 3)
        await until(database, IS.state == "sent", 3)
    database.close()


async def test_mail_is_signed_when_it_is_sent_and_kept_unsigned(database: Database) -> None:
    key = new_key("example.org", "e", "ed25519")
    kept = b"From: support@example.org\r\nMessage-ID: <0@example.org>\r\n\r\nbody\r\n"
    queue(database, octets=kept)
    async with listening(Host()) as host, working(database, host, Clock(), signer=Signer([key])):
        await until(database, IS.state == "sent", 1)
    (sent,) = (bytes(envelope.content or b"") for envelope in host.taken)
    assert sent.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
    assert sent.endswith(kept)
    assert rows(database)[0].octets == kept


class Faulty(Signer):
    """Trips over one mail."""

    def __init__(self) -> None:
        super().__init__(())

    def signed(self, octets: bytes) -> bytes:
        if b"<1@" in octets:
            raise RuntimeError("a fault of ours")
        return octets


async def test_a_mail_that_we_trip_over_is_deferred_and_stops_no_other(database: Database) -> None:
    queue(database, 3)
    async with listening(Host()) as host, working(database, host, Clock(), signer=Faulty()):
        await until(database, IS.attempts == 1, 3)
    assert [row.state for row in rows(database)] == ["sent", "deferred", "sent"]
    assert "RuntimeError" in rows(database)[1].note
