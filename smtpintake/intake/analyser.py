"""The analysers: processes that turn octets into an `Analysis`, and that can be killed.

Contract: hostile mail can hold the interpreter inside one regular expression for a minute; in a process of its own that
costs one sender their answer and nobody else anything. An analyser past its deadline, or one that dies, is replaced;
the mail's answer is `None` and the caller defers it. Analysers that die while they read nothing, or all get stuck, cost
no sender anything: new ones read what waits. An analyser does no I/O but reading the spool, and cannot outgrow
`MEMORY_LIMIT`.

A mail that comes alone is read at once. Small ones that wait while every analyser is busy go to the next free one
together, as handing over costs as much as reading; if that fails, each is read again by itself.
"""

import asyncio
import gc
import os
import resource
import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

import structlog
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from smtpintake.decide.analysis import Analysis
from smtpintake.intake import analysis
from smtpintake.intake.analysis import Task, analyse_several
from smtpintake.intake.travelling import travel_light

MEMORY_LIMIT: Final = 2 << 30  # octets of address space; a mail of the greatest size needs a tenth

# Beyond two deadlines, how long no mail at all may be answered before the analysers count as stuck.
_SLACK: Final = 10.0  # seconds
# RFC 5321 s4.5.3.2.6: so long a client waits for the reply to its message. Nobody hears a later one.
_LONGEST_WAIT: Final = 600.0
# What each analyser has: one task that it works on, and one that waits at its door.
_TASKS_EACH: Final = 2
# Mails that go together: so many, of so many octets each, and for so long in all. The first of them that hangs costs
# the others this long, and then each has an analyser to itself.
_TOGETHER: Final = 8
_SMALL: Final = 32 << 10  # octets
_DEADLINE_TOGETHER: Final = 1.0  # seconds; eight small mails take a hundredth of it

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A task, and who waits for its answer. `alone`: it was in company that failed."""

    task: Task
    answer: "asyncio.Future[Analysis | None]"
    alone: bool = False

    @property
    def is_sociable(self) -> bool:
        return not self.alone and self.task.octets is not None and len(self.task.octets) <= _SMALL


class Analysers:
    """A pool of `count` processes. `deadline` is in seconds, for one mail, from when a process takes it."""

    def __init__(self, count: int, deadline: float, slack: float = _SLACK) -> None:
        # Not fork: this process has threads. A fork server has read the code already, so a replacement is quick.
        self._context: Final = get_context("forkserver")
        self._context.set_forkserver_preload([analysis.__name__])
        self._count: Final = count
        self._deadline: Final = deadline
        self._patience: Final = 2 * deadline + slack
        self._answered = 0
        self._waiting: Final[deque[_Waiting]] = deque()
        self._running: Final[set[asyncio.Task[None]]] = set()
        self._pool = self._new_pool()
        travel_light()

    async def warm_up(self) -> None:
        """Start the processes before the first mail needs one. Raises what keeps them from starting."""
        await asyncio.gather(*(asyncio.wrap_future(self._pool.schedule(os.getpid)) for _ in range(self._count)))

    async def analyse(self, task: Task) -> Analysis | None:
        """The Analysis of a mail; None where no analyser could make one in time. Raises what the analysis raised."""
        waiting = _Waiting(task, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._hand_over()
        return await waiting.answer

    def stop(self) -> None:
        """End the processes; what they were reading is not answered any more."""
        _end(self._pool)

    # ---- who goes with whom ----------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        """Give what waits to the analysers that have room."""
        while self._waiting and (room := _TASKS_EACH * self._count - len(self._running)) > 0:
            running = asyncio.create_task(self._read(self._company(room)))
            self._running.add(running)
            running.add_done_callback(self._ended)

    def _ended(self, running: "asyncio.Task[None]") -> None:
        self._running.discard(running)
        self._hand_over()

    def _company(self, room: int) -> list[_Waiting]:
        """The next mail, with its share of those behind it."""
        share = min(-(-len(self._waiting) // room), _TOGETHER)
        company = [self._waiting.popleft()]
        while company[0].is_sociable and len(company) < share and self._waiting[0].is_sociable:
            company.append(self._waiting.popleft())
        return company

    async def _read(self, company: Sequence[_Waiting]) -> None:
        deadline = self._deadline if len(company) == 1 else min(self._deadline, _DEADLINE_TOGETHER)
        try:
            answers: Sequence[Analysis | None] = await self._ask([one.task for one in company], deadline)
        except (TimeoutError, ProcessExpired, BrokenProcessPool, MemoryError, CancelledError) as error:
            _log.warning("an analyser gave up", mails=len(company), error=repr(error), deadline=deadline)
            answers = [None] if len(company) == 1 else ()
        except Exception as error:  # noqa: BLE001 - of one of them; whose it is will be told to who waits for it
            if len(company) == 1:
                _tell(company[0], error)
                return
            answers = ()
        for one, answer in zip(company, answers, strict=False):
            _tell(one, answer)
        if not answers:
            self._waiting.extendleft(_Waiting(one.task, one.answer, alone=True) for one in reversed(company))

    # ---- the processes ---------------------------------------------------------------------------------------------

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(max_workers=self._count, initializer=_become_analyser, context=self._context)

    async def _ask(self, tasks: Sequence[Task], deadline: float) -> list[Analysis]:
        """Asked again where the pool failed, and not these tasks."""
        try:
            return await self._ask_once(tasks, deadline)
        except BrokenProcessPool:
            return await self._ask_once(tasks, deadline)

    async def _ask_once(self, tasks: Sequence[Task], deadline: float) -> list[Analysis]:
        """Raises BrokenProcessPool where the pool failed: who asks next has a new pool."""
        if not self._pool.active:
            self._replace(self._pool, "they died")
        return await self._result(self._pool, self._pool.schedule(analyse_several, args=[tasks], timeout=deadline))

    async def _result(self, pool: ProcessPool, future: ProcessFuture[list[Analysis]]) -> list[Analysis]:
        # The pool's own deadline begins when a process says that it has the mail. One that never says so (it died with
        # the lock of the queue, it was stopped) would keep everybody waiting.
        answer = asyncio.wrap_future(future)
        give_up = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < give_up:
            before = self._answered
            done, _ = await asyncio.wait((answer,), timeout=self._patience)
            if done:
                self._answered += 1
                return answer.result()
            if self._answered == before:
                self._replace(pool, "they are stuck")
            if self._pool is not pool:
                raise BrokenProcessPool("the analysers were stuck")
        answer.cancel()
        raise TimeoutError("no analyser was free in time")

    def _replace(self, pool: ProcessPool, why: str) -> None:
        """Analysers anew, unless that has been done; the old ones are ended meanwhile."""
        if self._pool is pool:
            _log.error("the analysers are started anew", why=why)
            self._pool = self._new_pool()
            threading.Thread(target=_end, args=(pool,), name="end of analysers", daemon=True).start()


def _tell(waiting: _Waiting, answer: Analysis | Exception | None) -> None:
    if waiting.answer.done():
        return  # nobody waits any more
    if isinstance(answer, Exception):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _become_analyser() -> None:
    # Ctrl-C at the terminal is for the server, which ends us in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pool's handler waits for the interpreter, which is what a hanging regular expression holds.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # the code is shared with the fork server until a collection writes to each object of it
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    travel_light()
