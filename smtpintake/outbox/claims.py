"""`Claims`: what one worker holds of the outbox, from claiming a mail to writing what became of it.

Contract: leases are renewed as long as mails are held. A result is written however long the database makes us wait,
as what was sent must not be sent again, and its sender waits for that: a crash leaves one mail of each unmarked, and no
more. Results that come while others are being written are written together.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from smtpintake.decide.scores import Severity
from smtpintake.outbox.pace import Pace
from smtpintake.store import addresses, outbox
from smtpintake.store.database import Database
from smtpintake.store.outbox import Claimed, Settled

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Result:
    came_to: Settled
    written: asyncio.Event


class Claims:
    """`stopping` is set when the worker is to stop."""

    def __init__(self, database: Database, pace: Pace, clock: Callable[[], datetime], stopping: asyncio.Event) -> None:
        self.worker: Final = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._database: Final = database
        self._pace: Final = pace
        self._clock: Final = clock
        self._stopping: Final = stopping
        self._held: Final[set[int]] = set()
        self._results: Final[asyncio.Queue[_Result | None]] = asyncio.Queue()

    async def claim(self, full: Collection[str]) -> list[Claimed]:
        """Mails that are due, but none to domains that are `full`."""
        # What we hold and is due again had its lease lapse, as the database was away: it may be under way.
        claimed = [mail for mail in await asyncio.to_thread(self._claim, full) if mail.id not in self._held]
        self._held.update(mail.id for mail in claimed)
        return claimed

    async def octets(self, mail: Claimed) -> bytes | None:
        """The mail as it is to be sent, read at the last moment; None where its lease was lost."""
        found = await asyncio.to_thread(self._octets, mail.id)
        if found is None:
            self._held.discard(mail.id)
        return found

    async def settle(self, came_to: Settled) -> None:
        """Have it written, together with others."""
        result = _Result(came_to, asyncio.Event())
        self._results.put_nowait(result)
        await result.written.wait()

    async def give_back(self, mails: Iterable[Claimed]) -> None:
        """Let others send them."""
        ids = [mail.id for mail in mails]
        if ids:
            await asyncio.to_thread(self._release, ids)
            self._held.difference_update(ids)

    # ---- tasks beside the senders ------------------------------------------------------------------------------------

    def end(self) -> None:
        """No result comes any more: `write` returns when all are written."""
        self._results.put_nowait(None)

    async def write(self) -> None:
        """Write results until the `end`."""
        ended = False
        while not ended:
            several = [await self._results.get()]
            while not self._results.empty():
                several.append(self._results.get_nowait())
            ended = several[-1] is None
            await self._write([result for result in several if result is not None])

    async def renew(self) -> None:
        """Renew the leases of what is held, until cancelled."""
        while True:
            await asyncio.sleep(self._pace.lease.total_seconds() / 3)
            try:
                if self._held:
                    await asyncio.to_thread(self._renew, tuple(self._held))
            except DBAPIError as error:
                _log.error("the database cannot be used, leases are not renewed", error=str(error.orig))

    async def _write(self, results: list[_Result]) -> None:
        written = None if results else 0
        while written is None:
            try:
                written = await asyncio.to_thread(self._settle, [result.came_to for result in results])
            except DBAPIError as error:
                _log.error("the database cannot be used, results wait", results=len(results), error=str(error.orig))
                if self._stopping.is_set():
                    raise
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), self._pace.poll.total_seconds())
        for result in results:
            self._held.discard(result.came_to.id)
            result.written.set()
        if written < len(results):
            _log.warning("a lease ended before its mail was settled", lost=len(results) - written)

    # ---- the database, from a thread ---------------------------------------------------------------------------------

    def _claim(self, full: Collection[str]) -> list[Claimed]:
        now, pace = self._clock(), self._pace
        with self._database.engine.connect() as connection:
            if not outbox.is_due(connection, now, full):
                return []
        with self._database.write() as connection:
            return outbox.claim(connection, self.worker, now, now + pace.lease, count=pace.claims, full=full)

    def _octets(self, mail_id: int) -> bytes | None:
        with self._database.glance() as connection:
            return outbox.octets(connection, self.worker, mail_id, self._clock())

    def _settle(self, results: list[Settled]) -> int:
        now = self._clock()
        with self._database.write() as connection:
            written = outbox.settle(connection, self.worker, results, now)
            for one in written:
                if one.gone:
                    addresses.add_report(connection, one.gone, Severity.HARD, one.note, now)
        return len(written)

    def _renew(self, ids: Collection[int]) -> None:
        with self._database.write() as connection:
            outbox.renew(connection, self.worker, ids, self._clock() + self._pace.lease)

    def _release(self, ids: Collection[int]) -> None:
        with self._database.write() as connection:
            outbox.release(connection, self.worker, ids)
