"""The analysers: processes that turn octets into an `Analysis`, and that can be killed.

Contract: hostile mail can hold the interpreter inside one regular expression for a minute; in a process of its own that
costs one sender their answer and nobody else anything. An analyser past its deadline, or one that dies, is replaced;
the mail's answer is `None` and the caller defers it. Analysers that die while they read nothing, or all get stuck, cost
no sender anything: new ones read what waits. An analyser does no I/O but reading the spool, and cannot outgrow
`MEMORY_LIMIT`.
"""

import asyncio
import mmap
import os
import resource
import signal
import threading
import time
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import structlog
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from smtpintake.convert.draft import draft
from smtpintake.decide.facts import Analysis
from smtpintake.intake.spool import Received
from smtpintake.mail.parse import read

MEMORY_LIMIT: Final = 2 << 30  # octets of address space; a mail of the greatest size needs a tenth

# Beyond two deadlines, how long no mail at all may be answered before the analysers count as stuck.
_SLACK: Final = 10.0  # seconds
# RFC 5321 s4.5.3.2.6: so long a client waits for the reply to its message. Nobody hears a later one.
_LONGEST_WAIT: Final = 600.0

_log = structlog.get_logger(__name__)


class Analysers:
    """A pool of `count` processes. `deadline` is in seconds, for one mail, from when a process takes it."""

    def __init__(self, count: int, deadline: float, slack: float = _SLACK) -> None:
        # Not fork: this process has threads. A fork server has read the code already, so a replacement is quick.
        self._context: Final = get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._count: Final = count
        self._deadline: Final = deadline
        self._patience: Final = 2 * deadline + slack
        self._answered = 0
        self._pool = self._new_pool()

    async def warm_up(self) -> None:
        """Start the processes before the first mail needs one. Raises what keeps them from starting."""
        await asyncio.gather(*(asyncio.wrap_future(self._pool.schedule(os.getpid)) for _ in range(self._count)))

    async def analyse(self, mail: Received, separators: tuple[str, ...]) -> Analysis | None:
        """The Analysis of a mail, in memory or in a spool file; None where an analyser could not make one in time."""
        try:
            try:
                return await self._ask(mail, separators)
            except BrokenProcessPool:
                return await self._ask(mail, separators)
        except (TimeoutError, ProcessExpired, BrokenProcessPool, MemoryError, CancelledError) as error:
            _log.warning("an analyser gave up", error=repr(error), deadline=self._deadline)
            return None

    def stop(self) -> None:
        """End the processes; what they were reading is not answered any more."""
        _end(self._pool)

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(max_workers=self._count, initializer=_become_analyser, context=self._context)

    async def _ask(self, mail: Received, separators: tuple[str, ...]) -> Analysis:
        """Raises BrokenProcessPool where the pool failed, and not this mail: the next one to ask has a new pool."""
        if not self._pool.active:
            self._replace(self._pool, "they died")
        arguments = [mail.octets, mail.path, mail.sha256, separators]
        return await self._result(self._pool, self._pool.schedule(analyse, args=arguments, timeout=self._deadline))

    async def _result(self, pool: ProcessPool, future: ProcessFuture[Analysis]) -> Analysis:
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


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def analyse(octets: bytes | None, path: Path | None, sha256: str, separators: tuple[str, ...]) -> Analysis:
    """What an analyser does for one mail. Pure but for reading `path`. `sha256` is hex, of the whole."""
    if octets is not None:
        return _analysis(octets, sha256, separators)
    if path is None:
        raise ValueError("a mail is in memory or in the spool")
    with path.open("rb") as spool, mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return _analysis(view, sha256, separators)


def _analysis(raw: bytes | mmap.mmap, sha256: str, separators: tuple[str, ...]) -> Analysis:
    message = read(raw, sha256)
    drafted = None if message.refusal else draft(message, separators)
    # The draft has the bodies now; what travels back to the intake need not carry them twice.
    return Analysis(replace(message, text=None, html=None), drafted)


def _become_analyser() -> None:
    # Ctrl-C at the terminal is for the server, which ends us in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pool's handler waits for the interpreter, which is what a hanging regular expression holds.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
