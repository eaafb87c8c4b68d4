"""`Breaker`: when a server that many mails ask does not reply, nobody waits for it.

Contract: closed, it only counts. `STRIKES` questions in a row without a reply start a probe in the background, and the
breaker opens if that has no reply either: so a domain whose own name servers are dead opens nothing. A `hasty` one
opens with the strikes, where nobody but the server itself can be to blame. While it is open a probe is made again and
again, one at a time, after pauses that grow to `LONGEST_PAUSE`; any reply closes it. One line in the journal for each
change.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

STRIKES: Final = 3
FIRST_PAUSE: Final = 0.5  # seconds
LONGEST_PAUSE: Final = 30.0

_log: Final = structlog.get_logger(__name__)


class Breaker:
    """`probe` asks what the server can always answer; True where it did. It has a deadline of its own. `opened` and
    `closed` are the lines of the journal.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[bool]],
        opened: str,
        closed: str,
        *,
        hasty: bool = False,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._probe: Final = probe
        self._opened: Final = opened
        self._closed: Final = closed
        self._hasty: Final = hasty
        self._first_pause: Final = first_pause
        self._strikes = 0
        self._watch: asyncio.Task[None] | None = None
        self.is_open = False

    def heard(self) -> None:
        """The server replied, whatever it said."""
        self._strikes = 0
        if self.is_open:
            self.is_open = False
            _log.info(self._closed)

    def silent(self, why: str) -> None:
        """A question had no reply."""
        self._strikes += 1
        if self._strikes >= STRIKES and self._watch is None:
            if self._hasty:
                self._open(why)
            self._watch = asyncio.create_task(self._keep_probing(why))

    async def close(self) -> None:
        """End the probing."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch

    async def _keep_probing(self, why: str) -> None:
        """Until somebody answers: the probe, or a question that was still under way."""
        pause = self._first_pause
        try:
            while self._strikes and not await self._probe():
                if self._strikes and not self.is_open:
                    self._open(why)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            self.heard()
        finally:
            self._watch, self.is_open = None, False

    def _open(self, why: str) -> None:
        self.is_open = True
        _log.warning(self._opened, error=why)
