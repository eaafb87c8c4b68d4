"""`Rates`: how often a peer or a sender may do what it does, counted in fixed windows.

Contract: counts in the memory of this process, or in Redis for all processes and machines together. Counting never
refuses mail by itself failing: while Redis is in trouble, or slow, this process counts for itself, said once an outage.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final, Protocol, cast

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage, Storage
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import ConfigurationError, StorageError

from smtpintake.intake.limits import Rate

_PATIENCE: Final = 1.0  # seconds for Redis to answer
_PAUSE: Final = 10.0  # seconds without asking a Redis that did not
_MAX_QUESTIONS: Final = 50  # of Redis at a time; each has a connection, and redis-py makes at most a hundred
_MAX_COUNTERS: Final = 100_000  # some 25 MB

_log: Final = structlog.get_logger(__name__)


class Counted(StrEnum):
    """What is counted; the value is part of the counter's name."""

    CONNECTIONS = "connections"
    MAILS = "mails"
    SENDER_MAILS = "sender"
    REFUSED_RECIPIENTS = "refused"
    LOGINS_OF_PEER = "logins"  # those that failed
    LOGINS_OF_NAME = "logins_as"


class _Closable(Protocol):
    """What redis-py's client can do, and the type that `limits` gives it doesn't say."""

    async def aclose(self) -> None: ...


class Counters(Storage):
    """What `limits` counts in. Its own memory storage looks through every counter at every hit and forgets none that
    is still running, so that a stranger with many networks decides how long it takes and how large it grows. This one
    does neither: where there are too many counters, the oldest goes.
    """

    STORAGE_SCHEME = None

    def __init__(self, size: int = _MAX_COUNTERS, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._size: Final = size
        self._clock: Final = clock
        self._counters: Final[OrderedDict[str, tuple[int, float]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counters)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        count, ends = self._running(key)
        self._counters[key] = count + amount, ends or self._clock() + expiry
        if len(self._counters) > self._size:
            self._counters.popitem(last=False)
        return count + amount

    async def get(self, key: str) -> int:
        return self._running(key)[0]

    async def get_expiry(self, key: str) -> float:
        return self._running(key)[1]

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        count = len(self._counters)
        self._counters.clear()
        return count

    async def clear(self, key: str) -> None:
        self._counters.pop(key, None)

    def _running(self, key: str) -> tuple[int, float]:
        """The count and the end of the counter's window; nothing of a window that is over."""
        count, ends = self._counters.get(key, (0, 0.0))
        if count and ends <= self._clock():
            del self._counters[key]
            return 0, 0.0
        return count, ends


class Rates:
    """`rates` has what is limited; the rest is not even counted. `redis` is a URL, or empty for this process's memory.

    Raises ConfigurationError where Redis is wanted and its client is not installed.
    """

    def __init__(
        self, rates: Mapping[Counted, Rate], redis: str = "", pause: float = _PAUSE, patience: float = _PATIENCE
    ) -> None:
        self._rates: Final = {what: (rate, _item(rate)) for what, rate in rates.items()}
        self._redis: Final = _redis(redis) if redis else None
        self._own: Final = FixedWindowRateLimiter(Counters())
        self._shared: Final = None if self._redis is None else FixedWindowRateLimiter(self._redis)
        self._pause: Final = pause
        self._patience: Final = patience
        self._questions: Final = asyncio.Semaphore(_MAX_QUESTIONS)
        self._ask_again = 0.0  # when the clock of the loop says so; 0 while Redis is well

    async def count(self, what: Counted, key: str) -> Rate | None:
        """Count one for `key`; the rate that this exceeds, or None."""
        return await self._over(what, key, FixedWindowRateLimiter.hit)

    async def exceeded(self, what: Counted, key: str) -> Rate | None:
        """The rate that one more would exceed, or None. Counts nothing."""
        return await self._over(what, key, FixedWindowRateLimiter.test)

    async def trouble(self) -> str | None:
        """Why Redis cannot be asked, if so. In memory there is no trouble."""
        if self._redis is None:
            return None
        try:
            async with asyncio.timeout(self._patience):
                await self._redis.get("trouble")
        except (StorageError, OSError) as error:
            return str(error.__cause__ or error) or "no answer"
        return None

    async def close(self) -> None:
        if self._redis is not None and isinstance(self._redis.bridge, RedispyBridge):
            await cast("_Closable", self._redis.bridge.get_connection()).aclose()

    async def _over(
        self,
        what: Counted,
        key: str,
        ask: Callable[[FixedWindowRateLimiter, RateLimitItemPerSecond, str, str], Awaitable[bool]],
    ) -> Rate | None:
        if what not in self._rates:
            return None
        rate, item = self._rates[what]
        shared, within = self._shared, None
        if shared is not None:
            within = await self._patiently(lambda: ask(shared, item, what, key))
        if within is None:
            within = await ask(self._own, item, what, key)
        return None if within else rate

    async def _patiently(self, ask: Callable[[], Awaitable[bool]]) -> bool | None:
        """What Redis says, or None where it says nothing in time."""
        now = asyncio.get_running_loop().time()
        if now < self._ask_again:
            return None
        was_down = bool(self._ask_again)
        if was_down:
            self._ask_again = now + self._pause  # one asks, the others go on
        try:
            async with asyncio.timeout(self._patience), self._questions:
                within = await ask()
        except (StorageError, OSError) as error:  # TimeoutError is an OSError
            if not self._ask_again:
                why = repr(error.__cause__ or error)
                _log.warning("each process counts rates for itself: Redis cannot be asked", error=why)
            self._ask_again = now + self._pause
            return None
        if was_down:
            _log.info("Redis counts rates again")
            self._ask_again = 0.0
        return within


def _item(rate: Rate) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(rate.times, rate.seconds, namespace="rate")


def _redis(url: str) -> RedisStorage:
    try:
        return RedisStorage(f"async+{url}", wrap_exceptions=True, implementation="redispy", key_prefix="smtpintake")
    except ConfigurationError as error:
        raise ConfigurationError("Redis needs the extra: pip install 'smtpintake[redis]'") from error
