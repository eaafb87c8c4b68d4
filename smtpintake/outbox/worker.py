"""The worker: sends what the outbox holds, tries again what was deferred, and gives up after days.

Contract: at most one worker sends a mail at a time, and a mail leaves the queue only when the smarthost has taken or
refused it. A crash between the two, or a smarthost that falls silent after the mail, sends it once more with the same
Message-ID: at least once, and recognisable. Without a smarthost every mail waits and says so. A database that cannot be
used is waited for.
"""

import asyncio
import logging
import os
import random
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from smtpintake.net.smtpclient import Connection, Deferred, Failed, Result, Sent, Smarthost
from smtpintake.outbox.signing import Signer
from smtpintake.store import outbox
from smtpintake.store.database import Database
from smtpintake.store.outbox import Claimed, Settled, State

NO_SMARTHOST: Final = "no smarthost configured"

_log: Final = structlog.get_logger(__name__)
_LEVELS: Final = {State.SENT: logging.INFO, State.QUEUED: logging.WARNING, State.FAILED: logging.ERROR}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, how many, how long. RFC 5321 s4.5.4.1: give up after four or five days, not before."""

    poll: timedelta = timedelta(seconds=1)
    connections: int = 4
    claims: int = 100
    lease: timedelta = timedelta(minutes=2)
    first_retry: timedelta = timedelta(seconds=30)
    longest_retry: timedelta = timedelta(hours=2)
    longest_outage: timedelta = timedelta(minutes=5)  # between two attempts while the smarthost cannot be reached
    give_up: timedelta = timedelta(days=5)

    def retry_after(self, attempts: int, chance: float) -> timedelta:
        """How long to wait after so many attempts: doubled each time, and a quarter more or less by `chance` (0 to 1),
        so that mails which failed together don't come back together.
        """
        doubled = self.first_retry * (1 << min(attempts - 1, 20))
        return min(doubled, self.longest_retry) * (0.75 + chance / 2)


DEFAULT_PACE: Final = Pace()


class Worker:
    """Sends until it is told to `stop`; what was claimed and not begun is then given back."""

    def __init__(
        self,
        database: Database,
        smarthost: Smarthost | None,
        pace: Pace = DEFAULT_PACE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        signer: Signer | None = None,
    ) -> None:
        self.name: Final = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._database: Final = database
        self._smarthost: Final = smarthost
        self._signer: Final = signer
        self._pace: Final = pace
        self._clock: Final = clock
        self._stopping: Final = asyncio.Event()

    def stop(self) -> None:
        """Finish the mails that are being sent, and return from `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping.is_set():
            worked = False
            try:
                if self._smarthost is None:
                    await asyncio.to_thread(self._note_waiting)
                else:
                    worked = await self._send_due(self._smarthost)
            except DBAPIError as error:
                _log.error("the database cannot be used, outgoing mail waits", error=str(error.orig))
            if not worked:
                await self._pause(self._pace.poll)

    async def _send_due(self, smarthost: Smarthost) -> bool:
        """Claim what is due and send it; False where there was nothing."""
        claimed = await asyncio.to_thread(self._claim)
        if not claimed:
            return False
        todo, done = deque(claimed), asyncio.Queue[Settled | None]()
        async with self._holding(), asyncio.TaskGroup() as settling:
            settling.create_task(self._settle(done))
            async with asyncio.TaskGroup() as sending:
                connections = range(min(self._pace.connections, len(claimed)))
                senders = [sending.create_task(self._send(smarthost, todo, done)) for _ in connections]
            outage = next((sender.result() for sender in senders if sender.result()), None)
            if outage is not None and not self._stopping.is_set():
                # What is left is left because every connection ended: these mails would fare no better.
                for mail in todo:
                    done.put_nowait(self._settled(mail, outage))
            done.put_nowait(None)
        return True

    # ---- sending -------------------------------------------------------------------------------------------------

    async def _send(
        self, smarthost: Smarthost, todo: deque[Claimed], done: asyncio.Queue[Settled | None]
    ) -> Deferred | None:
        """Send mails of `todo` over one connection, until none is left, or until the smarthost cannot be reached, which
        is the result then.
        """
        connection = Connection(smarthost)
        try:
            while todo and not self._stopping.is_set():
                mail = todo.popleft()
                result = await connection.send(mail.mail_from, mail.rcpt_to, await self._signed(mail.octets))
                done.put_nowait(self._settled(mail, result))
                if isinstance(result, Deferred) and result.unreachable:
                    return result
        finally:
            await connection.close()
        return None

    async def _signed(self, octets: bytes) -> bytes:
        return octets if self._signer is None else await asyncio.to_thread(self._signer.signed, octets)

    def _settled(self, mail: Claimed, result: Result) -> Settled:
        now, attempts = self._clock(), mail.attempts + 1
        wait = self._pace.retry_after(attempts, random.random())  # noqa: S311  (jitter, no secret)
        match result:
            case Sent(note):
                settled = Settled(mail.id, State.SENT, note, now)
            case Failed(note):
                settled = Settled(mail.id, State.FAILED, note, now)
            case Deferred(note) if now - mail.created_at >= self._pace.give_up:
                settled = Settled(mail.id, State.FAILED, f"gave up after {self._pace.give_up.days} days: {note}", now)
            case Deferred(note, unreachable):
                wait = min(wait, self._pace.longest_outage) if unreachable else wait
                settled = Settled(mail.id, State.QUEUED, note, now + wait)
        level = _LEVELS[settled.state]
        _log.log(level, "outgoing mail", id=mail.id, state=settled.state, attempt=attempts, note=settled.note)
        return settled

    # ---- the database, from a thread ---------------------------------------------------------------------------------

    def _claim(self) -> list[Claimed]:
        now = self._clock()
        with self._database.engine.connect() as connection:
            if not outbox.is_due(connection, now):
                return []
        with self._database.write() as connection:
            return outbox.claim(connection, self.name, now, now + self._pace.lease, self._pace.claims)

    def _note_waiting(self) -> None:
        with self._database.engine.connect() as connection:
            if not outbox.is_note_missing(connection, NO_SMARTHOST):
                return
        with self._database.write() as connection:
            outbox.note_waiting(connection, NO_SMARTHOST)

    async def _settle(self, done: asyncio.Queue[Settled | None]) -> None:
        """Write results until None comes, all that wait together: one commit for several mails."""
        ended = False
        while not ended:
            results = [await done.get()]
            while not done.empty():
                results.append(done.get_nowait())
            ended = results[-1] is None
            await self._write([result for result in results if result is not None])

    async def _write(self, results: list[Settled]) -> None:
        """Write results however long the database makes us wait: what was sent must not be sent again."""
        while results:
            try:
                changed = await asyncio.to_thread(self._write_once, results)
            except DBAPIError as error:
                _log.error("the database cannot be used, results wait", results=len(results), error=str(error.orig))
                if self._stopping.is_set():
                    raise
                await self._pause(self._pace.poll)
                continue
            if changed < len(results):
                _log.warning("a lease ended before its mail was settled", lost=len(results) - changed)
            return

    def _write_once(self, results: list[Settled]) -> int:
        with self._database.write() as connection:
            return outbox.settle(connection, self.name, results, self._clock())

    # ---- the lease ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _holding(self) -> AsyncIterator[None]:
        """Renew the lease while mails are being sent, and give back what is left of them."""
        renewing = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
        await asyncio.to_thread(self._release)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._pace.lease.total_seconds() / 3)
            try:
                await asyncio.to_thread(self._renew_once)
            except DBAPIError as error:
                _log.error("the database cannot be used, the lease is not renewed", error=str(error.orig))

    def _renew_once(self) -> None:
        with self._database.write() as connection:
            outbox.renew(connection, self.name, self._clock() + self._pace.lease)

    def _release(self) -> None:
        with self._database.write() as connection:
            outbox.release(connection, self.name)

    async def _pause(self, length: timedelta) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), length.total_seconds())
