"""`Upload`: a message between 354 and its end mark, on its way into a spool.

Contract: what makes a message unacceptable stops the storing, never the reading: the client hears of it at the end
mark, as RFC 5321 s4.2.5 wants, and the commands behind it are commands still.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from smtpintake.intake.endofdata import EndOfData
from smtpintake.intake.inquiry import MAX_HEAD
from smtpintake.intake.spool import Received, Spool, SpoolSpace
from smtpintake.mail.reason import Reason

_HEADER_END: Final = b"\r\n\r\n"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why the octets are not taken; `size` is how many there were."""

    reason: Reason
    size: int


class Upload:
    """Feed it blocks until `ended`; then `finish`. `discard` where the client has gone.

    `on_header` is called once, as soon as the header section is whole, with the octets up to its end; at most
    `MAX_HEAD` of them.
    """

    def __init__(self, space: SpoolSpace, max_size: int, on_header: Callable[[bytes], None] | None = None) -> None:
        self._on_header = on_header
        self._head: Final = bytearray()
        self._decoder: Final = EndOfData()
        self._spool: Final = Spool(space)
        self._max_size: Final = max_size
        self._fault: Reason | None = None
        self.size = 0

    @property
    def ended(self) -> bool:
        return self._decoder.ended

    @property
    def rest(self) -> bytes:
        """What the client sent behind the end mark."""
        return self._decoder.rest

    async def feed(self, block: bytes) -> None:
        octets = self._decoder.feed(block)
        self.size += len(octets)
        if self._fault is not None:
            return
        if self._decoder.bare_newline:
            self._refuse(Reason.DATA_NEWLINE)
        elif self._decoder.nul:
            self._refuse(Reason.DATA_NUL)
        elif self.size > self._max_size:
            self._refuse(Reason.DATA_SIZE)
        else:
            self._look_for_header(octets)
            try:
                await self._spool.write(octets)
            except OSError as error:
                self._storage_fails(error)

    async def finish(self) -> Received | Unreadable:
        if self._fault is None:
            try:
                return await self._spool.finish()
            except OSError as error:
                self._storage_fails(error)
        return Unreadable(self._fault or Reason.FAULT_STORAGE, self.size)

    def _look_for_header(self, octets: bytes) -> None:
        if self._on_header is None:
            return
        seen = max(0, len(self._head) - len(_HEADER_END) + 1)
        self._head.extend(octets[:MAX_HEAD])
        end = self._head.find(_HEADER_END, seen)
        if end >= 0 or len(self._head) >= MAX_HEAD or self.ended:
            self._on_header(bytes(self._head[: end + len(_HEADER_END)] if end >= 0 else self._head[:MAX_HEAD]))
            self._on_header = None
            self._head.clear()

    def discard(self) -> None:
        self._spool.discard()

    def _storage_fails(self, error: OSError) -> None:
        _log.error("a message could not be spooled", error=str(error))
        self._refuse(Reason.FAULT_STORAGE)

    def _refuse(self, reason: Reason) -> None:
        self._fault = reason
        self._spool.discard()
