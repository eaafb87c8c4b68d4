"""The worker between a real database and a real smarthost that behaves badly."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from smtpintake.net.smtpclient import Smarthost
from smtpintake.outbox.signing import Signer, new_key
from smtpintake.outbox.worker import DEFAULT_PACE, NO_SMARTHOST, Pace, Worker
from smtpintake.store.database import Database
from smtpintake.store.outbox import State
from smtpintake.store.schema import OutboxMail
from smtpintake.store.types import Table
from tests.make import NOW
from tests.smarthost import DROP, Host, listening

FAST = Pace(poll=timedelta(milliseconds=5))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/outbox.db"
    else:
        url = str(request.getfixturevalue("postgres_url"))
    database = Database(url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Any:
        return self.now


def queue(database: Database, count: int = 1) -> None:
    with database.write() as connection:
        connection.execute(
            OutboxMail.__table__.insert(),
            [
                {
                    "kind": "autoreply",
                    "mail_from": "",
                    "rcpt_to": f"c{number}@customer.example",
                    "domain": "customer.example",
                    "subject": "s",
                    "message_id": f"{number}@example.org",
                    "octets": f"Message-ID: <{number}@example.org>\r\n\r\nbody\r\n".encode(),
                    "created_at": NOW,
                    "state": "queued",
                    "attempts": 0,
                    "next_attempt_at": NOW,
                    "note": "",
                }
                for number in range(count)
            ],
        )


def rows(database: Database) -> list[OutboxMail]:
    with database.session() as session:
        return list(session.execute(select(OutboxMail).order_by(OutboxMail.__table__.c.id)).scalars())


async def until(database: Database, what: Any, count: int) -> None:
    """Until `count` rows are as the column expression says."""
    query = select(func.count()).select_from(OutboxMail.__table__).where(what)
    async with asyncio.timeout(20):
        while True:
            with database.engine.connect() as connection:
                if connection.execute(query).scalar_one() >= count:
                    return
            await asyncio.sleep(0.005)


IS = OutboxMail.__table__.c


@asynccontextmanager
async def working(
    database: Database,
    host: Host | None,
    clock: Clock,
    pace: Pace = FAST,
    workers: int = 1,
    signer: Signer | None = None,
) -> AsyncIterator[list[Worker]]:
    smarthost = Smarthost("127.0.0.1", host.port, "intake.example", timeout=5) if host else None
    running = [Worker(database, smarthost, pace, clock, signer=signer) for _ in range(workers)]
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for worker in running:
            group.create_task(worker.run())
        try:
            yield running
        finally:
            for worker in running:
                worker.stop()


def message_ids(host: Host) -> list[str]:
    return [message_from_bytes(bytes(envelope.content or b""))["Message-ID"] for envelope in host.taken]


async def test_each_mail_is_sent_once_over_few_connections(database: Database) -> None:
    queue(database, 250)
    async with listening(Host()) as host, working(database, host, Clock()):
        await until(database, IS.state == "sent", 250)
    assert len(host.taken) == len({str(envelope.rcpt_tos) for envelope in host.taken}) == 250
    assert host.connections <= 12
    assert {(row.state, row.note, row.attempts, row.worker) for row in rows(database)} == {("sent", "250 OK", 1, None)}


async def test_three_workers_on_one_database_send_each_mail_once(database: Database) -> None:
    queue(database, 120)
    pace = Pace(poll=FAST.poll, claims=7)
    async with listening(Host()) as host, working(database, host, Clock(), pace, workers=3):
        await until(database, IS.state == "sent", 120)
    assert len(message_ids(host)) == len(set(message_ids(host))) == 120


async def test_a_temporary_refusal_is_tried_again_later_and_later(database: Database) -> None:
    queue(database)
    clock = Clock()
    async with listening(Host()) as host, working(database, host, clock):
        host.plan("RCPT", "450 greylisted", "450 greylisted", "250 OK")
        waits = []
        for attempts in (1, 2):
            await until(database, IS.attempts == attempts, 1)
            [row] = rows(database)
            assert row.state == "queued"
            assert "450 greylisted" in row.note
            waits.append(row.next_attempt_at - clock.now)
            clock.now = row.next_attempt_at
        await until(database, IS.state == "sent", 1)
    assert timedelta(seconds=22) < waits[0] < timedelta(seconds=38) < waits[1] < timedelta(seconds=76)
    assert host.seen.count("RCPT") == 3


async def test_a_refusal_for_good_is_not_tried_again(database: Database) -> None:
    queue(database, 2)
    async with listening(Host()) as host, working(database, host, Clock(), Pace(poll=FAST.poll, connections=1)):
        host.plan("RCPT", "550 5.1.1 nobody")
        await until(database, IS.state != "queued", 2)
    assert [row.state for row in rows(database)] == ["failed", "sent"]
    assert "550 5.1.1 nobody" in rows(database)[0].note


async def test_after_days_it_is_given_up(database: Database) -> None:
    queue(database)
    clock = Clock()
    clock.now = NOW + DEFAULT_PACE.give_up
    async with listening(Host(always={"DATA": "451 later"})) as host, working(database, host, clock):
        await until(database, IS.state == "failed", 1)
    assert rows(database)[0].note.startswith("gave up after 5 days: ")


async def test_a_smarthost_that_drops_after_the_dot_gets_the_same_message_id_again(database: Database) -> None:
    queue(database)
    clock = Clock()
    async with listening(Host()) as host, working(database, host, clock):
        host.plan("DATA", DROP)
        await until(database, IS.attempts == 1, 1)
        assert rows(database)[0].state == "queued"
        clock.now += timedelta(minutes=1)
        await until(database, IS.state == "sent", 1)
    assert message_ids(host) == ["<0@example.org>"] * 2


async def test_mail_waits_for_a_smarthost_that_is_down_and_goes_out_when_it_is_back(database: Database) -> None:
    queue(database, 30)
    clock, host = Clock(), Host()
    async with listening(host):
        pass
    async with working(database, host, clock):
        await until(database, IS.note.startswith("cannot use"), 30)
        down = rows(database)
        assert {row.state for row in down} == {"queued"}
        assert max(row.next_attempt_at for row in down) <= NOW + DEFAULT_PACE.longest_outage
        async with listening(host):
            clock.now += DEFAULT_PACE.longest_outage
            await until(database, IS.state == "sent", 30)
    assert len(set(message_ids(host))) == 30


async def test_a_smarthost_that_takes_nothing_at_present_is_not_asked_for_every_mail(database: Database) -> None:
    queue(database, 50)
    async with listening(Host(always={"MAIL": "421 4.3.2 overloaded"})) as host, working(database, host, Clock()):
        await until(database, IS.note.contains("421 4.3.2 overloaded"), 50)
    assert host.seen.count("MAIL") <= DEFAULT_PACE.connections
    assert {row.state for row in rows(database)} == {"queued"}


async def test_a_smarthost_with_few_connections_still_gets_everything(database: Database) -> None:
    queue(database, 20)
    clock = Clock()
    async with listening(Host()) as host, working(database, host, clock):
        host.plan("MAIL", "250 OK", "421 too many connections", "421 too many connections")
        await until(database, IS.attempts == 1, 20)
        clock.now += timedelta(minutes=1)
        await until(database, IS.state == "sent", 20)
    assert len(host.taken) == 20


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
        host.gate.clear()
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
        host.gate.clear()
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
        host.gate.clear()
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


async def test_a_database_that_comes_back_is_enough(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/outbox.db")
    async with listening(Host()) as host, working(database, host, Clock()):
        Table.metadata.create_all(database.engine)  # until now every claim failed
        queue(database, 3)
        await until(database, IS.state == "sent", 3)
    database.close()


def test_the_wait_grows_and_is_bounded() -> None:
    waits = [DEFAULT_PACE.retry_after(attempts, 0.5) for attempts in range(1, 40)]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (timedelta(seconds=30), timedelta(minutes=1), timedelta(hours=2))
    assert DEFAULT_PACE.retry_after(1, 0.0) == timedelta(seconds=22.5)
    assert DEFAULT_PACE.retry_after(1, 1.0) == timedelta(seconds=37.5)


async def test_mail_is_signed_when_it_is_sent_and_kept_unsigned(database: Database) -> None:
    key = new_key("example.org", "e", "ed25519")
    queue(database)
    kept = b"From: support@example.org\r\nMessage-ID: <0@example.org>\r\n\r\nbody\r\n"
    with database.write() as connection:
        connection.execute(update(OutboxMail.__table__).values(octets=kept))
    async with listening(Host()) as host, working(database, host, Clock(), signer=Signer([key])):
        await until(database, IS.state == "sent", 1)
    (sent,) = (bytes(envelope.content or b"") for envelope in host.taken)
    assert sent.startswith(b"DKIM-Signature: v=1; a=ed25519-sha256;")
    assert sent.endswith(kept)
    assert rows(database)[0].octets == kept
