"""`Sessions`: every connection of a server that is open, on whichever of its sockets it came in.

Contract: one instance holds a server's caps and knows when it drains. A connection is in it from its admission until
its coroutine has ended, which may be later than the client: a journey under way is not cut off.
"""

import asyncio
from collections import Counter
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
    """The open connections, in total and per peer. An IPv6 peer is its /64: it can choose the rest."""

    def __init__(self, max_connections: int, max_connections_per_peer: int) -> None:
        self._max_connections: Final = max_connections
        self._max_per_peer: Final = max_connections_per_peer
        self._open: dict[Session, str] = {}
        self._peers: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()
        self.draining = False

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, session: Session, ip: str) -> Reason | None:
        """Take the connection in, or say why it must go."""
        peer = network(ip)
        if self.draining:
            return Reason.CONNECT_DRAINING
        if len(self._open) >= self._max_connections:
            return Reason.CONNECT_OVERLOAD
        if self._peers[peer] >= self._max_per_peer:
            return Reason.CONNECT_LIMIT
        self._open[session] = peer
        self._peers[peer] += 1
        self._empty.clear()
        return None

    def leave(self, session: Session) -> None:
        """The connection is closed and its work is done."""
        peer = self._open.pop(session)
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]
        if not self._open:
            self._empty.set()

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
