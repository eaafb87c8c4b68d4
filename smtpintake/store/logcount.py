"""The email log, counted: what came how often, from the first to the last time.

Contract: reads only; takes an open session. Each row counts once, so a mail to several recipients counts for each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import SQLColumnExpression, func, select
from sqlmodel import Session, col

from smtpintake.store.maillog import LogFilter, conditions
from smtpintake.store.schema import LogRow

_SENDER: Final = func.coalesce(col(LogRow.author), col(LogRow.mail_from), "")

# What is counted apart, by the name that people say: the columns, and what their values have in common.
_GROUPS: Final[dict[str, tuple[SQLColumnExpression[str], Callable[[str], str]]]] = {
    "outcome": (col(LogRow.outcome), str),
    "reason": (col(LogRow.reason), str),
    "inbox": (func.coalesce(col(LogRow.inbox), ""), str),
    "sender": (_SENDER, str),
    "domain": (_SENDER, lambda sender: sender.rpartition("@")[2].lower()),
    "recipient": (func.coalesce(col(LogRow.rcpt_to), ""), str),
    "client": (col(LogRow.peer_ip), str),
}
GROUPS: Final = tuple(_GROUPS)


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows have `name`, which is empty where they have none; received from `first` to `last`."""

    name: str
    count: int
    first: datetime
    last: datetime

    def together(self, other: "Count") -> "Count":
        return Count(self.name, self.count + other.count, min(self.first, other.first), max(self.last, other.last))


def log_count(session: Session, wanted: LogFilter, group: str, limit: int = 50) -> list[Count]:
    """The rows that `wanted` describes by `group`, one of GROUPS; what came most often first."""
    column, common = _GROUPS[group]
    received = col(LogRow.received_at)
    rows = select(column, func.count(), func.min(received), func.max(received)).where(*conditions(wanted))
    found: dict[str, Count] = {}
    for value, count, first, last in session.execute(rows.group_by(column)):
        one = Count(common(value), count, first, last)
        found[one.name] = found[one.name].together(one) if one.name in found else one
    return sorted(found.values(), key=lambda one: (-one.count, one.name))[:limit]
