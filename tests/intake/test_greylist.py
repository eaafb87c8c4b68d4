"""The greylist: told to come again, come again, let in; on SQLite and PostgreSQL, with a clock that the test moves."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from smtpintake.intake.greylist import ComeAgain, Greylist, Patience
from smtpintake.intake.inquiry import Inquiry
from smtpintake.intake.submission import Refusal
from smtpintake.mail.envelope import Peer
from smtpintake.mail.reason import Reason
from smtpintake.net.lookups import Lookups
from smtpintake.net.resolver import Resolver
from smtpintake.store.database import Database
from smtpintake.store.greylist import Triplet
from smtpintake.store.schema import Greylisted, ProvenNetwork
from tests import make
from tests.dns import dns_server

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CARA = Triplet("192.0.2.0/24", "cara@customer.example", "support")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def greylist(database: Database, clock: Clock) -> Greylist:
    return Greylist(database, Patience(), clock)


def refusal(attempt: Triplet | None) -> Refusal:
    peer = Peer("192.0.2.1")
    return Refusal(Reason.RCPT_GREYLIST, "0" * 16, START, "test", peer, None, None, "", "", 0, "", "", attempt)


async def come(greylist: Greylist, database: Database, triplet: Triplet = CARA) -> bool:
    """Whether the client is let in; what the refusal is to remember is recorded as the writer does."""
    wait = await greylist.ask(triplet)
    if wait is not None:
        with database.write() as connection:
            greylist.record(connection, [refusal(wait.attempt)])
    return wait is None


def rows(database: Database, model: type[Greylisted] | type[ProvenNetwork]) -> int:
    with database.session() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


async def test_who_comes_again_is_let_in(greylist: Greylist, database: Database, clock: Clock) -> None:
    assert not await come(greylist, database)
    clock.now += 59 * timedelta(seconds=1)
    assert not await come(greylist, database)
    clock.now += timedelta(seconds=2)
    assert await come(greylist, database)


@pytest.mark.parametrize(
    "other",
    [
        Triplet("198.51.100.0/24", CARA.reverse_path, CARA.inbox),
        Triplet(CARA.network, "", CARA.inbox),
        Triplet(CARA.network, CARA.reverse_path, "sales"),
    ],
)
async def test_another_attempt_is_another(greylist: Greylist, database: Database, clock: Clock, other: Triplet) -> None:
    assert not await come(greylist, database)
    clock.now += 2 * MINUTE
    assert not await come(greylist, database, other)


async def test_a_network_that_was_let_in_waits_no_more(greylist: Greylist, database: Database, clock: Clock) -> None:
    assert not await come(greylist, database)
    clock.now += 2 * MINUTE
    assert await come(greylist, database)
    assert await come(greylist, database, Triplet(CARA.network, "other@customer.example", "sales"))
    greylist.tidy()
    # Another process, and this one after a restart, know it from the database.
    assert await come(Greylist(database, Patience(), clock), database, Triplet(CARA.network, "", "sales"))


async def test_who_comes_too_late_begins_again(greylist: Greylist, database: Database, clock: Clock) -> None:
    assert not await come(greylist, database)
    clock.now += 5 * HOUR
    assert not await come(greylist, database)
    clock.now += 2 * MINUTE
    assert await come(greylist, database)


async def test_a_network_is_forgotten_when_nothing_comes(greylist: Greylist, database: Database, clock: Clock) -> None:
    assert not await come(greylist, database)
    clock.now += 2 * MINUTE
    for _ in range(3):  # as long as something comes it stays known
        assert await come(greylist, database)
        greylist.tidy()
        clock.now += 30 * DAY
    clock.now += 7 * DAY
    assert not await come(greylist, database)
    assert not await come(Greylist(database, Patience(), clock), database)


async def test_known_networks_are_not_read_again(greylist: Greylist, database: Database, clock: Clock) -> None:
    assert not await come(greylist, database)
    clock.now += 2 * MINUTE
    assert await come(greylist, database)
    greylist.tidy()
    with database.write() as connection:
        connection.execute(ProvenNetwork.__table__.delete())
    assert await come(greylist, database)
    greylist.tidy()
    assert rows(database, ProvenNetwork) == 0  # nor is anything written for it, on the same day


async def test_what_was_proven_goes_with_the_next_mail(greylist: Greylist, database: Database, clock: Clock) -> None:
    assert not await come(greylist, database)
    clock.now += 2 * MINUTE
    assert await come(greylist, database)
    assert rows(database, ProvenNetwork) == 0
    with database.write() as connection:
        greylist.record(connection, ())
    assert rows(database, ProvenNetwork) == 1


async def test_old_rows_go_in_quiet_moments(greylist: Greylist, database: Database, clock: Clock) -> None:
    assert not await come(greylist, database)
    clock.now += 2 * MINUTE
    assert await come(greylist, database)
    greylist.tidy()
    clock.now += 5 * HOUR
    greylist.tidy()
    assert (rows(database, Greylisted), rows(database, ProvenNetwork)) == (0, 1)
    clock.now += 37 * DAY
    greylist.tidy()
    assert rows(database, ProvenNetwork) == 0


async def test_two_that_come_at_once_are_one_attempt(greylist: Greylist, database: Database) -> None:
    first, second = await greylist.ask(CARA), await greylist.ask(CARA)
    assert isinstance(first, ComeAgain)
    assert isinstance(second, ComeAgain)
    with database.write() as connection:
        greylist.record(connection, [refusal(first.attempt), refusal(second.attempt), refusal(None)])
    assert rows(database, Greylisted) == 1


@pytest.mark.parametrize(
    ("record", "spare_spf", "waits"),
    [
        ("v=spf1 ip4:192.0.2.1 -all", True, False),
        ("v=spf1 ip4:192.0.2.1 -all", False, True),
        ("v=spf1 ip4:192.0.2.9 ~all", True, True),
        ("v=spf1 ?all", True, True),
    ],
)
async def test_whom_spf_lets_send_does_not_wait(database: Database, record: str, spare_spf: bool, waits: bool) -> None:
    greylist = Greylist(database, Patience(spare_spf=spare_spf))
    with dns_server({"customer.example": {"TXT": record}}) as server:
        async with Resolver([server.address], 2.0, 4.0) as resolver:
            inquiry = Inquiry(Lookups(resolver, 4.0), make.envelope(mail_from="cara@customer.example"))
            wait = await greylist.ask(CARA, inquiry)
            inquiry.abandon()
    assert (wait is not None) is waits
    assert wait is None or wait.attempt == CARA


async def test_a_greylist_that_cannot_be_read_lets_pass(greylist: Greylist, database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE greylist RENAME TO elsewhere"))
    with capture_logs() as journal:
        assert await greylist.ask(CARA) is None
    with database.write() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO greylist"))
    assert [line["event"] for line in journal] == ["the greylist cannot be read"]
