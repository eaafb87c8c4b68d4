"""Rates, counted in memory and in a real Redis; while that is gone, or says nothing, each process counts for itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from smtpintake.intake.limits import Rate
from smtpintake.intake.rates import Counted, Counters, Rates
from tests.redis import Redis, redis  # noqa: F401 - a fixture

MAILS = {Counted.MAILS: Rate(2, 86400)}


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("60/minute", Rate(60, 60)),
        ("1/second", Rate(1, 1)),
        ("100/15 minutes", Rate(100, 900)),
        ("5 / hour", Rate(5, 3600)),
        ("7/2 days", Rate(7, 172800)),
        (" 60/minute ", Rate(60, 60)),
    ],
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60",
        "60/",
        "/minute",
        "0/minute",
        "-1/minute",
        "1/fortnight",
        "60/minute; 5/second",
        "1e3/hour",
        "9/0 hours",
    ],
)
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        Rate.parse(text)


async def over(rates: Rates, *keys: str) -> list[bool]:
    return [await rates.count(Counted.MAILS, key) is not None for key in keys]


async def test_each_key_has_its_own_count() -> None:
    rates = Rates(MAILS)
    assert await over(rates, "a", "a", "b", "a", "b") == [False, False, False, True, False]
    assert await rates.exceeded(Counted.MAILS, "a") == MAILS[Counted.MAILS]


async def test_looking_counts_nothing() -> None:
    rates = Rates(MAILS)
    for _ in range(5):
        assert await rates.exceeded(Counted.MAILS, "a") is None
    assert await over(rates, "a", "a") == [False, False]
    assert await rates.exceeded(Counted.MAILS, "a") is not None


async def test_what_has_no_rate_is_not_counted() -> None:
    rates = Rates(MAILS)
    for _ in range(5):
        assert await rates.count(Counted.CONNECTIONS, "a") is None


async def test_a_counter_ends_with_its_window() -> None:
    now = 100.0
    counters = Counters(clock=lambda: now)
    assert [await counters.incr("a", 60), await counters.incr("a", 60)] == [1, 2]
    now = 159.9
    assert await counters.incr("a", 60) == 3
    now = 160.0
    assert await counters.get("a") == 0
    assert await counters.incr("a", 60) == 1
    assert await counters.get_expiry("a") == 220.0


async def test_many_strangers_do_not_fill_the_memory() -> None:
    counters = Counters(size=3)
    for number in range(100):
        await counters.incr(f"peer {number}", 60)
    assert len(counters) == 3
    assert await counters.get("peer 99") == 1
    assert await counters.get("peer 0") == 0


async def test_redis_counts_for_several_processes(redis: Redis) -> None:  # noqa: F811
    ours, theirs = Rates(MAILS, redis.url), Rates(MAILS, redis.url)
    assert await over(ours, "a", "b") == [False, False]
    assert await over(theirs, "a", "a") == [False, True]
    assert await ours.exceeded(Counted.MAILS, "a") is not None
    assert await ours.exceeded(Counted.MAILS, "b") is None
    await ours.close()
    await theirs.close()


async def test_redis_is_asked_by_many_at_once(redis: Redis) -> None:  # noqa: F811
    rates = Rates({Counted.MAILS: Rate(300, 86400)}, redis.url, patience=30.0)
    told = await asyncio.gather(*(rates.count(Counted.MAILS, "a") for _ in range(500)))
    assert sum(rate is not None for rate in told) == 200
    await rates.close()


async def test_without_its_redis_a_process_counts_for_itself_and_says_so_once(redis: Redis) -> None:  # noqa: F811
    rates = Rates(MAILS, redis.url, pause=0.0)
    assert await over(rates, "a", "a", "a") == [False, False, True]
    redis.stop()
    with capture_logs() as journal:
        assert await over(rates, "a", "a", "a") == [False, False, True]
    assert [line["log_level"] for line in journal] == ["warning"]
    redis.start()
    with capture_logs() as journal:
        assert await over(rates, "a", "a", "a") == [False, False, True]
    assert [line["event"] for line in journal] == ["Redis counts rates again"]
    await rates.close()


@pytest.fixture
async def silence() -> AsyncIterator[str]:
    """The URL of a server that takes connections and says nothing."""
    asked = asyncio.Event()
    server = await asyncio.start_server(lambda *_: asked.wait(), "127.0.0.1", 0)
    yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    asked.set()
    server.close()


async def test_redis_that_says_nothing_is_waited_for_once(silence: str) -> None:
    rates = Rates(MAILS, silence, pause=3600.0, patience=0.01)
    with capture_logs() as journal:
        assert await over(rates, *"aaaa") == [False, False, True, True]
    assert len(journal) == 1
    await rates.close()
