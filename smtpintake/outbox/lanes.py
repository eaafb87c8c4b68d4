"""`Lanes`: claimed mails, a lane for each domain, and which of them is the next to send.

Contract: no more than `width` mails of a domain are under way at a time, and the domains take turns: one that is slow
or has thousands of mails doesn't hold up the others.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import Final

from smtpintake.store.outbox import Claimed


class Lanes:
    def __init__(self, width: int) -> None:
        self._width: Final = width
        self._waiting: Final[defaultdict[str, deque[Claimed]]] = defaultdict(deque)
        self._under_way: Final[Counter[str]] = Counter()
        self._turns: Final[dict[str, None]] = {}  # domains with a mail that may go, in the order of their turns

    @property
    def full(self) -> tuple[str, ...]:
        """The domains that nothing more can be sent to at present."""
        return tuple(domain for domain, count in self._under_way.items() if count >= self._width)

    def put(self, mails: Iterable[Claimed]) -> None:
        """Mails to be sent."""
        for mail in mails:
            self._waiting[mail.domain].append(mail)
            self._line_up(mail.domain)

    def take(self) -> Claimed | None:
        """A mail that is under way from now on; None where none may go."""
        domain = next(iter(self._turns), None)
        if domain is None:
            return None
        del self._turns[domain]
        self._under_way[domain] += 1
        mail = self._waiting[domain].popleft()
        self._line_up(domain)
        return mail

    def done(self, mail: Claimed) -> None:
        """It is under way no longer."""
        self._under_way[mail.domain] -= 1
        if not self._under_way[mail.domain]:
            del self._under_way[mail.domain]
        self._line_up(mail.domain)

    def empty(self) -> list[Claimed]:
        """Take everything out that is not under way."""
        mails = [mail for lane in self._waiting.values() for mail in lane]
        self._waiting.clear()
        self._turns.clear()
        return mails

    def _line_up(self, domain: str) -> None:
        """Give the domain a turn, at the end, unless it has one, is full, or has nothing to send."""
        if not self._waiting[domain]:
            del self._waiting[domain]
        elif self._under_way[domain] < self._width:
            self._turns.setdefault(domain)
