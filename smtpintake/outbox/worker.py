"""The worker: senders side by side, each with a line of its own, send what the outbox holds.

Contract: at most one worker sends a mail at a time, and a mail leaves the queue only when a smarthost has taken or
refused it. A crash between the two sends it once more, one of each sender at most, as does a smarthost that falls
silent after the mail; with the same Message-ID: at least once, and recognisable. Without a smarthost every mail waits
and says so; so it does while none can be reached. A database that cannot be used is waited for, and one mail's fault
stops no other.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from smtpintake.net.smarthost import Smarthost
from smtpintake.net.smtpclient import Deferred, Result
from smtpintake.outbox.attempt import settled
from smtpintake.outbox.claims import Claims
from smtpintake.outbox.lanes import Lanes
from smtpintake.outbox.pace import DEFAULT_PACE, Pace
from smtpintake.outbox.signing import Signer
from smtpintake.outbox.smarthosts import Line, Smarthosts
from smtpintake.store import outbox
from smtpintake.store.database import Database
from smtpintake.store.outbox import Claimed, State

NO_SMARTHOST: Final = "no smarthost configured"

_log: Final = structlog.get_logger(__name__)
_LEVELS: Final = {State.SENT: logging.INFO, State.DEFERRED: logging.WARNING, State.FAILED: logging.ERROR}


class Worker:
    """Sends until it is told to `stop`; what was claimed and not begun is then given back. `smarthosts` are in order of
    preference.
    """

    def __init__(
        self,
        database: Database,
        smarthosts: Sequence[Smarthost],
        pace: Pace = DEFAULT_PACE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        signer: Signer | None = None,
    ) -> None:
        self._stopping: Final = asyncio.Event()
        self._freed: Final = asyncio.Event()
        self._asking: Final = asyncio.Lock()
        self._database: Final = database
        self._smarthosts: Final = Smarthosts(smarthosts, pace.rest, clock)
        self._claims: Final = Claims(database, pace, clock, self._stopping)
        self._lanes: Final = Lanes(pace.per_domain)
        self._signer: Final = signer
        self._pace: Final = pace
        self._clock: Final = clock

    def stop(self) -> None:
        """Finish the mails that are being sent, and return from `run`."""
        self._stopping.set()
        self._freed.set()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._smarthosts and not self._stopping.is_set():
            await self._say_why(NO_SMARTHOST)
            await self._rest(self._pace.poll)
        async with asyncio.TaskGroup() as beside:
            beside.create_task(self._claims.write())
            renewing = beside.create_task(self._claims.renew())
            async with asyncio.TaskGroup() as senders:
                for _ in range(self._pace.connections):
                    senders.create_task(self._send())
            await self._claims.give_back(self._lanes.empty())
            self._claims.end()
            renewing.cancel()

    async def _send(self) -> None:
        """A sender: one mail after another."""
        line = Line(self._smarthosts)
        try:
            while (mail := await self._next(line)) is not None:
                result = await self._attempt(mail, line)
                self._lanes.done(mail)
                self._freed.set()
                if isinstance(result, Deferred) and result.unreachable:
                    await self._wait_for_smarthost(result.note)
        finally:
            await line.close()

    async def _attempt(self, mail: Claimed, line: Line) -> Result | None:
        """Send it, and have what that came to written down; None where it is not ours to send any more."""
        result: Result
        try:
            octets = await self._claims.octets(mail)
            if octets is None:
                _log.warning("a lease ended before its mail was sent", id=mail.id)
                return None
            result = await line.send(mail.mail_from, mail.rcpt_to, await self._signed(octets))
        except Exception as error:  # noqa: BLE001 - a mail that trips us up must not stop the others
            _log.exception("outgoing mail: a fault of ours", id=mail.id)
            result = Deferred(f"a fault of ours, see the journal: {type(error).__name__}")
        came_to = settled(mail, result, self._clock(), self._pace, random.random())  # noqa: S311 - jitter, no secret
        _log.log(
            _LEVELS[came_to.state],
            "outgoing mail",
            id=mail.id,
            state=came_to.state,
            attempt=mail.attempts + 1,
            note=came_to.note,
        )
        await self._claims.settle(came_to)
        return result

    async def _signed(self, octets: bytes) -> bytes:
        return octets if self._signer is None else await asyncio.to_thread(self._signer.signed, octets)

    # ---- what to send next -------------------------------------------------------------------------------------------

    async def _next(self, line: Line) -> Claimed | None:
        """The next mail, or None when it is time to stop. A line that is not needed for a while is closed."""
        asking = asyncio.create_task(self._ask())
        await asyncio.wait((asking,), timeout=self._pace.idle.total_seconds())
        if not asking.done():
            await line.close()
        return await asking

    async def _ask(self) -> Claimed | None:
        """A mail from the lanes. Who finds none claims more, or waits for some, and the other senders behind it."""
        while not self._stopping.is_set():
            async with self._asking:
                if (mail := self._lanes.take()) is not None:
                    return mail
                self._freed.clear()
                if not await self._claim() and not self._stopping.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._freed.wait(), self._pace.poll.total_seconds())
        return None

    async def _claim(self) -> bool:
        """Claim what is due; False where there was nothing."""
        try:
            claimed = await self._claims.claim(self._lanes.full)
        except DBAPIError as error:
            _log.error("the database cannot be used, outgoing mail waits", error=str(error.orig))
            return False
        self._lanes.put(claimed)
        return bool(claimed)

    # ---- while there is no smarthost ---------------------------------------------------------------------------------

    async def _wait_for_smarthost(self, note: str) -> None:
        """Give back what others may be able to send, and try again after a while."""
        try:
            await self._claims.give_back(self._lanes.empty())
        except DBAPIError as error:
            _log.error("the database cannot be used, leases are not given back", error=str(error.orig))
        await self._say_why(note)
        await self._rest(self._pace.rest)

    async def _say_why(self, note: str) -> None:
        try:
            await asyncio.to_thread(self._note_waiting, note)
        except DBAPIError as error:
            _log.error("the database cannot be used, outgoing mail waits", error=str(error.orig))

    def _note_waiting(self, note: str) -> None:
        with self._database.engine.connect() as connection:
            if not outbox.is_note_missing(connection, note):
                return
        with self._database.write() as connection:
            outbox.note_waiting(connection, note)

    async def _rest(self, length: timedelta) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), length.total_seconds())
