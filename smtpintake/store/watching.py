"""Who follows an issue, and who leaves it.

Contract: takes an open connection in a writing transaction. Somebody of the directory is one person, whichever of their
addresses takes part.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from smtpintake.store.schema import Participant, Person, PersonAddress

_table: Final = Participant.__table__
_part, _address, _person = _table.c, PersonAddress.__table__.c, Person.__table__.c


@dataclass(frozen=True, slots=True)
class Watching:
    """`address` (folded) follows the issue from now on, or hears of it no more."""

    issue_id: int
    address: str
    hears: bool
    moment: datetime


def watch(connection: Connection, wanted: Watching) -> bool:
    """Write it down; False where it was so before, as it is of strangers who leave."""
    owner = connection.execute(
        select(_person.id, _person.name)
        .join_from(Person.__table__, PersonAddress.__table__, _address.person_id == _person.id)
        .where(_address.address == wanted.address)
    ).first()
    theirs = select(_address.address).where(_address.person_id == owner.id) if owner else [wanted.address]
    known = _part.issue_id == wanted.issue_id, _part.address.in_(theirs)
    moments = connection.scalars(select(_part.left_at).where(*known)).all()
    left_at = None if wanted.hears else wanted.moment
    if not moments and owner is None and not wanted.hears:
        return False  # whoever takes part may write to the issue: nobody begins to by leaving it
    if not moments:
        values = {"name": owner.name if owner else "", "person_id": owner.id if owner else None, "role": "watcher"}
        named = {"issue_id": wanted.issue_id, "address": wanted.address, "left_at": left_at}
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        # Somebody else may write them down at this moment: on PostgreSQL that is waited for.
        added = insert(_table).values(**named, **values).on_conflict_do_nothing().returning(_part.id)
        if connection.execute(added).first() is not None:
            return True
    changed = update(_table).where(*known, _part.left_at.is_not(None) if wanted.hears else _part.left_at.is_(None))
    return connection.execute(changed.values(left_at=left_at)).rowcount > 0
