"""The post between installations and robots: a clock of its own, letters under way, and who wrote how often to whom.

Contract: deterministic for a seed. A letter belongs to the chain that one person's mail began: what it causes is of the
same chain, whoever writes it. Everything is believed that From says, which is the worst case for an automatic answer.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from tests.make import NOW


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail in its envelope; `mail_from` is empty for the null reverse-path."""

    mail_from: str
    rcpt_to: str
    octets: bytes
    chain: int

    @property
    def domain(self) -> str:
        return self.rcpt_to.rpartition("@")[2]


class Party(Protocol):
    """Who has the mail of one domain. `latency` is how long it takes to answer, at least and at most."""

    domain: str
    latency: tuple[timedelta, timedelta]

    def receive(self, letter: Letter, now: datetime) -> Sequence[Letter]:
        """Take a letter; the letters that it causes."""


@dataclass(slots=True)
class Post:
    """`letters` counts them by chain, from domain and to domain."""

    parties: dict[str, Party]
    chance: random.Random
    now: datetime = NOW
    delivered: int = 0
    letters: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    _under_way: list[tuple[datetime, int, str, Letter]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def send(self, sender: str, letter: Letter, at: datetime) -> None:
        """Have a letter arrive at that moment. What is for nobody here is lost."""
        if letter.domain in self.parties:
            heappush(self._under_way, (at, next(self._order), sender, letter))

    def run(self, until: datetime | None = None, limit: int = 10**6) -> None:
        """Deliver what is under way, and what that causes, until nothing is left, that moment or `limit` letters."""
        while self._under_way and self.delivered < limit and (until is None or self._under_way[0][0] <= until):
            self.now, _, sender, letter = heappop(self._under_way)
            party = self.parties[letter.domain]
            self.delivered += 1
            self.letters[letter.chain, sender, party.domain] += 1
            for caused in party.receive(letter, self.now):
                self.send(party.domain, caused, self.now + self._between(*party.latency))

    def _between(self, least: timedelta, most: timedelta) -> timedelta:
        return least + (most - least) * self.chance.random()
