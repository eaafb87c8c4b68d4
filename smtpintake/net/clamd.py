"""`Clamd`: asks ClamAV's daemon for viruses (INSTREAM of clamd(8)).

Contract: one connection a mail. A mail that clamd's own StreamMaxLength does not take is too large, as clamd says
itself; anything else that is no verdict is a ScannerError.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from smtpintake.decide.scan import Scan, Verdict
from smtpintake.net.scanner import Scannable, ScannerError, exchange

_MAX_REPLY: Final = 4096  # octets; the name of a virus has some dozens
_TOO_LARGE: Final = "size limit exceeded"


class Clamd:
    """At a host and port, or at a Unix socket."""

    name: Final = "clamd"

    def __init__(self, where: tuple[str, int] | Path) -> None:
        self._where: Final = where

    async def scan(self, mail: Scannable) -> Scan:
        async with self._connection() as (reader, writer):
            return self._read(await exchange(_stream(writer, mail), _reply(reader)))

    async def ping(self) -> str:
        async with self._connection() as (reader, writer):
            writer.write(b"zVERSION\0")
            return await _reply(reader)

    def _read(self, reply: str) -> Scan:
        """`stream: OK`, `stream: NAME FOUND`, `… ERROR`."""
        said = reply.removeprefix("stream: ")
        if said == "OK":
            return Scan(self.name, Verdict.CLEAN)
        if said.endswith(" FOUND"):
            return Scan(self.name, Verdict.VIRUS, said.removesuffix(" FOUND"))
        if _TOO_LARGE in said:
            return Scan(self.name, Verdict.OVERSIZE, said)
        raise ScannerError(f"replies {reply!r}")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if isinstance(self._where, Path):
            reader, writer = await asyncio.open_unix_connection(self._where, limit=_MAX_REPLY)
        else:
            reader, writer = await asyncio.open_connection(*self._where, limit=_MAX_REPLY)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def _stream(writer: asyncio.StreamWriter, mail: Scannable) -> None:
    """The octets in chunks, each after its length; one of no length ends them."""
    writer.write(b"zINSTREAM\0")
    async for block in mail.blocks():
        writer.write(len(block).to_bytes(4, "big"))
        writer.write(block)
        await writer.drain()
    writer.write(bytes(4))
    await writer.drain()


async def _reply(reader: asyncio.StreamReader) -> str:
    try:
        octets = await reader.readuntil(b"\0")
    except asyncio.LimitOverrunError as error:
        raise ScannerError(f"replies with more than {_MAX_REPLY} octets") from error
    return octets.removesuffix(b"\0").decode("utf-8", "replace").strip()
