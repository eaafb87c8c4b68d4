"""`Resolver`: what DNS says, as an `Answer`, from a cache or from a name server.

Contract: `resolve` never raises for what DNS does or fails to do: trouble is an answer too. It has an end: no query
waits longer than `query_timeout`, no question longer than `total_timeout`. However many ask a question, one query is
under way for it, and it goes on when one of them leaves. A server that does not answer, or not properly, is followed by
the next. While no server answers at all, everything not in the cache is TROUBLE at once (see `breaker`).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from smtpintake.auth.answers import Answer, Found
from smtpintake.net.answercache import AnswerCache, Question
from smtpintake.net.breaker import Breaker
from smtpintake.net.dnsreply import Reply, read
from smtpintake.net.nameserver import SILENCE, Nameserver, ask_tcp, ask_udp, question, system_nameservers

QUERY_TIMEOUT: Final = 2.0
TOTAL_TIMEOUT: Final = 8.0
CACHE_SIZE: Final = 20_000
# A record with TTL 0 is for the mails that are here now.
MIN_TTL: Final = 2
TROUBLE_TTL: Final = 5  # RFC 2308 s7: at most five minutes
# Queries under way: each has a socket of its own.
MAX_QUERIES: Final = 256

_ROUNDS: Final = 2  # over all servers
_MAX_ALIASES: Final = 8
_PROBE: Final = question(dns.name.root, "NS")


class Resolver:
    """`nameservers` are IP addresses, perhaps with a port; None means those of resolv.conf, as it is at the time."""

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        query_timeout: float = QUERY_TIMEOUT,
        total_timeout: float = TOTAL_TIMEOUT,
        cache_size: int = CACHE_SIZE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configured: Final = tuple(map(Nameserver.parse, nameservers or ()))
        self._query_timeout: Final = query_timeout
        self._total_timeout: Final = total_timeout
        self._cache: Final = AnswerCache(cache_size, clock)
        self._flights: Final[dict[Question, asyncio.Task[Answer]]] = {}
        self._sockets: Final = asyncio.Semaphore(MAX_QUERIES)
        self._preferred: Nameserver | None = None  # the one that answered last
        self.breaker: Final = Breaker(self.probe)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is under way; who waits for it is cancelled."""
        await self.breaker.close()
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    @property
    def nameservers(self) -> Sequence[Nameserver]:
        """Those that are asked, the one that answered last first."""
        servers = self._configured or system_nameservers()
        if self._preferred in servers:
            return sorted(servers, key=lambda server: server != self._preferred)
        return servers

    async def resolve(self, name: str, rdtype: str) -> Answer:
        """What DNS says of `name`, in any case, with or without the last dot; `rdtype` such as `TXT`."""
        asked = (name.lower().removesuffix("."), rdtype)
        if (answer := self._cache.get(asked)) is not None:
            return answer
        flight = self._flights.get(asked)
        if flight is None:
            if (refused := self._refused(asked)) is not None:
                return refused
            flight = self._flights[asked] = asyncio.create_task(self._look_up(asked))
            flight.add_done_callback(lambda _: self._flights.pop(asked, None))
        return await asyncio.shield(flight)

    async def probe(self) -> bool:
        """Whether a name server answers what any can answer."""
        return not isinstance(await self._exchange(_PROBE, patient=True), str)

    def _refused(self, asked: Question) -> Answer | None:
        """The answer where nobody can be asked."""
        if _wire_name(asked[0]) is None:
            # RFC 1035 s2.3.4: no such name can be registered.
            return Answer(*asked, Found.NXDOMAIN, detail="is no domain name")
        if self.breaker.is_open:
            return Answer(*asked, Found.TROUBLE, detail="no name server answers (breaker open)")
        if not self.nameservers:
            return Answer(*asked, Found.TROUBLE, detail="no name server is configured")
        return None

    async def _look_up(self, asked: Question) -> Answer:
        """Ask, follow aliases, and remember."""
        try:
            async with asyncio.timeout(self._total_timeout):
                reply = await self._follow(asked)
        except TimeoutError:
            reply = _trouble(asked, f"no answer in {self._total_timeout:g} s")
        if not self.breaker.is_open or reply.answer.found is not Found.TROUBLE:
            self._cache.put(asked, reply.answer, reply.ttl)
        return reply.answer

    async def _follow(self, asked: Question) -> Reply:
        name, ttl = _wire_name(asked[0]), None
        for _ in range(_MAX_ALIASES):
            assert name is not None
            async with self._sockets:
                message = await self._exchange(question(name, asked[1]))
            if isinstance(message, str):
                return _trouble(asked, message)
            reply = read(*asked, message)
            if reply.answer.found is Found.TROUBLE:
                return _trouble(asked, reply.answer.detail)
            ttl = reply.ttl if ttl is None else min(ttl, reply.ttl)
            if reply.alias is None:
                return replace(reply, ttl=max(ttl, MIN_TTL))
            name = reply.alias
        return _trouble(asked, f"more than {_MAX_ALIASES} aliases")

    async def _exchange(self, query: dns.message.QueryMessage, *, patient: bool = False) -> dns.message.Message | str:
        """A reply with an answer, from the first server that gives one; or why there is none.

        `patient` asks although the breaker is open, and takes any reply.
        """
        why, refused = "no name server is configured", set()
        for server in _ROUNDS * tuple(self.nameservers):
            if self.breaker.is_open and not patient:
                return "no name server answers (breaker open)"
            if server in refused:
                continue
            reply = await self._ask(server, query, counts=not patient)
            if isinstance(reply, str):
                why = f"{server}: {reply}"
            elif patient or reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                self._preferred = server
                return reply
            else:
                why = f"{server}: {dns.rcode.to_text(reply.rcode())}"
                refused.add(server)
        return why

    async def _ask(
        self, server: Nameserver, query: dns.message.QueryMessage, *, counts: bool
    ) -> dns.message.Message | str:
        """One server's whole reply, or why there is none."""
        heard = False
        try:
            async with asyncio.timeout(self._query_timeout):
                reply = await ask_udp(server, query)
                heard = True
                return reply or await ask_tcp(server, query)
        except SILENCE as error:
            why = "no answer" if isinstance(error, TimeoutError) else _told(error)
            if not heard and counts:
                self.breaker.silent(f"{server}: {why}")
                return why
            return f"{why} over TCP" if heard else why
        finally:
            if heard:
                self.breaker.heard()


def _told(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _trouble(asked: Question, why: str) -> Reply:
    return Reply(Answer(*asked, Found.TROUBLE, detail=why), TROUBLE_TTL)


def _wire_name(name: str) -> dns.name.Name | None:
    """The name as DNS has it, octet by octet: nothing is escaped or quoted here. None where none is possible."""
    try:
        labels = [label.encode() for label in name.split(".")] if name else []
        return None if b"" in labels else dns.name.Name([*labels, b""])
    except (dns.exception.DNSException, UnicodeEncodeError):
        return None
