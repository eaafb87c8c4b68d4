"""How bad it looks for mail to an address: a score, to which each report adds, and which halves with time.

Contract: pure. One hard bounce or complaint stops further mail to the address at once, for four weeks; of soft ones it
takes five within days. So nobody is cut off for ever by one full mailbox or one careless click, and a dead address is
asked again now and then.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

HALVING: Final = timedelta(days=14)
STOPS_AT: Final = 4.0


class Severity(StrEnum):
    """What a report means for the address."""

    SOFT = "soft"  # this mail was not taken, now or at all; the next one may be
    HARD = "hard"  # there is no such mailbox
    COMPLAINT = "complaint"  # its owner wants no more of this

    @property
    def weight(self) -> float:
        return 1.0 if self is Severity.SOFT else 16.0

    @property
    def rank(self) -> int:
        return tuple(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Score:
    """`value` at the moment `at`; `last` is what the latest report said."""

    value: float
    at: datetime
    last: str = ""

    def value_at(self, now: datetime) -> float:
        """What is left of it; a clock that was set back makes nothing more of it."""
        return self.value * math.exp2(-max(0.0, (now - self.at) / HALVING))

    def stops(self, now: datetime) -> bool:
        """True where no more mail is to be sent to the address."""
        return self.value_at(now) >= STOPS_AT

    def after(self, severity: Severity, now: datetime, said: str) -> "Score":
        """The score with one more report."""
        return replace(self, value=self.value_at(now) + severity.weight, at=max(now, self.at), last=said)
