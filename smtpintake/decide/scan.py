"""`Scan`: what a scanner said of a mail. What that costs the mail is policy: `decide.scanning`."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The names are those of the settings in an inbox's `scan`, and of the reasons."""

    CLEAN = "clean"
    VIRUS = "virus"
    SPAM = "spam"
    SUSPECT = "suspect"
    LATER = "later"  # ask the sender to come again
    OVERSIZE = "oversize"  # not looked at: larger than the scanner takes
    FAILED = "failed"  # not looked at: the scanner is down, too slow, or talks nonsense


@dataclass(frozen=True, slots=True)
class Scan:
    """`detail` is the scanner's own words, for the trace: the name of a virus, the symbols of a score, what failed.
    `score` is None where the scanner counts nothing.
    """

    scanner: str
    verdict: Verdict
    detail: str = ""
    score: float | None = None
