"""The writer thread: the only one of a process that writes mail as it comes, many mails a commit.

Contract: `submit` gives a future; it is resolved after the commit that made the job durable, in the loop that submitted
it, and never raises: what could not be written is answered 4yz, and nothing of it is kept. A job alone waits for
nobody; while a commit runs, jobs gather, and the next commit takes them all (measured with an fsync of 8 ms and 100
sessions: 108 messages/s one by one, 835 together). A batch that fails is done again one job at a time, each in its
savepoint, so that no mail fails its neighbours.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS, Replies
from smtpintake.store.database import Database

MAX_BATCH: Final = 200
# How often an idle writer looks for a newer policy.
_IDLE_SECONDS: Final = 1.0
# What SQLite and PostgreSQL say when there is no room: the sender may be told that it is storage (RFC 3463 X.3.1).
_NO_ROOM: Final = ("disk is full", "disk i/o error", "no space left", "could not extend file")


class Named(Protocol):
    """A job belongs to a mail transaction, which names it where nothing else can."""

    @property
    def transaction_id(self) -> str: ...


Job = TypeVar("Job", bound=Named)
Record = Callable[[Connection, Sequence[Job]], list[Replies]]
RecordFault = Callable[[Connection, Job, Reason, str], Replies]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Job]):
    job: Job
    loop: asyncio.AbstractEventLoop
    replies: "asyncio.Future[Replies]"


class Writer(Generic[Job]):
    """One thread between `start` and `stop`.

    `record` judges and writes jobs inside an open transaction and gives their replies; `record_fault` writes the log
    row of a job that `record` failed on; `idle` is called about once a second while there is nothing to write.
    """

    def __init__(
        self,
        database: Database,
        record: "Record[Job]",
        record_fault: "RecordFault[Job]",
        idle: Callable[[], None],
        max_batch: int = MAX_BATCH,
    ) -> None:
        self._database = database
        self._record = record
        self._record_fault = record_fault
        self._idle = idle
        self._max_batch = max_batch
        self._queue: queue.SimpleQueue[_Waiting[Job] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what was submitted, then end the thread. Blocks until it has."""
        self._queue.put(None)
        self._thread.join()

    def submit(self, job: Job) -> "asyncio.Future[Replies]":
        """A future of the replies to `job`. Call it in a running event loop."""
        loop = asyncio.get_running_loop()
        replies: asyncio.Future[Replies] = loop.create_future()
        self._queue.put(_Waiting(job, loop, replies))
        return replies

    def _run(self) -> None:
        while True:
            batch, ended = self._next_batch()
            if batch:
                replies = self._commit([waiting.job for waiting in batch])
                # One wake-up of the loop serves the whole batch.
                batch[0].loop.call_soon_threadsafe(_answer, batch, replies)
            elif not ended:
                self._look_around()
            if ended:
                return

    def _next_batch(self) -> tuple[list[_Waiting[Job]], bool]:
        """Everything that waits, at most `max_batch`; and whether the end was asked for."""
        batch: list[_Waiting[Job]] = []
        try:
            waiting = self._queue.get(timeout=_IDLE_SECONDS)
            while waiting is not None:
                batch.append(waiting)
                if len(batch) == self._max_batch:
                    return batch, False
                waiting = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _look_around(self) -> None:
        try:
            self._idle()
        except Exception as error:  # noqa: BLE001 - nothing to be looked up is worth the thread that writes the mail
            _log.warning("the policy could not be looked up", error=repr(error))

    def _commit(self, jobs: Sequence[Job]) -> list[Replies]:
        try:
            with self._database.write() as connection:
                return self._record(connection, jobs)
        except OperationalError as error:
            return self._refuse_all(jobs, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to one of these jobs: find out which
            _log.warning("a batch failed, its mails are written one by one", size=len(jobs), error=repr(error))
        try:
            with self._database.write() as connection:
                return [self._one(connection, job) for job in jobs]
        except Exception as error:  # noqa: BLE001 - the answer to the senders is 4yz, the fault is in the log
            return self._refuse_all(jobs, error)

    def _one(self, connection: Connection, job: Job) -> Replies:
        try:
            with connection.begin_nested():
                return self._record(connection, [job])[0]
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - this mail is deferred and said to be, its neighbours go on
            _log.exception("a mail could not be recorded")
            with connection.begin_nested():
                return self._record_fault(connection, job, Reason.FAULT_INTERNAL, repr(error))

    @staticmethod
    def _refuse_all(jobs: Sequence[Job], error: Exception) -> list[Replies]:
        """Nothing was kept: every sender keeps their mail and tries again."""
        _log.error("nothing could be written", mails=len(jobs), error=str(error))
        full = any(phrase in str(error).lower() for phrase in _NO_ROOM)
        reply = REFUSALS[Reason.FAULT_STORAGE if full else Reason.FAULT_INTERNAL]
        return [(reply.logged(job.transaction_id),) for job in jobs]


def _answer(batch: list[_Waiting[Job]], replies: list[Replies]) -> None:
    for waiting, said in zip(batch, replies, strict=True):
        if not waiting.replies.done():
            waiting.replies.set_result(said)
