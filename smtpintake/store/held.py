"""Held mail in the database: which waits, taking it out of waiting once, and what is said of it.

Contract: a held mail is the log rows of one transaction and one inbox with outcome `held`, together one delivery, and
it waits until a row says what became of it (`released_by`). `claim` is the fence: in one transaction with all that
follows from it, so that a mail is released or discarded once, whoever tries at the same time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, or_, select, text, update
from sqlmodel import Session, col

from smtpintake.mail.ids import new_id
from smtpintake.mail.reason import Reason
from smtpintake.store.directory import policy_version
from smtpintake.store.maillog import LogFilter, conditions, find_row, log_views
from smtpintake.store.schema import LogRow, PastFacts, RawMail, Trace
from smtpintake.store.schema.maillog import WAITING
from smtpintake.store.views import HeldView

DISCARDED: Final = "discarded"

# Findings that were added to a held mail's trace after the check that held it.
_LATER: Final = frozenset(("recipients", "answer", "forward"))

_log: Final = LogRow.__table__
_waits: Final = text(WAITING)
# The rows of one delivery share a transaction; the first has the delivery's key, or no inbox where it lost its way.
_first: Final = or_(_log.c.delivery_key.is_not(None), _log.c.inbox.is_(None))


class NotHeldError(LookupError):
    """No held mail waits under this id; the message says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """A mail that waits. `rows` are its log rows, oldest first; `findings` is the trace of the first. `past` is what
    was known when it came, as `decide.pastfacts` writes it; empty where that was not kept.
    """

    rows: tuple[LogRow, ...]
    raw: RawMail
    findings: tuple[dict[str, str], ...]
    past: str

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(row.id for row in self.rows)

    @property
    def check(self) -> str:
        """The name of the check that held it, as its finding has it."""
        ruling = [finding["check"] for finding in self.findings if finding["check"] not in _LATER]
        return ruling[-1] if ruling else ""


def waiting_ids(connection: Connection, after: str, limit: int) -> list[str]:
    """The first rows of held mails that wait, in the order of their ids, those after the id `after`."""
    waiting = select(_log.c.id).where(_waits, _first, _log.c.id > after).order_by(_log.c.id).limit(limit)
    return list(connection.scalars(waiting))


def waiting(connection: Connection) -> tuple[int, datetime | None]:
    """How many held mails wait, and since when the oldest does."""
    count, oldest = connection.execute(select(func.count(), func.min(_log.c.received_at)).where(_waits, _first)).one()
    return count, oldest


def find_held(session: Session, log_id: str) -> Held:
    """The held mail that a log row belongs to. Raises NotHeldError, and AmbiguousIdError for the beginning of several
    ids.
    """
    row = find_row(session, log_id)
    if row is None:
        raise NotHeldError(f"there is no log row {log_id}")
    if row.outcome != "held":
        raise NotHeldError(f"{row.id} is not held, but {row.outcome}")
    if row.released_by is not None:
        raise NotHeldError(f"{row.id} is held no longer: log {row.released_by} says what became of it")
    together = (
        select(LogRow)
        .where(
            _waits, col(LogRow.transaction_id) == row.transaction_id, col(LogRow.inbox).is_not_distinct_from(row.inbox)
        )
        .order_by(col(LogRow.id))
    )
    rows = (row,) if row.inbox is None else tuple(session.scalars(together))
    raw = session.get(RawMail, row.raw_id) if row.raw_id is not None else None
    if raw is None:
        raise NotHeldError(f"the mail of {row.id} was not kept")
    trace = session.get(Trace, rows[0].id)
    past = session.get(PastFacts, row.transaction_id)
    findings = tuple(trace.findings) if trace is not None else ()
    return Held(rows, raw, findings, past.facts if past is not None else "")


def held_list(session: Session, now: datetime, wanted: LogFilter, limit: int) -> list[HeldView]:
    """What waits of that which `wanted` describes, the longest first."""
    found = select(col(LogRow.id)).where(_waits, _first, *conditions(wanted)).order_by(col(LogRow.id)).limit(limit)
    return [held_view(session, find_held(session, log_id), now) for log_id in session.scalars(found).all()]


def held_view(session: Session, held: Held, now: datetime) -> HeldView:
    (view,) = log_views(session, [held.rows[0]])
    age = round((now - held.rows[0].received_at).total_seconds())
    recipients = [row.rcpt_to for row in held.rows if row.rcpt_to is not None]
    return {**view, "check": held.check, "age": age, "recipients": recipients}


def claim(connection: Connection, held: Held) -> bool:
    """Take the mail out of waiting, in this transaction. False where somebody else has.

    Its delivery is from now on that of the row which says what became of it.
    """
    taken = connection.execute(
        update(_log).where(_waits, _log.c.id.in_(held.ids)).values(delivery_key=None, released_by="")
    )
    return taken.rowcount == len(held.rows)


def link(connection: Connection, held: Held, log_id: str) -> None:
    """Say on the rows of a mail that was claimed which row tells what became of it."""
    connection.execute(update(_log).where(_log.c.id.in_(held.ids)).values(released_by=log_id))


def discard(connection: Connection, held: Held, reason: Reason, note: str, now: datetime) -> str | None:
    """Give a held mail up: the id of the log row that says so, or None where it waits no longer."""
    if not claim(connection, held):
        return None
    log_id = new_id(now)
    first = held.rows[0].model_dump()
    said = {
        "id": log_id,
        "outcome": DISCARDED,
        "reason": reason,
        "policy_version": policy_version(connection),
        "released_by": None,
        "duration_ms": 0,
    }
    connection.execute(insert(_log).values(**(first | said)))
    finding = {"check": "held", "result": DISCARDED, "detail": note}
    connection.execute(insert(Trace.__table__).values(log_id=log_id, findings=[finding]))
    link(connection, held, log_id)
    return log_id


def note(connection: Connection, log_id: str, finding: dict[str, str]) -> None:
    """Add a finding to the trace of a row."""
    trace = Trace.__table__
    findings = connection.scalar(select(trace.c.findings).where(trace.c.log_id == log_id)) or []
    changed = update(trace).where(trace.c.log_id == bindparam("row")).values(findings=[*findings, finding])
    connection.execute(changed, {"row": log_id})
