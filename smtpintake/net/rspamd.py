"""`Rspamd`: asks rspamd what to do with a mail (https://rspamd.com/doc/developers/protocol.html).

Contract: one connection a mail, in HTTP/1.0, which rspamd's own examples speak and in which nobody sends chunks. What
the envelope says goes along, so rspamd sees what we see. Its reply is bounded, and anything but a verdict is a
ScannerError.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

from smtpintake.decide.scan import Scan, Verdict
from smtpintake.mail.envelope import Envelope
from smtpintake.net.scanner import Scannable, ScannerError, exchange

_MAX_HEAD: Final = 16 << 10  # octets
_MAX_BODY: Final = 512 << 10
_MOST_SYMBOLS: Final = 15  # in the trace: those that weigh most
_MAX_NAME: Final = 80  # characters of a symbol or an action there
_TOO_LARGE: Final = 413

_VERDICTS: Final = {
    "no action": Verdict.CLEAN,
    "greylist": Verdict.CLEAN,  # its module that greylists says "soft reject" when it is time to
    "soft reject": Verdict.LATER,
    "reject": Verdict.SPAM,
    "discard": Verdict.SPAM,
}
_NO_CONTROLS: Final = dict.fromkeys((*range(32), 127))

_Weight = Annotated[float, Field(allow_inf_nan=False)]


class _Symbol(BaseModel):
    score: _Weight = 0


class _Checked(BaseModel):
    """What we use of a reply."""

    action: str
    score: _Weight
    symbols: dict[str, _Symbol] = Field(default_factory=dict)


class Rspamd:
    """At `url`, that of a worker of kind `normal` or `rspamd_proxy`: `http://127.0.0.1:11333`."""

    name: Final = "rspamd"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._tls: Final = ssl.create_default_context() if parts.scheme == "https" else None
        self._host: Final = parts.hostname or ""
        self._port: Final = parts.port or (443 if self._tls else 80)
        self._folder: Final = parts.path.rstrip("/")

    async def scan(self, mail: Scannable) -> Scan:
        head = [f"POST {self._folder}/checkv2 HTTP/1.0", f"Content-Length: {mail.size}", *_told(mail.envelope)]
        async with self._connection() as (reader, writer):
            status, body = await exchange(_post(writer, head, mail), _reply(reader))
        return self._read(status, body)

    async def ping(self) -> str:
        async with self._connection() as (reader, writer):
            writer.write(f"GET {self._folder}/ping HTTP/1.0\r\n\r\n".encode())
            status, body = await _reply(reader)
        if status != 200:
            raise ScannerError(f"replies with HTTP status {status}")
        return body[:80].decode("ascii", "replace").strip()

    def _read(self, status: int, body: bytes) -> Scan:
        if status == _TOO_LARGE:
            return Scan(self.name, Verdict.OVERSIZE, f"it replies {status}")
        if status != 200:
            raise ScannerError(f"replies with HTTP status {status}")
        try:
            checked = _Checked.model_validate_json(body)
        except ValidationError as error:
            raise ScannerError(f"replies with what is no verdict: {error.errors()[0]['msg']}") from error
        action = _one_line(checked.action)[:_MAX_NAME]
        # Actions that the admin of rspamd has made up are no praise.
        verdict = _VERDICTS.get(action, Verdict.SUSPECT)
        return Scan(self.name, verdict, f"{action}: {_heaviest(checked.symbols)}", round(checked.score, 2))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=_MAX_HEAD)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


async def _post(writer: asyncio.StreamWriter, head: list[str], mail: Scannable) -> None:
    writer.write("\r\n".join((*head, "", "")).encode())
    async for block in mail.blocks():
        writer.write(block)
        await writer.drain()


async def _reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise ScannerError(f"replies with a header of more than {_MAX_HEAD} octets") from error
    first, *lines = head.decode("latin-1").split("\r\n")
    status = first.split(" ")[1:2]
    if not first.startswith("HTTP/") or not status or not status[0].isdecimal():
        raise ScannerError("replies with what is not HTTP")
    named = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(status[0]), await _body(reader, named.get("content-length", ""))


async def _body(reader: asyncio.StreamReader, length: str) -> bytes:
    """So many octets; where it isn't said how many, those until it hangs up."""
    if length.isdecimal() and len(length) < 10 and int(length) <= _MAX_BODY:
        return await reader.readexactly(int(length))
    body = bytearray()
    while not length and len(body) <= _MAX_BODY:
        block = await reader.read(_MAX_HEAD)
        if not block:
            return bytes(body)
        body += block
    raise ScannerError(f"replies with more than {_MAX_BODY} octets, or doesn't say with how many")


def _told(envelope: Envelope) -> Iterator[str]:
    """Fields of the request that say what SMTP said."""
    yield f"Queue-Id: {envelope.transaction_id}"
    yield f"From: {_one_line(str(envelope.mail_from))}"
    for recipient in envelope.rcpt_to:
        yield f"Rcpt: {_one_line(str(recipient))}"
    yield f"Helo: {_one_line(envelope.hello.name)}"
    if envelope.peer.ip:
        yield f"IP: {envelope.peer.ip}"
    if envelope.login is not None:
        yield f"User: {_one_line(envelope.login.name)}"


def _one_line(text: str) -> str:
    return text.translate(_NO_CONTROLS)


def _heaviest(symbols: Mapping[str, _Symbol]) -> str:
    ordered = sorted(symbols.items(), key=lambda item: -abs(item[1].score))
    return ", ".join(f"{_one_line(name)[:_MAX_NAME]} {symbol.score:g}" for name, symbol in ordered[:_MOST_SYMBOLS])
