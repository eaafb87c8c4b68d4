"""What operators are told once a day, counted; and the day, which is told once.

Contract: takes an open connection. `take_day` is the fence: of several processes that composed the same day's mails one
takes it, in the transaction that writes them.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from smtpintake.compose.digest import LONG, Tally
from smtpintake.decide.decision import Outcome
from smtpintake.store.held import waiting
from smtpintake.store.outbox import State
from smtpintake.store.schema import DigestDay, LogRow, OutboxMail

_log: Final = LogRow.__table__.c
_outbox: Final = OutboxMail.__table__.c
_days: Final = DigestDay.__table__


def tally(connection: Connection, since: datetime, until: datetime, now: datetime) -> Tally:
    """What happened from `since` to just before `until`, and what waits at the moment `now`. A mail to several
    recipients counts for each, as in the log.
    """
    came = connection.execute(
        select(_log.outcome, _log.reason, func.count())
        .where(_log.received_at >= since, _log.received_at < until, _log.outcome != Outcome.SILENT.value)
        .group_by(_log.outcome, _log.reason)
        .order_by(_log.outcome, func.count().desc(), _log.reason)
    )
    held, held_since = waiting(connection)
    still = _outbox.state.in_((State.QUEUED, State.DEFERRED))
    late, late_since = connection.execute(
        select(func.count(), func.min(_outbox.created_at)).where(still, _outbox.created_at < now - LONG)
    ).one()

    def ended(state: State, moment: ColumnElement[datetime | None]) -> int:
        found = select(func.count()).where(_outbox.state == state, moment >= since, moment < until)
        return int(connection.execute(found).scalar_one())

    return Tally(
        since=since,
        until=until,
        came=tuple((outcome, reason, count) for outcome, reason, count in came),
        held=held,
        held_since=held_since,
        failed=ended(State.FAILED, _outbox.failed_at),
        bounced=ended(State.BOUNCED, _outbox.bounced_at),
        waiting=late,
        waiting_since=late_since,
    )


def is_taken(connection: Connection, day: str) -> bool:
    """True where the day was told of; a read, so that an idle process never takes the writers' lock."""
    return connection.execute(select(_days.c.day).where(_days.c.day == day)).first() is not None


def take_day(connection: Connection, day: str, now: datetime) -> bool:
    """Tell of this day, in this transaction. False where somebody else has: on PostgreSQL that is waited for."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    taken = insert(_days).values(day=day, composed_at=now).on_conflict_do_nothing().returning(_days.c.day)
    return connection.execute(taken).first() is not None
