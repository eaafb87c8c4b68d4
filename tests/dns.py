"""A real DNS server on loopback, UDP and TCP, that answers from a dict or misbehaves as a test tells it to.

    with dns_server({"example.org": {"TXT": "v=spf1 -all"}, "gone.example": SERVFAIL}) as dns:
        Resolver([dns.address])

A name has records by type (one text, or several), or a Behaviour. Names not in the zone do not exist; CNAMEs are
followed as far as the zone goes. An answer that is longer than `udp_limit` is truncated over UDP.
"""

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from dnslib import AAAA, CNAME, MX, PTR, QTYPE, RCODE, RR, SOA, TXT, A, DNSError, DNSLabel, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, TCPServer, UDPServer


class Behaviour(Enum):
    SERVFAIL = auto()
    REFUSED = auto()
    DROP = auto()  # no answer at all


SERVFAIL, REFUSED, DROP = Behaviour.SERVFAIL, Behaviour.REFUSED, Behaviour.DROP

Node = Mapping[str, str | Sequence[str]] | Behaviour
Zone = Mapping[str, Node]


@dataclass
class Server:
    """`queries` is what was asked, as (name, type), in order. The rest may be changed while it runs."""

    zone: dict[str, Node]
    delay: float = 0.0  # seconds before each answer
    ttl: int = 300
    negative_ttl: int = 300
    has_soa: bool = True
    chases: bool = True  # follows CNAMEs, as recursive servers do
    silent: bool = False  # as if it were not there
    udp_limit: int = 1232
    queries: list[tuple[str, str]] = field(default_factory=list)
    over_tcp: list[tuple[str, str]] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)  # the port that each query came from
    holding: bool = False  # answers wait, until they are released
    waiting: set[threading.Event] = field(default_factory=set)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def release(self, *, all_to_come: bool = True) -> None:
        """Let those go that wait now, and those that will come."""
        self.holding = not all_to_come
        while self.waiting:
            self.waiting.pop().set()

    def hold(self) -> None:
        """Wait to be released."""
        released = threading.Event()
        if self.holding:
            self.waiting.add(released)
        while self.holding and not released.wait(0.05):
            pass

    def count(self, name: str, rdtype: str = "TXT") -> int:
        """How often it was asked for."""
        return self.queries.count((name, rdtype))


class _Zone(BaseResolver):  # type: ignore[misc]
    def __init__(self, server: Server) -> None:
        self.server = server

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        server = self.server
        name, rdtype = _folded(request.q.qname), QTYPE[request.q.qtype]
        server.queries.append((name, rdtype))
        server.sources.append(handler.client_address[1])
        if handler.protocol == "tcp":
            server.over_tcp.append((name, rdtype))
        if server.silent or server.zone.get(name) is DROP:
            raise DNSError("no answer")
        server.hold()
        if server.delay:
            time.sleep(server.delay)
        reply = self._answered(request, name, rdtype)
        if handler.protocol == "udp" and len(reply.pack()) > server.udp_limit:
            return reply.truncate()
        return reply

    def _answered(self, request: DNSRecord, name: str, rdtype: str) -> DNSRecord:
        zone, reply, owner = self.server.zone, request.reply(), DNSLabel(request.q.qname)
        reply.header.ra = 1
        for _ in range(20):
            node = zone.get(name)
            if isinstance(node, Behaviour):
                reply.header.rcode = getattr(RCODE, node.name if node is not DROP else "SERVFAIL")
                return reply
            if node is None or rdtype in node or "CNAME" not in node:
                break
            target = _many(node["CNAME"])[0]
            reply.add_answer(RR(owner, QTYPE.CNAME, ttl=self.server.ttl, rdata=CNAME(target)))
            if not self.server.chases:
                return reply
            name, owner = target.lower().rstrip("."), DNSLabel(target)
        for text in _many(node.get(rdtype, ())) if node else ():
            reply.add_answer(RR(owner, getattr(QTYPE, rdtype), ttl=self.server.ttl, rdata=_rdata(rdtype, text)))
        if node is None and not any(other.endswith(f".{name}") for other in zone):
            reply.header.rcode = RCODE.NXDOMAIN
        if self.server.has_soa and not any(rr.rtype == request.q.qtype for rr in reply.rr):
            times = (1, 3600, 600, 86400, self.server.negative_ttl)
            soa = SOA("ns.invalid.", "root.invalid.", times)
            reply.add_auth(RR(DNSLabel("."), QTYPE.SOA, ttl=self.server.negative_ttl, rdata=soa))
        return reply


def _folded(label: DNSLabel) -> str:
    return b".".join(label.label).decode("latin-1").lower()


def _many(texts: str | Sequence[str]) -> Sequence[str]:
    return [texts] if isinstance(texts, str) else texts


def _rdata(rdtype: str, text: str) -> object:
    match rdtype:
        case "TXT":
            octets = text.encode("latin-1")
            return TXT([octets[i : i + 255] for i in range(0, len(octets), 255)] or [b""])
        case "MX":
            preference, exchange = text.split()
            return MX(exchange, int(preference))
        case "A":
            return A(text)
        case "AAAA":
            return AAAA(text)
        case "PTR":
            return PTR(text)
        case _:
            raise ValueError(f"tests/dns.py has no {rdtype} yet")


class _Udp(UDPServer):  # type: ignore[misc]
    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        super().server_bind()


@contextmanager
def dns_server(zone: Zone, port: int = 0, *, delay: float = 0.0) -> Iterator[Server]:
    """A server of `zone`, running while the context is open; on `port`, or on a free one."""
    server = Server({name.lower().rstrip("."): node for name, node in zone.items()}, delay=delay)
    udp, tcp = _bound(port)
    threads = []
    with closing(_Closing(udp, tcp)):
        for listener in (udp, tcp):
            listener.resolver, listener.logger = _Zone(server), DNSLogger("-request,-reply,-truncated,-error")
            thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            threads.append(thread)
        server.port = udp.server_address[1]
        try:
            yield server
        finally:
            server.release()
            for listener in (udp, tcp):
                listener.shutdown()
            for thread in threads:
                thread.join()


@dataclass
class _Closing:
    udp: UDPServer
    tcp: TCPServer

    def close(self) -> None:
        self.udp.server_close()
        self.tcp.server_close()


def _bound(port: int) -> tuple[UDPServer, TCPServer]:
    """Both listening on the same port; what is free for UDP may be taken for TCP."""
    while True:
        udp = _Udp(("127.0.0.1", port), DNSHandler)
        try:
            return udp, TCPServer(udp.server_address, DNSHandler)
        except OSError:
            udp.server_close()
            if port:
                raise
