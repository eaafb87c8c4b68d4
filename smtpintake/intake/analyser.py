"""The analysers: processes that turn octets into an `Analysis`, and that can be killed.

Contract: hostile mail can hold the interpreter inside one regular expression for a minute; in a process of its own that
costs one sender their answer and nobody else anything. An analyser past its deadline, or one that dies, is replaced;
the mail's answer is `None` and the caller defers it. An analyser does no I/O but reading the spool, and cannot outgrow
`MEMORY_LIMIT`.
"""

import asyncio
import mmap
import os
import resource
import signal
from concurrent.futures import CancelledError
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import structlog
from pebble import ProcessExpired, ProcessPool

from smtpintake.convert.draft import draft
from smtpintake.decide.facts import Analysis
from smtpintake.intake.spool import Received
from smtpintake.mail.parse import read

MEMORY_LIMIT: Final = 2 << 30  # octets of address space; a mail of the greatest size needs a tenth

_log = structlog.get_logger(__name__)


class Analysers:
    """A pool of `count` processes. `deadline` is in seconds, for one mail, from when a process takes it."""

    def __init__(self, count: int, deadline: float) -> None:
        # Not fork: this process has threads. A fork server has read the code already, so a replacement is quick.
        context = get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._pool: Final = ProcessPool(max_workers=count, initializer=_become_analyser, context=context)
        self._deadline = deadline
        self._count = count

    async def warm_up(self) -> None:
        """Start the processes before the first mail needs one. Raises what keeps them from starting."""
        await asyncio.gather(*(asyncio.wrap_future(self._pool.schedule(os.getpid)) for _ in range(self._count)))

    async def analyse(self, mail: Received, separators: tuple[str, ...]) -> Analysis | None:
        """The Analysis of a mail, in memory or in a spool file; None where an analyser could not make one in time."""
        arguments = [mail.octets, mail.path, mail.sha256, separators]
        future = self._pool.schedule(analyse, args=arguments, timeout=self._deadline)
        try:
            return await asyncio.wrap_future(future)
        except (TimeoutError, ProcessExpired, MemoryError, CancelledError) as error:
            _log.warning("an analyser gave up", error=repr(error), deadline=self._deadline)
            return None

    def stop(self) -> None:
        """End the processes; what they were reading is not answered any more."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


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
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
