"""`Check`: what `doctor` looked at, and what it saw. Values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DEADLINE: Final = 10.0  # seconds, for a socket


class Result(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    result: Result
    seen: str
    mend: str = ""
