"""The supervisor behind `serve`: starts the parts as processes of their own, keeps them running, ends them in order.

Contract: a part is this program with another command. It says `ready` on its standard output once it serves, and ends
when its standard input does, so that no part outlives a supervisor that was killed. A part that dies is started again,
later each time; one that never came to serve ends everything, with its exit status.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

READY: Final = "ready"
SUPERVISED: Final = "SMTPINTAKE_SUPERVISED"

_FAILED: Final = 1
_FIRST_PAUSE: Final = 0.5  # seconds before a part that died is started again; doubled each time
_LONGEST_PAUSE: Final = 30.0
_STABLE_AFTER: Final = 60.0  # seconds after which a part counts as well again
_KILL_AFTER: Final = 10.0  # seconds beyond the drain before a part is killed

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """A command of this program that is to run, such as `("intake",)`."""

    name: str
    arguments: tuple[str, ...]


class Supervisor:
    """Runs `parts` until a signal, or until one of them cannot start. `drain` is in seconds.

    The others wait until the first one serves: what all would race for, such as the newest schema, it has done then.
    """

    def __init__(self, parts: Sequence[Part], drain: float, when_ready: Callable[[], None]) -> None:
        self._parts = parts
        self._drain = drain
        self._when_ready = when_ready
        self._stopping = asyncio.Event()
        self._serving = asyncio.Event()
        self._ready: set[str] = set()
        self._status = 0

    async def run(self) -> int:
        """The exit status: 0 after a signal, that of the part which could not start otherwise."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        first, *others = self._parts
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep_running(first))
            serving = group.create_task(self._serving.wait())
            await asyncio.wait((keeping, serving), return_when=asyncio.FIRST_COMPLETED)
            serving.cancel()
            if not self._stopping.is_set():
                for part in others:
                    group.create_task(self._keep_running(part))
        return self._status

    async def _keep_running(self, part: Part) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            status = await self._run_once(part)
            if part.name not in self._ready and not self._stopping.is_set():
                # It never served: whatever keeps it from starting is for the admin, and it has said what.
                self._status = status or _FAILED
                self._stopping.set()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > _STABLE_AFTER:
                pause = _FIRST_PAUSE
            _log.error("a part died and is started again", part=part.name, status=status, pause=pause)
            await self._pause(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _run_once(self, part: Part) -> int:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "smtpintake", *part.arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {SUPERVISED: "1"},
            # Ctrl-C in a terminal goes to every process of the group: the parts are told by us, in order.
            start_new_session=True,
        )
        ended = asyncio.create_task(process.wait())
        watching = asyncio.create_task(self._watch(part, process))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            process.terminate()
            await asyncio.wait((ended,), timeout=self._drain + _KILL_AFTER)
        if not ended.done():
            _log.error("a part did not end in time and is killed", part=part.name)
            process.kill()
        status = await ended
        for task in (watching, stopping):
            task.cancel()
        return status

    async def _watch(self, part: Part, process: asyncio.subprocess.Process) -> None:
        """Pass on what the part prints; its first `ready` counts."""
        assert process.stdout is not None
        while line := (await process.stdout.readline()).decode(errors="replace").rstrip("\n"):
            if line != READY:
                print(line, flush=True)
            elif part.name not in self._ready:
                self._ready.add(part.name)
                self._serving.set()
                if len(self._ready) == len(self._parts):
                    self._when_ready()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return


def is_supervised() -> bool:
    """For a part: whether it is one of several that a supervisor looks after."""
    return SUPERVISED in os.environ


async def until_told_to_stop() -> None:
    """For a part: say that it serves, then wait for a signal or, when supervised, for the supervisor's end."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if is_supervised():
        print(READY, flush=True)
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        watching = asyncio.create_task(reader.read())
        watching.add_done_callback(lambda _: stopping.set())
    await stopping.wait()
