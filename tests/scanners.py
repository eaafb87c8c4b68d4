"""clamd and rspamd on loopback, as far as we speak with them; they behave as badly as a test tells them to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

# The test file of the anti-virus trade, in two halves so that nobody's scanner finds this source.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + rb"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class Clamd:
    """`says` stands in for the reply to a stream; `mute` is never answered. `sizes` are of the streams it has seen."""

    max_size: int = 1 << 20
    says: bytes | None = None
    mute: bool = False
    sizes: list[int] = field(default_factory=list)
    port: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = await reader.readuntil(b"\0")
        if command == b"zVERSION\0":
            writer.write(b"ClamAV 1.4.1/27500/Sun Mar  1 08:00:00 2026\0")
        elif command == b"zINSTREAM\0":
            reply = await self._stream(reader)
            if self.mute:
                await asyncio.Event().wait()
            writer.write(reply if self.says is None else self.says)
        await writer.drain()

    async def _stream(self, reader: asyncio.StreamReader) -> bytes:
        seen = bytearray()
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            if len(seen) + size > self.max_size:
                return b"INSTREAM size limit exceeded. ERROR\0"
            seen += await reader.readexactly(size)
        self.sizes.append(len(seen))
        return b"stream: Eicar-Test-Signature FOUND\0" if EICAR in seen else b"stream: OK\0"


@dataclass
class Rspamd:
    """`requests` are the heads of what it was asked, `bodies` what came with them."""

    reply: Any = field(default_factory=lambda: checked("no action", 0.5))
    status: int = 200
    with_length: bool = True
    requests: list[list[str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip("\r\n").split("\r\n")
        self.requests.append(head)
        length = next((int(line.split()[1]) for line in head if line.startswith("Content-Length:")), 0)
        if self.status != 413:  # it has seen enough
            self.bodies.append(await reader.readexactly(length))
        reply = b"pong\r\n" if head[0].startswith("GET /ping ") else self.reply
        body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        said = f"Content-Length: {len(body)}\r\n" if self.with_length else ""
        writer.write(f"HTTP/1.1 {self.status} What\r\nConnection: close\r\n{said}\r\n".encode() + body)
        await writer.drain()


def checked(action: str, score: float, **symbols: float) -> dict[str, Any]:
    """What `/checkv2` replies."""
    found = {name: {"name": name, "score": weight, "metric_score": weight} for name, weight in symbols.items()}
    return {"is_skipped": False, "score": score, "required_score": 15.0, "action": action, "symbols": found}


Daemon = TypeVar("Daemon", Clamd, Rspamd)


@asynccontextmanager
async def listening(daemon: Daemon, path: Path | None = None) -> AsyncIterator[Daemon]:
    """`daemon`, at a port of its own on 127.0.0.1, or at a Unix socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await daemon.talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    if path is not None:
        server = await asyncio.start_unix_server(serve, path)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", daemon.port or 0)
        daemon.port = server.sockets[0].getsockname()[1]
    try:
        yield daemon
    finally:
        server.close()
