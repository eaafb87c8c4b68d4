"""`Review`: held mail is released by itself when its cause goes away.

Contract: after a change of the policy or of people each held mail is judged again, as it came, without anybody's word:
what would now become an issue or a comment does; everything else waits on. Mail is read by the analysers, like any
other, one at a time, and a release is a transaction of its own: who sends mail meanwhile hardly notices. A process that
ends in the middle leaves the rest to the next one.
"""

import asyncio
import os
import secrets
import socket
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from smtpintake.intake.analyser import Analysers
from smtpintake.intake.record import Recorder
from smtpintake.intake.release import by_itself, judge_again, reading, release, resubmitted
from smtpintake.store import review as store
from smtpintake.store.blobs import Blobs
from smtpintake.store.database import Database
from smtpintake.store.held import Held, NotHeldError, find_held, waiting_ids
from smtpintake.store.snapshot import Snapshots

BATCH: Final = 20
_LEASE: Final = timedelta(minutes=2)

_log: Final = structlog.get_logger(__name__)


class Review:
    """One for each process that takes mail."""

    def __init__(
        self, database: Database, recorder: Recorder, snapshots: Snapshots, analysers: Analysers, blobs: Blobs
    ) -> None:
        self._name: Final = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._database: Final = database
        self._recorder: Final = recorder
        self._snapshots: Final = snapshots
        self._analysers: Final = analysers
        self._blobs: Final = blobs

    async def look(self) -> tuple[str, ...]:
        """Judge held mail again where that is due: the ids of the log rows of what was released."""
        state = await asyncio.to_thread(self._take)
        if state is None:
            return ()
        released: list[str] = []
        last = ""
        while batch := await asyncio.to_thread(self._batch, last):
            for log_id in batch:
                released += await self._one(log_id)
            last = batch[-1]
        await asyncio.to_thread(self._finish, state)
        if released:
            _log.info("held mail was released by itself", mails=len(released))
        return tuple(released)

    async def _one(self, log_id: str) -> tuple[str, ...]:
        """Release the mail if it would be taken now. A fault costs this mail nothing but its turn."""
        try:
            held = await asyncio.to_thread(self._find, log_id)
            task = await asyncio.to_thread(reading, held, self._blobs, self._snapshots.newest.policy)
            analysis = await self._analysers.analyse(task)
            if analysis is None:
                _log.warning("a held mail could not be read in time", log=log_id)
                return ()
            mail = resubmitted(held, analysis, by_itself(held))
            policy, now = self._snapshots.newest.policy, datetime.now(UTC)
            judged = await asyncio.to_thread(judge_again, self._database, self._recorder, policy, mail, now)
            if not judged.is_released(by_itself=True):
                return ()
            released = await asyncio.to_thread(release, self._database, self._recorder, held, mail)
        except NotHeldError:
            return ()  # somebody was faster
        except DBAPIError:
            raise
        except Exception:  # noqa: BLE001 - it waits on, and the others must not wait for it
            _log.exception("a held mail could not be judged again", log=log_id)
            return ()
        return released.log_ids if released is not None else ()

    # ---- the database, from a thread ---------------------------------------------------------------------------------

    def _take(self) -> store.State | None:
        with self._database.engine.connect() as connection:
            if not store.is_due(connection):
                return None
            self._snapshots.refresh(connection)
        now = datetime.now(UTC)
        with self._database.write() as connection:
            return store.take(connection, self._name, now, now + _LEASE)

    def _batch(self, after: str) -> list[str]:
        with self._database.engine.connect() as connection:
            waiting = waiting_ids(connection, after, BATCH)
        if waiting:
            with self._database.write() as connection:
                store.renew(connection, self._name, datetime.now(UTC) + _LEASE)
        return waiting

    def _find(self, log_id: str) -> Held:
        with self._database.session() as session:
            return find_held(session, log_id)

    def _finish(self, state: store.State) -> None:
        with self._database.write() as connection:
            store.finish(connection, self._name, state)
