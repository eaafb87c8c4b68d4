"""The notifier: turns what happened to issues into mails of the outbox.

Contract: an issue's mails are composed without a lock and written in one short transaction, which marks what they tell
as told; of several processes one does it. Who has heard too much of an issue hears the rest when that is due. A fault
with one issue is logged, keeps its events for later, and no other issue waits. A database that cannot be used is waited
for.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from smtpintake.outbox.letters import Letter, Told, Writer
from smtpintake.store import arrears, events
from smtpintake.store.arrears import Owed
from smtpintake.store.database import Database
from smtpintake.store.outbox import enqueue, expect_replies
from smtpintake.store.rows import Rows
from smtpintake.store.silences import log_silence
from smtpintake.store.snapshot import Snapshots

POLL: Final = timedelta(seconds=1)
LATER: Final = timedelta(minutes=5)  # where an issue's mails could not be composed

_BATCH: Final = 50  # issues

_log: Final = structlog.get_logger(__name__)


class Notifier:
    """Tells until it is told to `stop`."""

    def __init__(
        self,
        database: Database,
        snapshots: Snapshots,
        writer: Writer,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database: Final = database
        self._snapshots: Final = snapshots
        self._writer: Final = writer
        self._clock: Final = clock
        self._stopping: Final = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping.is_set():
            told = 0
            try:
                told = await asyncio.to_thread(self.tell_due)
            except DBAPIError as error:
                _log.error("the database cannot be used, nobody is notified", error=str(error.orig))
            if not told:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), POLL.total_seconds())

    def tell_due(self) -> int:
        """Put the mails about everything that is due into the outbox; how often something was due."""
        now = self._clock()
        with self._database.engine.connect() as connection:
            due: list[int | Owed] = [*events.due(connection, now, _BATCH), *arrears.due(connection, now, _BATCH)]
        for each in due:
            if self._stopping.is_set():
                break
            try:
                self._tell(each) if isinstance(each, int) else self._pay(each)
            except (OperationalError, InterfaceError):  # the database, whatever the issue
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one issue
                _log.exception("nobody could be notified, and will be tried again", issue=each)
                self._postpone(each, f"fault: {error!r}")
        return len(due)

    def _tell(self, issue_id: int) -> None:
        now = self._clock()
        with self._database.engine.connect() as connection:
            news = events.pending(connection, issue_id)
            if not news:
                return
            policy = self._snapshots.refresh(connection).policy
            told = self._writer.letters(connection, policy, news, now)
        ids = [each.id for each in news]
        with self._database.write() as connection:
            if events.hold(connection, ids):
                events.told(connection, ids, told.note, now)
                arrears.owe(connection, news[0], told.later, now, self._writer.budget.window)
                _queue(connection, issue_id, told.letters, now)
                _log_silences(connection, told, now, policy.version)
        _complain(told.letters)

    def _pay(self, owed: Owed) -> None:
        """Tell somebody what they have not heard of an issue yet."""
        now = self._clock()
        with self._database.engine.connect() as connection:
            news = events.told_since(connection, owed.issue_id, owed.event_id)
            policy = self._snapshots.refresh(connection).policy
            letters = self._writer.letters(connection, policy, news, now, late=owed.address).letters if news else ()
        with self._database.write() as connection:
            if arrears.pay(connection, owed, news[-1].id if news else owed.event_id, now):
                _queue(connection, owed.issue_id, letters, now)
        _complain(letters)

    def _postpone(self, what: int | Owed, why: str) -> None:
        later = self._clock() + LATER
        with self._database.write() as connection:
            if isinstance(what, Owed):
                arrears.postpone(connection, what, later)
            else:
                ids = [each.id for each in events.pending(connection, what)]
                events.postpone(connection, ids, later, why)


def _complain(letters: Sequence[Letter]) -> None:
    for fault in {letter.mail.fault for letter in letters} - {""}:
        _log.error("own templates cannot be used, mail was written with the built-in ones", fault=fault)


def _log_silences(connection: Connection, told: Told, now: datetime, policy_version: int) -> None:
    rows = Rows()
    for silence, instead in told.silences:
        log_silence(rows, silence, now, then=instead, policy_version=policy_version)
    rows.insert(connection)


def _queue(connection: Connection, issue_id: int, letters: Sequence[Letter], now: datetime) -> None:
    rows = Rows()
    for letter in letters:
        comment_id = next((each.comment_id for each in reversed(letter.news) if each.comment_id is not None), None)
        log_id = letter.news[-1].log_id
        enqueue(rows, letter.mail, now, issue_id=issue_id, comment_id=comment_id, log_id=log_id)
        expect_replies(rows, letter.mail, issue_id)
    rows.insert(connection)
