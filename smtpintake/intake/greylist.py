"""`Greylist`: a client that nobody knows is told to come again; whoever has a queue does, and is known from then on.

Contract: what is let in is a network: once a client of it came again in time, nothing of it waits any more, until
nothing came from it for `remember`. `ask` only reads, and only for networks that this process does not know. All
writing is done in transactions that the writer makes anyway: a new attempt with the log row of its refusal, a proven
network with whatever is written next. A greylist that cannot be read lets pass.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from smtpintake.intake.inquiry import Inquiry
from smtpintake.intake.submission import Refusal, Submission
from smtpintake.store import greylist as store
from smtpintake.store.database import Database
from smtpintake.store.greylist import Triplet

_MAX_KNOWN: Final = 100_000
# A network that sends every day is written once a day.
_REFRESH: Final = timedelta(days=1)
_TIDY: Final = timedelta(hours=1)

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How soon a client may come again, how late it may, and for how long its network is known. With `spare_spf`
    nothing waits whose client SPF lets send for its reverse-path.
    """

    delay: timedelta = timedelta(seconds=60)
    window: timedelta = timedelta(hours=4)
    remember: timedelta = timedelta(days=36)
    spare_spf: bool = True


@dataclass(frozen=True, slots=True)
class ComeAgain:
    """The client must wait. `attempt` is to be remembered, None where it is already."""

    detail: str
    attempt: Triplet | None = None


def _now() -> datetime:
    return datetime.now(UTC)


class Greylist:
    """One for each process."""

    def __init__(self, database: Database, patience: Patience, clock: Callable[[], datetime] = _now) -> None:
        self._database: Final = database
        self._patience: Final = patience
        self._clock: Final = clock
        self._known: Final[OrderedDict[str, datetime]] = OrderedDict()
        self._lock: Final = threading.Lock()
        self._unwritten: dict[str, datetime] = {}
        self._tidied = clock()

    async def ask(self, triplet: Triplet, inquiry: Inquiry | None = None) -> ComeAgain | None:
        """None where the client may go on."""
        now = self._clock()
        if self._is_known(triplet.network, now):
            return None
        try:
            tried, proven = await asyncio.to_thread(self._read, triplet)
        except DBAPIError as error:
            _log.warning("the greylist cannot be read", error=str(error.orig))
            return None
        if proven is not None:
            self._know(triplet.network, proven)
        if self._is_known(triplet.network, now):
            return None
        if self._patience.spare_spf and inquiry is not None and await inquiry.passes_spf():
            return None
        if tried is None or now - tried > self._patience.window:
            return ComeAgain(f"not seen before from {triplet.network}", triplet)
        if now - tried < self._patience.delay:
            return ComeAgain(f"first seen at {tried:%H:%M:%S}, came again too soon")
        self._let_in(triplet.network, now)
        return None

    def record(self, connection: Connection, jobs: Sequence[Submission | Refusal]) -> None:
        """What is to be written, in the transaction that records `jobs`."""
        attempts = [job.greylisted for job in jobs if isinstance(job, Refusal) and job.greylisted is not None]
        store.remember(connection, attempts, self._clock())
        with self._lock:
            proven, self._unwritten = self._unwritten, {}
        store.prove(connection, proven)

    def tidy(self) -> None:
        """For quiet moments: write what no mail has taken along, and forget what is old."""
        now = self._clock()
        due = now - self._tidied > _TIDY
        if not due and not self._unwritten:
            return
        with self._database.write() as connection:
            self.record(connection, ())
            if due:
                patience = self._patience
                store.forget(connection, tried_before=now - patience.window, proven_before=now - patience.remember)
                self._tidied = now

    def _read(self, triplet: Triplet) -> tuple[datetime | None, datetime | None]:
        with self._database.engine.connect() as connection:
            return store.first_seen(connection, triplet), store.proven_at(connection, triplet.network)

    def _is_known(self, network: str, now: datetime) -> bool:
        proven = self._known.get(network)
        if proven is None or now - proven >= self._patience.remember:
            return False
        if now - proven > _REFRESH:
            self._let_in(network, now)
        return True

    def _let_in(self, network: str, now: datetime) -> None:
        self._know(network, now)
        with self._lock:
            self._unwritten[network] = now

    def _know(self, network: str, proven: datetime) -> None:
        self._known[network] = proven
        self._known.move_to_end(network)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
