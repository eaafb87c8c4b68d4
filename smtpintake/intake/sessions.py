"""`Sessions`: every connection of a server that is open, on whichever of its sockets it came in.

Contract: one instance holds a server's caps and knows when it drains. A connection is in it from its admission until
its coroutine has ended, which may be later than the client: a journey under way is not cut off.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from smtpintake.intake.peers import network
from smtpintake.mail.reason import Reason

_LAST_WORDS: Final = 1.0  # seconds for the sessions that were cut off to say so


class Session(Protocol):
    """What Sessions need of a connection."""

    def drain(self) -> None:
        """End as soon as no mail transaction is under way."""
        ...

    def cut_off(self) -> None:
        """End now: with a word to a client that we wait for, without one where we are at work."""
        ...


class Sessions:
    """The open connections, in total and per peer. A client behind a trusted relay is the peer, the relay is none;
    `is_exempt` says which peers are not limited.
    """

    def __init__(
        self,
        max_connections: int,
        max_connections_per_peer: int,
        is_exempt: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._max_connections: Final = max_connections
        self._max_per_peer: Final = max_connections_per_peer
        self._is_exempt: Final = is_exempt
        self._open: dict[Session, str] = {}
        self._peers: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()
        self.draining = False

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, session: Session, ip: str) -> Reason | None:
        """Take the connection in, or say why it must go. Without an `ip` it counts for no peer yet."""
        if self.draining:
            return Reason.CONNECT_DRAINING
        if len(self._open) >= self._max_connections:
            return Reason.CONNECT_OVERLOAD
        self._open[session] = ""
        self._empty.clear()
        if refused := self.count(session, ip):
            self.leave(session)
        return refused

    def count(self, session: Session, ip: str) -> Reason | None:
        """The connection is that of the client at `ip` from now on; or why that client may have no more of them."""
        self._discount(session)
        peer = self._open[session] = network(ip)
        if not peer:
            return None
        self._peers[peer] += 1
        if self._peers[peer] <= self._max_per_peer or self._is_exempt(ip):
            return None
        return Reason.CONNECT_LIMIT

    def leave(self, session: Session) -> None:
        """The connection is closed and its work is done."""
        self._discount(session)
        del self._open[session]
        if not self._open:
            self._empty.set()

    def _discount(self, session: Session) -> None:
        if peer := self._open[session]:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    async def drain(self, deadline: float) -> int:
        """Let every session end by itself for `deadline` seconds, then cut off the rest; how many those were."""
        self.draining = True
        for session in tuple(self._open):
            session.drain()
        try:
            await asyncio.wait_for(self._empty.wait(), deadline)
        except TimeoutError:
            late = tuple(self._open)
            for session in late:
                session.cut_off()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), _LAST_WORDS)
            return len(late)
        return 0
