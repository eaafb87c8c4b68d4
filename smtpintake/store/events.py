"""What happened to issues and is to be told, as a queue: noted with what made it happen, told once.

Contract: every function takes an open connection, or the rows of a transaction. `hold` is the fence: of two processes
that composed the same mails, one finds the events told already, and must write nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, TextClause, func, select, text, update

from smtpintake.decide.policy import Happening, Project
from smtpintake.store.rows import Rows
from smtpintake.store.schema import Event
from smtpintake.store.schema.event import PENDING

MAX_NOTE: Final = 2000
MAX_PENDING: Final = 100  # of one issue, that are told in one mail

_table: Final = Event.__table__
_event: Final = _table.c
_pending: Final = text(PENDING)


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened, as `schema.Event` explains; `id` is 0 until it is written."""

    issue_id: int
    kind: Happening
    created_at: datetime
    comment_id: int | None = None
    before: str = ""
    after: str = ""
    author_id: int | None = None
    author_address: str = ""
    by_staff: bool = False
    copied: tuple[str, ...] = ()
    log_id: str | None = None
    id: int = 0


def note(rows: Rows, happened: Happened, project: Project | None) -> None:
    """Add what happened to what a transaction writes; due as `project`, the issue's, says."""
    fold = timedelta(seconds=project.notify.fold_seconds if project is not None else 0)
    rows.add(
        Event,
        issue_id=happened.issue_id,
        comment_id=happened.comment_id,
        kind=happened.kind,
        before=happened.before,
        after=happened.after,
        author_id=happened.author_id,
        author_address=happened.author_address,
        by_staff=happened.by_staff,
        copied=list(happened.copied),
        log_id=happened.log_id,
        created_at=happened.created_at,
        due_at=happened.created_at + fold,
        told_at=None,
        note="",
    )


def undelivered(issue_id: int, comment_id: int, mail_id: int, now: datetime) -> Happened:
    """An agent's answer, an outgoing mail, did not get where it should; the comment is the note that says so. Only of
    answers, never of what a machine wrote: else the mail about one that came back could come back (RFC 3834 s3.3).
    """
    return Happened(issue_id, Happening.UNDELIVERED, now, comment_id, before=str(mail_id), by_staff=True)


def due(connection: Connection, now: datetime, count: int) -> list[int]:
    """At most `count` issues of which something is to be told now, by id, the longest due first."""
    first = func.min(_event.due_at)
    wanted = select(_event.issue_id).where(_pending, _event.due_at <= now).group_by(_event.issue_id)
    return list(connection.scalars(wanted.order_by(first, _event.issue_id).limit(count)))


def pending(connection: Connection, issue_id: int) -> tuple[Happened, ...]:
    """What is to be told of an issue, in order: also what is not due yet, so that it goes in one mail. Of more than
    `MAX_PENDING` the first ones.
    """
    return _happened(connection, _pending, _event.issue_id == issue_id)


def told_since(connection: Connection, issue_id: int, event_id: int) -> tuple[Happened, ...]:
    """What was told of an issue from that event on, as `pending`."""
    return _happened(connection, _event.issue_id == issue_id, _event.id >= event_id, _event.told_at.is_not(None))


def _happened(connection: Connection, *which: ColumnElement[bool] | TextClause) -> tuple[Happened, ...]:
    rows = connection.execute(select(_table).where(*which).order_by(_event.id).limit(MAX_PENDING))
    return tuple(
        Happened(
            row.issue_id,
            Happening(row.kind),
            row.created_at,
            row.comment_id,
            row.before,
            row.after,
            row.author_id,
            row.author_address,
            row.by_staff,
            tuple(row.copied),
            row.log_id,
            row.id,
        )
        for row in rows
    )


def hold(connection: Connection, ids: Sequence[int]) -> bool:
    """Keep others from telling these events until the transaction ends; False where one is told already."""
    still = connection.scalars(select(_event.id).where(_event.id.in_(ids), _pending).with_for_update())
    return len(still.all()) == len(ids)


def told(connection: Connection, ids: Sequence[int], said: str, now: datetime) -> None:
    """These events are told; `said` says to whom, and to whom not."""
    connection.execute(update(_table).where(_event.id.in_(ids)).values(told_at=now, note=said[:MAX_NOTE]))


def untold(connection: Connection, issue_id: int) -> dict[int | None, list[str]]:
    """By comment, who was not told of it and why: a line each."""
    found: dict[int | None, dict[str, None]] = defaultdict(dict)
    rows = select(_event.comment_id, _event.note).where(_event.issue_id == issue_id, _event.note != "")
    for comment_id, note in connection.execute(rows.order_by(_event.id)):
        reasons = (each for each in note.split("; ") if not each.startswith("to ") and not each.endswith(": did it"))
        found[comment_id].update(dict.fromkeys(reasons))
    return defaultdict(list, {comment_id: list(reasons) for comment_id, reasons in found.items()})


def postpone(connection: Connection, ids: Sequence[int], until: datetime, why: str) -> None:
    """Tell these events later."""
    connection.execute(update(_table).where(_event.id.in_(ids), _pending).values(due_at=until, note=why[:MAX_NOTE]))
