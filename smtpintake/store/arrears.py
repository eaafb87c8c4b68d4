"""Arrears: who hears later, and in one mail, of what happens to an issue, as they have heard too much of it by now.

Contract: every function takes an open connection; those that write, the transaction that tells the events. Nothing is
lost: what is kept back is told when it is due. Each further mail comes after twice the time, until nothing happens for
as long: two robots that answer each other through us get to write ever more rarely, and people hear of everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from smtpintake.store.events import Happened
from smtpintake.store.schema import Arrears, Event

_table: Final = Arrears.__table__
_arrears, _event = _table.c, Event.__table__.c


@dataclass(frozen=True, slots=True)
class Owed:
    """What `address` (folded) is still to hear of an issue: from the event `event_id` on, not before `due_at`."""

    issue_id: int
    address: str
    event_id: int
    due_at: datetime
    wait: timedelta


def in_arrears(connection: Connection, issue_id: int, now: datetime) -> dict[str, datetime]:
    """By address, who hears of the issue in one mail, and when."""
    wanted = select(_arrears.address, _arrears.due_at).where(
        _arrears.issue_id == issue_id, _arrears.event_id.is_not(None) | (_arrears.due_at > now)
    )
    return {row.address: row.due_at for row in connection.execute(wanted)}


def owe(connection: Connection, event: Happened, addresses: Iterable[str], now: datetime, wait: timedelta) -> None:
    """Keep what happens to the issue from that event on for later; what is kept already stays as it is."""
    issue_id, event_id = event.issue_id, event.id
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    for address in addresses:
        still = update(_table).where(_arrears.issue_id == issue_id, _arrears.address == address)
        waiting = still.where(_arrears.event_id.is_(None), _arrears.due_at > now).values(event_id=event_id)
        if connection.execute(waiting).rowcount:
            continue
        begun = {"event_id": event_id, "due_at": now + wait, "wait": int(wait.total_seconds())}
        connection.execute(
            insert(_table)
            .values(issue_id=issue_id, address=address, **begun)
            .on_conflict_do_update(
                index_elements=["issue_id", "address"], set_=begun, where=_arrears.event_id.is_(None)
            )
        )


def due(connection: Connection, now: datetime, count: int) -> list[Owed]:
    """At most `count` that are to be told now, the longest due first."""
    wanted = select(_table).where(_arrears.due_at <= now, _arrears.event_id.is_not(None))
    rows = connection.execute(wanted.order_by(_arrears.due_at, _arrears.issue_id).limit(count))
    return [Owed(row.issue_id, row.address, row.event_id, row.due_at, timedelta(seconds=row.wait)) for row in rows]


def pay(connection: Connection, owed: Owed, last: int, now: datetime) -> bool:
    """It is told, in this transaction, up to the event `last`. False where somebody else has, and nothing must be
    written.
    """
    wait = 2 * owed.wait
    theirs = update(_table).where(_arrears.issue_id == owed.issue_id, _arrears.address == owed.address)
    paid = theirs.where(_arrears.event_id == owed.event_id, _arrears.due_at == owed.due_at)
    values = {"event_id": None, "due_at": now + wait, "wait": int(wait.total_seconds())}
    if connection.execute(paid.values(values)).rowcount != 1:
        return False
    # Asked behind the fence: what others have told since the mail was composed waits on.
    rest = select(func.min(_event.id)).where(
        _event.issue_id == owed.issue_id, _event.id > last, _event.told_at.is_not(None)
    )
    if (first := connection.scalar(rest)) is not None:
        connection.execute(theirs.values(event_id=first))
    return True


def postpone(connection: Connection, owed: Owed, until: datetime) -> None:
    """Tell it later."""
    connection.execute(
        update(_table)
        .where(_arrears.issue_id == owed.issue_id, _arrears.address == owed.address, _arrears.event_id.is_not(None))
        .values(due_at=until)
    )


def forget(connection: Connection, before: datetime) -> int:
    """Delete what meant nothing any more at that moment."""
    old = delete(_table).where(_arrears.due_at < before, _arrears.event_id.is_(None))
    return connection.execute(old).rowcount
