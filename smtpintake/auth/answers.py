"""What DNS said, as values. `smtpintake.net` asks; everything here and behind only reads.

Contract: a name that could not be looked up is an `Answer` like any other, with `Found.TROUBLE`: it is for the check to
call that temperror, and nothing raises for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Found(StrEnum):
    """How a question ended."""

    RECORDS = "records"
    NODATA = "nodata"  # the name exists, without such records (RFC 2308 s2.2)
    NXDOMAIN = "nxdomain"
    TROUBLE = "trouble"  # SERVFAIL, no answer in time, no resolver


@dataclass(frozen=True, slots=True)
class Answer:
    """`name` is in lower case, A-labels, without the last dot; `rdtype` such as `TXT`.

    `records` are texts: addresses of A and AAAA, `10 mx.example.org` of MX, names of PTR, and of TXT the joined
    character strings, one character an octet (latin-1), so that nothing is lost or guessed. `detail` says what the
    trouble was. `cached` is True where nobody was asked.
    """

    name: str
    rdtype: str
    found: Found
    records: tuple[str, ...] = ()
    detail: str = ""
    cached: bool = False


Answers = Mapping[str, Answer]
"""The TXT answers of one message, by name."""


def by_name(answers: Iterable[Answer]) -> Answers:
    """The TXT answers among `answers`."""
    return {answer.name: answer for answer in answers if answer.rdtype == "TXT"}


def txt(answers: Answers, name: str) -> Answer:
    """What DNS said of the TXT records of `name`; trouble where nobody asked."""
    folded = name.lower().rstrip(".")
    return answers.get(folded) or Answer(folded, "TXT", Found.TROUBLE, detail="was not looked up")
