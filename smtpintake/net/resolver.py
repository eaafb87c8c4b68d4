"""`Resolver`: what DNS says, as an `Answer`, from a cache or from a name server.

Contract: `resolve` never raises for what DNS does or fails to do: trouble is an answer too. It has an end: no query
waits longer than `query_timeout`, no question longer than `total_timeout`. However many ask a question, one query is
under way for it, and it goes on when one of them leaves. A server that does not answer, or not properly, is followed by
the next. While no server answers at all, everything not in the cache is TROUBLE at once (see `breaker`).
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from smtpintake.auth.answers import Answer, Found
from smtpintake.net import dnswire
from smtpintake.net.answercache import AnswerCache, Question
from smtpintake.net.breaker import Breaker
from smtpintake.net.dnsreply import MAX_ALIASES, MAX_TTL, Reply, read
from smtpintake.net.dnswire import Message, Name, Query, Rcode, RdType
from smtpintake.net.nameserver import SILENCE, Nameserver, ask_tcp, system_nameservers
from smtpintake.net.ports import Ports

QUERY_TIMEOUT: Final = 2.0
TOTAL_TIMEOUT: Final = 8.0
CACHE_SIZE: Final = 20_000
# A record with TTL 0 is for the mails that are here now.
MIN_TTL: Final = 2
TROUBLE_TTL: Final = 5  # RFC 2308 s7: at most five minutes
# Queries under way. Those over TCP have a socket each.
MAX_QUERIES: Final = 256

_ROUNDS: Final = 2  # over all servers
_ROOT: Final = b"\0"
_BREAKER_OPEN: Final = "no name server answers (breaker open)"


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
        self._under_way: Final = asyncio.Semaphore(MAX_QUERIES)
        self._numbers: Final = dnswire.random_numbers()
        self._ports: Final[dict[Nameserver, Ports]] = {}
        self._preferred: Nameserver | None = None  # the one that answered last
        self.breaker: Final = Breaker(
            self.probe,
            opened="no name server answers: mail is not authenticated until one does",
            closed="a name server answers again: mail is authenticated",
        )

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
        for ports in self._ports.values():
            ports.close()

    @property
    def nameservers(self) -> Sequence[Nameserver]:
        """Those that are asked, the one that answered last first."""
        servers = self._configured or system_nameservers()
        if len(servers) > 1 and self._preferred in servers:
            return sorted(servers, key=lambda server: server != self._preferred)
        return servers

    def recall(self, name: str, rdtype: str) -> Answer | None:
        """The answer if it is in the cache; `name` is in lower case, without the last dot."""
        return self._cache.get((name, rdtype))

    async def resolve(self, name: str, rdtype: str) -> Answer:
        """What DNS says of `name`, in any case, with or without the last dot; `rdtype` such as `TXT`."""
        answer = self.begin(name.lower().removesuffix("."), rdtype)
        # Not the flight itself: who asks may be cancelled, and others wait for the same.
        return answer if isinstance(answer, Answer) else await asyncio.shield(answer)

    def begin(self, name: str, rdtype: str) -> "Answer | asyncio.Task[Answer]":
        """The answer, if nobody need be asked; else the flight that brings it, which many share: never cancel it.
        `name` is in lower case, without the last dot.
        """
        asked = (name, rdtype)
        if (known := self._cache.get(asked) or self._flights.get(asked)) is not None:
            return known
        if (wire := dnswire.name(name)) is None:
            return Answer(*asked, Found.NXDOMAIN, detail="is no domain name")
        if self.breaker.is_open:
            return Answer(*asked, Found.TROUBLE, detail=_BREAKER_OPEN)
        flight = self._flights[asked] = asyncio.create_task(self._look_up(asked, wire))
        flight.add_done_callback(lambda _: self._flights.pop(asked, None))
        return flight

    async def probe(self) -> bool:
        """Whether a name server answers what any can answer, whatever it says."""
        for server in self.nameservers:
            if isinstance(await self._ask(server, self._query(_ROOT, RdType.NS), self._query_timeout), Message):
                return True
        return False

    async def survey(self) -> Sequence[tuple[Nameserver, str]]:
        """Each name server, asked what any can answer, and why it is of no use; nothing where it answers."""
        servers = self.nameservers
        replies = await asyncio.gather(
            *(self._ask(server, self._query(_ROOT, RdType.NS), self._query_timeout) for server in servers)
        )
        return [(server, _objection(reply)) for server, reply in zip(servers, replies, strict=True)]

    async def _look_up(self, asked: Question, name: Name) -> Answer:
        """Ask for `name`, follow aliases, and remember."""
        try:
            reply = await self._follow(asked, name)
        except _NoAnswerError as error:
            reply = Reply(Answer(*asked, Found.TROUBLE, detail=str(error)), TROUBLE_TTL)
        if not self.breaker.is_open:
            self._cache.put(asked, reply.answer, max(reply.ttl, MIN_TTL))
        return reply.answer

    async def _follow(self, asked: Question, name: Name) -> Reply:
        """The answer at the end of a chain of aliases. Raises _NoAnswerError."""
        rdtype, ttl, deadline = RdType[asked[1]], MAX_TTL, asyncio.get_running_loop().time() + self._total_timeout
        for _ in range(MAX_ALIASES):
            async with self._under_way:
                message = await self._exchange(self._query(name, rdtype), deadline)
            reply = read(asked[0], rdtype, message)
            ttl = min(ttl, reply.ttl)
            if reply.alias is None:
                return Reply(reply.answer, ttl)
            name = reply.alias
        raise _NoAnswerError(f"more than {MAX_ALIASES} aliases")

    async def _exchange(self, query: Query, deadline: float) -> Message:
        """A reply with an answer, from the first server that gives one. Raises _NoAnswerError."""
        servers, refused = self.nameservers, set()
        clock, why = asyncio.get_running_loop().time, "no answer in time" if servers else "no name server is configured"
        for server in _ROUNDS * tuple(servers):
            patience = min(self._query_timeout, deadline - clock())
            if self.breaker.is_open:
                raise _NoAnswerError(_BREAKER_OPEN)
            if patience <= 0:
                break
            if server in refused:
                continue
            reply = await self._ask(server, query, patience)
            why = f"{server}: {_objection(reply)}"
            if isinstance(reply, str):
                self.breaker.silent(why)
                continue
            self.breaker.heard()
            if not _objection(reply):
                self._preferred = server
                return reply
            refused.add(server)
        raise _NoAnswerError(why)

    def _query(self, name: Name, rdtype: RdType) -> Query:
        return Query(name, rdtype, next(self._numbers))

    async def _ask(self, server: Nameserver, query: Query, patience: float) -> Message | str:
        """One server's whole reply, whatever its code, or why there is none."""
        ends = asyncio.get_running_loop().time() + patience
        if (ports := self._ports.get(server)) is None:
            ports = self._ports[server] = Ports(server, self._numbers)
        try:
            if (message := await ports.ask(query, patience)) is not None:
                return message
            async with asyncio.timeout_at(ends):
                return await ask_tcp(server, query)
        except SILENCE as error:
            return _told(error)


def _objection(reply: Message | str) -> str:
    """Why `_ask` got no answer to work with; nothing where it got one."""
    if isinstance(reply, str):
        return reply
    return "" if reply.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN) else reply.code


class _NoAnswerError(Exception):
    """DNS gave no answer; the message says why."""


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
