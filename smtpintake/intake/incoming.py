"""`Incoming`: the octets that a client has sent and nobody has read yet.

Contract: a StreamReader, so that aiosmtpd's own commands work on it, that can also say whether a line waits and take
octets back. The transport pauses at twice `BUFFER`: a client that sends faster than we read fills its own buffers.
"""

import asyncio
from typing import Final

BUFFER: Final = 64 << 10
_MAX_DISCARDED: Final = 1 << 20


class GoneError(ConnectionError):
    """The client closed the connection, or sends what no mail client would."""


class Incoming(asyncio.StreamReader):
    """One for each connection."""

    # asyncio's own
    _buffer: bytearray
    _paused: bool
    _transport: asyncio.Transport | None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=BUFFER, loop=loop)

    @property
    def has_line(self) -> bool:
        """True where the next `line` needs not wait."""
        return b"\n" in self._buffer

    async def line(self) -> bytes | None:
        """The next line with its end; None in place of one too long for any buffer, which is read and forgotten."""
        discarded = 0
        while discarded <= _MAX_DISCARDED:
            try:
                line = await self.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                discarded += len(await self.read(error.consumed))
            except asyncio.IncompleteReadError as error:
                raise GoneError("closed by the client") from error
            else:
                return None if discarded else line
        raise GoneError(f"sent more than {_MAX_DISCARDED} octets without a line end")

    async def block(self) -> bytes:
        """What is there, at least one octet."""
        if not (octets := await self.read(4 * BUFFER)):
            raise GoneError("closed by the client")
        return octets

    def take(self) -> bytes:
        """What was not read yet."""
        octets = bytes(self._buffer)
        self._buffer.clear()
        return octets

    def move(self, transport: asyncio.Transport) -> None:
        """What comes from now on comes from `transport`, which stands on the one that was read until now."""
        if self._paused and self._transport is not None:
            self._transport.resume_reading()
        self._transport, self._paused = transport, False

    def unread(self, octets: bytes) -> None:
        """Put octets back, before what is there."""
        self._buffer[:0] = octets
