"""Name servers: which ones there are, and one question to one of them.

Contract: `ask_udp` and `ask_tcp` give the reply that belongs to the question, whatever its code, or raise one of
`SILENCE`. Each query has an id of its own and each UDP query a socket and so a port of its own, both random
(RFC 5452 s9.2); what does not match the question is passed over. No deadline here: the caller has it.
"""

import asyncio
import ipaddress
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdatatype

RESOLV_CONF: Final = Path("/etc/resolv.conf")
SILENCE: Final = (
    dns.exception.DNSException,
    OSError,
    EOFError,
)  # no reply that could be read; TimeoutError is an OSError

_PORT: Final = 53
# A reply this long is not fragmented on its way: DNS flag day 2020.
_UDP_PAYLOAD: Final = 1232
_TRUNCATED: Final = 0x02  # TC in the third octet, RFC 1035 s4.1.1
_NAMESERVER: Final = re.compile(r"nameserver[ \t]+(\S+)")


@dataclass(frozen=True, slots=True)
class Nameserver:
    """`address` is an IP address, of IPv6 perhaps with a zone (`fe80::1%eth0`)."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return self.address if self.port == _PORT else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. Raises ValueError."""
        match = re.fullmatch(r"\[([^\]]+)\](?::([0-9]{1,5}))?|([^:]+):([0-9]{1,5})", text.strip())
        address, port = (match[1] or match[3], match[2] or match[4]) if match else (text.strip(), None)
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ValueError(f"{text!r} is no IP address, or IP:PORT, of a name server") from None
        if port and not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} names no port")
        return cls(address, int(port or _PORT))


def system_nameservers(file: Path = RESOLV_CONF) -> Sequence[Nameserver]:
    """Those of resolv.conf, as it is now; none where there is no such file. Cheap to call often."""
    try:
        return _listed(file, file.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=4)
def _listed(file: Path, _changed: int) -> Sequence[Nameserver]:
    lines = map(_NAMESERVER.match, file.read_text("utf-8", "replace").splitlines())
    found = []
    for address in (line[1] for line in lines if line):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue  # The system's resolver passes over it as well.
        found.append(Nameserver(address))
    return tuple(found)


def question(name: dns.name.Name, rdtype: str) -> dns.message.QueryMessage:
    """A query to a recursive server."""
    return dns.message.make_query(name, dns.rdatatype.from_text(rdtype), use_edns=0, payload=_UDP_PAYLOAD)


async def ask_udp(server: Nameserver, query: dns.message.QueryMessage) -> dns.message.Message | None:
    """The reply over UDP; None where it says that it is truncated."""
    loop = asyncio.get_running_loop()
    # A connected socket, unlike dnspython's: the kernel drops what comes from elsewhere, and a port where nobody
    # listens is known at once.
    transport, listener = await loop.create_datagram_endpoint(
        lambda: _Listener(query, loop.create_future()), remote_addr=(server.address, server.port)
    )
    try:
        transport.sendto(query.to_wire())
        return await listener.reply
    finally:
        transport.close()


class _Listener(asyncio.DatagramProtocol):
    """Waits for the reply to `query`; anything else may come from anybody, and is passed over."""

    def __init__(self, query: dns.message.QueryMessage, reply: asyncio.Future[dns.message.Message | None]) -> None:
        self._query: Final = query
        self.reply: Final = reply

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002
        if self.reply.done():
            return
        with suppress(dns.exception.DNSException):
            message = dns.message.from_wire(data, ignore_trailing=True, raise_on_truncation=True)
            if self._query.is_response(message):
                self.reply.set_result(message)
                return
        # Whatever came with it, the TCP connection is proof enough of who says so.
        if int.from_bytes(data[:2], "big") == self._query.id and data[2:3] and data[2] & _TRUNCATED:
            self.reply.set_result(None)

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(exc)


async def ask_tcp(server: Nameserver, query: dns.message.QueryMessage) -> dns.message.Message:
    """The reply over TCP, whole."""
    return await dns.asyncquery.tcp(query, server.address, port=server.port, ignore_trailing=True)
