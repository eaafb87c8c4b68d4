"""`Periods`: how long things are kept. A value, and nothing else imported."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Periods:
    """How long things are kept; None for ever, and for `raw` as long as the log row. `outbox` is for the octets of mail
    that we have sent.
    """

    held: timedelta
    log: timedelta | None
    raw: timedelta | None
    outbox: timedelta | None = None
