"""`Scanners`: daemons that look at a mail while it is analysed, and say what they think of it.

Contract: `scan` asks all of them at once and never raises for what they do: one that is down, too slow or talks
nonsense has failed, which is a verdict as well. A mail goes to them in blocks, from memory or from its spool file, so
that none is ever read whole. Whether a scanner fails is said in the journal when it changes, once. One that is silent
costs the first mails their deadline: then it has failed at once for all of them (`net.breaker`), until it has a verdict
on a mail of our own.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

import structlog

from smtpintake.decide.scan import Scan, Verdict
from smtpintake.mail.address import NULL_PATH
from smtpintake.mail.envelope import Envelope, Hello, Peer
from smtpintake.net.breaker import Breaker

BLOCK: Final = 128 << 10  # octets; a mail's part in memory while it is sent
MAX_AT_ONCE: Final = 10  # mails that one scanner looks at for this process; clamd has ten threads by default

_PROBE: Final = b"Subject: Do you answer?\r\n\r\n"

_Reply = TypeVar("_Reply")
_log: Final = structlog.get_logger(__name__)


class ScannerError(Exception):
    """The scanner says something that is no verdict."""


@dataclass(frozen=True, slots=True)
class Scannable:
    """A mail as it came: `octets`, or the file at `path`. `size` is in octets."""

    envelope: Envelope
    octets: bytes | None
    path: Path | None
    size: int

    async def blocks(self) -> AsyncIterator[bytes]:
        """The octets in order. Raises OSError."""
        for start in range(0, self.size, BLOCK):
            if self.path is not None:
                yield await asyncio.to_thread(_read, self.path, start)
            elif self.octets is not None:
                yield self.octets[start : start + BLOCK]


def _read(path: Path, start: int) -> bytes:
    # Opened for each block: whoever is cancelled meanwhile leaves nothing open.
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        return file.read(BLOCK)


class Scanner(Protocol):
    """One daemon. It knows no deadline; what it raises is OSError, EOFError or ScannerError."""

    @property
    def name(self) -> str: ...

    async def scan(self, mail: Scannable) -> Scan:
        """What it says of the mail."""
        ...

    async def ping(self) -> str:
        """What it says of itself."""
        ...


class Scanners:
    """Those of one process. Each has `deadline` seconds for a mail, in which it may also wait for its turn; of more
    than `max_size` octets none is asked. A context manager: at its end nobody is probed any more.
    """

    def __init__(self, scanners: Sequence[Scanner], deadline: float, max_size: int) -> None:
        self._scanners: Final = tuple(scanners)
        self._deadline: Final = deadline
        self._max_size: Final = max_size
        self._turns: Final = {scanner.name: asyncio.Semaphore(MAX_AT_ONCE) for scanner in scanners}
        self._failing: Final[set[str]] = set()
        self._breakers: Final = {
            scanner.name: Breaker(
                partial(self._answers, scanner),
                opened=f"{scanner.name} is silent: no mail waits for it until it answers",
                closed=f"{scanner.name} has broken its silence: it is asked again",
                hasty=True,
            )
            for scanner in scanners
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for breaker in self._breakers.values():
            await breaker.close()

    async def scan(self, mail: Scannable) -> tuple[Scan, ...]:
        """What each says of the mail, in their order."""
        if mail.size > self._max_size:
            detail = f"{mail.size} octets, max_size is {self._max_size}"
            return tuple(Scan(scanner.name, Verdict.OVERSIZE, detail) for scanner in self._scanners)
        return tuple(await asyncio.gather(*(self._ask(scanner, mail) for scanner in self._scanners)))

    async def _ask(self, scanner: Scanner, mail: Scannable) -> Scan:
        breaker = self._breakers[scanner.name]
        if breaker.is_open:
            return Scan(scanner.name, Verdict.FAILED, "not asked, as it was silent lately")
        try:
            async with asyncio.timeout(self._deadline), self._turns[scanner.name]:
                scan = await scanner.scan(mail)
        except TimeoutError:
            why = f"no verdict within {self._deadline:g} seconds"
            breaker.silent(why)
            return self._failed(scanner, why)
        except (OSError, EOFError, ScannerError) as error:
            breaker.heard()  # at once: to ask costs a mail nothing
            return self._failed(scanner, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours must cost the mail no more than the scanner's
            _log.exception("a scanner could not be asked", scanner=scanner.name)
            return self._failed(scanner, repr(error))
        breaker.heard()
        if scanner.name in self._failing:
            self._failing.discard(scanner.name)
            _log.info("a scanner answers again", scanner=scanner.name)
        return scan

    async def _answers(self, scanner: Scanner) -> bool:
        """Whether it has anything to say of a mail of ours. To be pinged is less: a daemon whose workers all hang may
        still answer that.
        """
        now = datetime.now(UTC)
        envelope = Envelope("probe", now, "probe", Peer(""), Hello(""), None, NULL_PATH, ())
        try:
            async with asyncio.timeout(self._deadline):
                await scanner.scan(Scannable(envelope, _PROBE, None, len(_PROBE)))
        except TimeoutError:
            return False
        except (OSError, EOFError, ScannerError):
            return True
        return True

    def _failed(self, scanner: Scanner, why: str) -> Scan:
        if scanner.name not in self._failing:
            self._failing.add(scanner.name)
            _log.warning("a scanner fails: each inbox says what that costs a mail", scanner=scanner.name, error=why)
        return Scan(scanner.name, Verdict.FAILED, why)


async def exchange(send: Coroutine[None, None, None], reply: Coroutine[None, None, _Reply]) -> _Reply:
    """Send and listen at once: a daemon may reply, and hang up, before it has seen the whole. Then the rest is not
    sent.
    """
    sending, replying = asyncio.create_task(send), asyncio.create_task(reply)
    try:
        await asyncio.wait((sending, replying), return_when=asyncio.FIRST_COMPLETED)
        if not replying.done():
            with suppress(ConnectionError):  # where it hangs up, it mostly has said why
                await sending
        return await replying
    finally:
        for task in (sending, replying):
            task.cancel()
        await asyncio.gather(sending, replying, return_exceptions=True)
