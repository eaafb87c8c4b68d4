"""UDP to one name server, from ports that the kernel draws: several at a time, each for a while.

Contract: `ask` gives the reply that belongs to the query, whatever its code, or raises OSError; TimeoutError is one.
What does not match the query is passed over: who wants to be believed must guess the id, the port and the question
(RFC 5452 s9). A query takes one of `ENOUGH` ports or more at random, and a new one where there are fewer. After
`MAX_USES` queries or `LIFETIME` a port is closed.

Why not a port for each query: opening and watching a socket costs the event loop four times what sending and receiving
do, and a mail from a new domain asks four questions or more. Why transports: a call of the socket's own gives up the
interpreter's lock, and then waits until the thread that writes to the database gives it back.
"""

import asyncio
import socket
from collections.abc import Iterator
from typing import Final

from smtpintake.net.dnswire import Message, Query, WireError, parse
from smtpintake.net.nameserver import Nameserver

ENOUGH: Final = 16
MAX_USES: Final = 64  # queries
LIFETIME: Final = 10.0  # seconds


class Ports:
    """Those to `server`, in one event loop. `numbers` are of `dnswire.random_numbers`."""

    def __init__(self, server: Nameserver, numbers: Iterator[int]) -> None:
        self._server: Final = server
        self._numbers: Final = numbers
        self._open: Final[list[_Port]] = []

    async def ask(self, query: Query, patience: float) -> Message | None:
        """The reply, which comes within `patience` seconds; None where it says that it is truncated."""
        count = len(self._open)
        port = self._open[next(self._numbers) % count] if count >= ENOUGH else None
        if port is None or port.expects(query):
            port = await self._opened()
            self._open.append(port)
        return await port.ask(query, patience)

    def close(self) -> None:
        """Open ports are for who still waits."""
        for port in tuple(self._open):
            port.retire()

    async def _opened(self) -> "_Port":
        with socket.socket(self._server.family, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            # Connected, so that the kernel drops what comes from elsewhere, and a port where nobody listens is known
            # at once.
            client.connect(self._server.sockaddr)
            loop = asyncio.get_running_loop()
            _, port = await loop.create_datagram_endpoint(lambda: _Port(self._open), sock=client.dup())
        return port


class _Port(asyncio.DatagramProtocol):
    """One of ours. It is in `others` for as long as it takes queries."""

    def __init__(self, others: "list[_Port]") -> None:
        self._others: Final = others
        self._transport: asyncio.DatagramTransport
        self._waiting: Final[dict[int, tuple[Query, asyncio.Future[Message | None]]]] = {}
        self._uses = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is none by inheritance

    def expects(self, query: Query) -> bool:
        """Whether a reply with this id is for another query."""
        return query.ident in self._waiting

    async def ask(self, query: Query, patience: float) -> Message | None:
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Message | None] = loop.create_future()
        self._waiting[query.ident] = query, reply
        self._uses += 1
        if self._uses == 1:
            loop.call_later(LIFETIME, self.retire)
        elif self._uses >= MAX_USES:
            self.retire()
        expiry = loop.call_later(patience, _expire, reply)
        try:
            self._transport.sendto(query.octets)
            return await reply
        finally:
            expiry.cancel()
            del self._waiting[query.ident]
            self._close_if_done()

    def retire(self) -> None:
        """Take no more queries."""
        if self in self._others:
            self._others.remove(self)
            self._close_if_done()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        """What is no reply to a query may come from anybody, and is passed over."""
        query, reply = self._waiting.get(int.from_bytes(data[:2], "big"), (None, None))
        if query is None or reply is None or reply.done():
            return
        try:
            if query.is_truncated_in(data):
                reply.set_result(None)
            elif query.is_answered_by(message := parse(data)):
                reply.set_result(message)
        except WireError:
            pass

    def error_received(self, exc: Exception) -> None:
        """What the kernel heard of the server, such as that nobody listens there."""
        for _, reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(exc)
        self.retire()

    def _close_if_done(self) -> None:
        if not self._waiting and self not in self._others:
            self._transport.close()


def _expire(reply: "asyncio.Future[Message | None]") -> None:
    if not reply.done():
        reply.set_exception(TimeoutError())
