"""Whether held mail must be judged again, and who does it.

Contract: `people_changed` is called in every transaction that changes who people are or what they may. `is_due` is one
cheap read. A review belongs to one process until its lease ends; nothing goes wrong where two do it, as a mail is
released once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from smtpintake.store.schema import HeldReview, PolicyVersion

_table: Final = HeldReview.__table__
_review: Final = _table.c
_in_force: Final = select(func.coalesce(func.max(PolicyVersion.__table__.c.id), 0)).scalar_subquery()


@dataclass(frozen=True, slots=True)
class State:
    """What there is to judge held mail with: the policy's version, and how often people have changed."""

    policy: int
    people: int


def people_changed(connection: Connection) -> None:
    """Say that held mail may be judged differently from now on."""
    _make(connection)
    connection.execute(update(_table).values(people=_review.people + 1))


def is_due(connection: Connection) -> bool:
    """True where the policy or the people changed since the last review."""
    row = connection.execute(select(_in_force, _review.seen_policy, _review.people, _review.seen_people)).first()
    if row is None:
        return bool(connection.scalar(select(_in_force)))
    policy, seen_policy, people, seen_people = row
    return bool(policy != seen_policy or people != seen_people)


def take(connection: Connection, reviewer: str, now: datetime, until: datetime) -> State | None:
    """What to judge with, where the review is the reviewer's from now on; None where another one is at it."""
    _make(connection)
    mine = (_review.lease_until.is_(None)) | (_review.lease_until <= now) | (_review.reviewer == reviewer)
    taken = connection.execute(update(_table).where(mine).values(reviewer=reviewer, lease_until=until))
    if not taken.rowcount:
        return None
    policy, people = connection.execute(select(_in_force, _review.people)).one()
    return State(policy, people)


def renew(connection: Connection, reviewer: str, until: datetime) -> None:
    connection.execute(update(_table).where(_review.reviewer == reviewer).values(lease_until=until))


def finish(connection: Connection, reviewer: str, state: State) -> None:
    """All held mail was judged with `state`."""
    connection.execute(
        update(_table)
        .where(_review.reviewer == reviewer)
        .values(seen_policy=state.policy, seen_people=state.people, reviewer=None, lease_until=None)
    )


def _make(connection: Connection) -> None:
    """The one row."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"id": 1, "people": 0, "seen_policy": 0, "seen_people": 0}
    connection.execute(insert(_table).values(row).on_conflict_do_nothing())
