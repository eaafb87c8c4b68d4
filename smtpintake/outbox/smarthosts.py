"""The smarthosts in order of preference, and a line to the first of them that can be reached.

Contract: a mail goes to the next smarthost only where the one before cannot have taken it: it could not be reached, or
took no mail at present. Such a one is left alone for a while; then it is preferred again, and lines to those behind it
are given up for it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from smtpintake.net.smarthost import Smarthost
from smtpintake.net.smtpclient import Connection, Deferred, Result


class Smarthosts:
    """`rest` is how long one is left alone that could not be reached."""

    def __init__(self, several: Sequence[Smarthost], rest: timedelta, clock: Callable[[], datetime]) -> None:
        self._several: Final = tuple(several)
        self._rest: Final = rest
        self._clock: Final = clock
        self._resting: Final[dict[Smarthost, datetime]] = {}

    def __bool__(self) -> bool:
        return bool(self._several)

    def in_order(self) -> tuple[Smarthost, ...]:
        """Those to be tried: all of them where all rest."""
        now = self._clock()
        awake = tuple(host for host in self._several if host not in self._resting or self._resting[host] <= now)
        return awake or self._several

    def is_best(self, host: Smarthost) -> bool:
        """True where no other that is not resting stands before it."""
        first = self.in_order()[0]
        return self._several.index(host) <= self._several.index(first)

    def leave_alone(self, host: Smarthost) -> None:
        """It could not be reached."""
        self._resting[host] = self._clock() + self._rest


class Line:
    """One connection at a time, to the best smarthost, for one mail at a time."""

    def __init__(self, smarthosts: Smarthosts) -> None:
        self._smarthosts: Final = smarthosts
        self._connection: Connection | None = None

    async def send(self, mail_from: str, rcpt_to: str, octets: bytes) -> Result:
        """What the first smarthost that can be reached says to the mail; unreachable where none can."""
        if self._connection is not None and not self._smarthosts.is_best(self._connection.smarthost):
            await self.close()
        if self._connection is not None:
            result = await self._connection.send(mail_from, rcpt_to, octets)
            if not _is_unreachable(result):
                return result
            await self.close()
        notes = []
        for host in self._smarthosts.in_order():
            self._connection = Connection(host)
            result = await self._connection.send(mail_from, rcpt_to, octets)
            if not _is_unreachable(result):
                return result
            await self.close()
            self._smarthosts.leave_alone(host)
            notes.append(result.note)
        return Deferred("; ".join(notes), unreachable=True)

    async def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


def _is_unreachable(result: Result) -> bool:
    return isinstance(result, Deferred) and result.unreachable
