"""Retention: what is old goes: held mail that nobody asked for, log rows, what was told of issues, raw mail that
nothing needs, and the octets of our own.

Contract: in small transactions, so that mail is taken meanwhile; ending in the middle harms nothing, and doing it twice
neither. Held mail that waits is never forgotten: it expires first, with a row that says so. Raw mail that holds an
issue's attachments stays as long as they do. What became of a mail of ours stays with its issue, whatever its octets;
what waits to be sent stays whole. A row goes before its blob, and a blob that is on its way out is marked:
whatever dies in between, no row names a missing blob and no blob is left behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, exists, func, select, text, update

from smtpintake.mail.ids import first_id
from smtpintake.mail.reason import Reason
from smtpintake.store import addresses, arrears
from smtpintake.store.blobs import Blobs
from smtpintake.store.database import Database
from smtpintake.store.held import NotHeldError, discard, find_held
from smtpintake.store.periods import Periods
from smtpintake.store.schema import Arrears, Attachment, Event, LogRow, OutboxMail, PastFacts, RawMail, Trace
from smtpintake.store.schema.maillog import WAITING

BATCH: Final = 200

_log, _trace, _past, _raw = LogRow.__table__, Trace.__table__, PastFacts.__table__, RawMail.__table__
_attachment: Final = Attachment.__table__
_event: Final = Event.__table__
_arrears: Final = Arrears.__table__
_outbox: Final = OutboxMail.__table__
_waits: Final = text(WAITING)
_is_done: Final = text(f"NOT ({WAITING})")
_is_owed: Final = exists().where(_arrears.c.issue_id == _event.c.issue_id, _arrears.c.event_id <= _event.c.id)
_is_settled: Final = _outbox.c.next_attempt_at.is_(None)
_unattached: Final = ~exists().where(_attachment.c.raw_id == _raw.c.id)
_unlogged: Final = ~exists().where(_log.c.raw_id == _raw.c.id)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many held mails expired, how many log rows and raw mails went, and of how many mails of ours the octets."""

    expired: int = 0
    rows: int = 0
    raws: int = 0
    sent: int = 0


def purge(database: Database, blobs: Blobs, periods: Periods, now: datetime) -> Purged:
    """Everything whose time has come."""
    expired = _expire(database, now - periods.held, now, periods.held)
    with database.write() as connection:
        addresses.forget(connection, now)
        arrears.forget(connection, now)
    rows = raws = 0
    if periods.log is not None:
        rows, raws = _forget_rows(database, blobs, now - periods.log)
        _forget_events(database, now - periods.log)
        _forget_mails(database, now - periods.log)
    if periods.raw is not None:
        raws += _forget_raw(database, blobs, now - periods.raw)
    sent = _forget_octets(database, now - periods.outbox) if periods.outbox is not None else 0
    return Purged(expired, rows, raws, sent)


def _expire(database: Database, before: datetime, now: datetime, period: timedelta) -> int:
    """Discard what has waited too long, each mail in a transaction of its own."""
    old = select(_log.c.id).where(_waits, _log.c.received_at < before).order_by(_log.c.id)
    with database.engine.connect() as connection:
        ids = list(connection.scalars(old))
    expired = 0
    for log_id in ids:
        with database.session() as session:
            try:
                held = find_held(session, log_id)
            except NotHeldError:
                continue  # settled by now, or together with another of its rows
        with database.write() as connection:
            note = f"nobody asked for it within {period.days} days"
            expired += discard(connection, held, Reason.HELD_EXPIRED, note, now) is not None
    return expired


def _forget_rows(database: Database, blobs: Blobs, before: datetime) -> tuple[int, int]:
    """Delete log rows from before that moment, with their traces, and the raw mail that no other row names."""
    rows = raws = 0
    while True:
        with database.write() as connection:
            found = connection.execute(
                select(_log.c.id, _log.c.transaction_id, _log.c.raw_id)
                .where(_log.c.received_at < before, _is_done)
                .order_by(_log.c.received_at)
                .limit(BATCH)
            ).all()
            _delete_rows(connection, [row.id for row in found], sorted({row.transaction_id for row in found}))
        rows += len(found)
        raws += _delete_raw(database, blobs, sorted({row.raw_id for row in found if row.raw_id is not None}))
        if len(found) < BATCH:
            return rows, raws


def _forget_events(database: Database, before: datetime) -> None:
    """Delete what happened before that moment and was told, and that nobody is still to hear of."""
    # Ids sort by time, near enough; there is no index by created_at, and none is worth it.
    last = 0
    while True:
        with database.write() as connection:
            some = select(_event.c.id, _event.c.created_at, _event.c.told_at).where(_event.c.id > last)
            found = connection.execute(some.order_by(_event.c.id).limit(BATCH)).all()
            old = [row for row in found if row.created_at < before]
            told = [row.id for row in old if row.told_at is not None]
            connection.execute(delete(_event).where(_event.c.id.in_(told), ~_is_owed))
        if len(old) < BATCH:
            return
        last = found[-1].id


def _forget_mails(database: Database, before: datetime) -> None:
    """Delete mails of ours from before that moment that belong to no issue: digests, what was sent on, answers to held
    mail.
    """
    old = select(_outbox.c.id).where(_outbox.c.issue_id.is_(None), _outbox.c.created_at < before, _is_settled)
    while True:
        with database.write() as connection:
            ids = list(connection.scalars(old.limit(BATCH)))
            connection.execute(delete(_outbox).where(_outbox.c.id.in_(ids)))
        if len(ids) < BATCH:
            return


def _forget_octets(database: Database, before: datetime) -> int:
    """Delete the octets of mails of ours from before that moment."""
    with database.engine.connect() as connection:
        ids = _with_octets(connection, _first_since(connection, before))
    # The oldest first: what is left over where we end in the middle is found again from the newest on.
    for start in range(0, len(ids), BATCH):
        with database.write() as connection:
            some = _outbox.c.id.in_(ids[start : start + BATCH])
            connection.execute(update(_outbox).where(some, _is_settled).values(octets=b""))
    return len(ids)


def _with_octets(connection: Connection, below: int) -> list[int]:
    """Settled mails with octets, in order: read from the newest on, as far as there are any."""
    found: list[int] = []
    while True:
        rows = connection.execute(
            select(_outbox.c.id, func.length(_outbox.c.octets) > 0, _is_settled)
            .where(_outbox.c.id < below)
            .order_by(_outbox.c.id.desc())
            .limit(BATCH)
        ).all()
        found += [mail_id for mail_id, has_octets, settled in rows if has_octets and settled]
        if not any(has_octets for _, has_octets, _ in rows):
            return found[::-1]
        below = rows[-1].id


def _first_since(connection: Connection, moment: datetime) -> int:
    """The id of the first mail of ours since then: ids sort by time, near enough, and no index by time is worth it."""
    low, high = 1, (connection.scalar(select(func.max(_outbox.c.id))) or 0) + 1
    while low < high:
        middle = (low + high) // 2
        next_one = select(_outbox.c.id, _outbox.c.created_at).where(_outbox.c.id >= middle).order_by(_outbox.c.id)
        row = connection.execute(next_one.limit(1)).first()
        if row is not None and row.created_at < moment:
            low = row.id + 1
        else:
            high = middle
    return low


def _delete_rows(connection: Connection, ids: Sequence[str], transactions: Sequence[str]) -> None:
    connection.execute(delete(_trace).where(_trace.c.log_id.in_(ids)))
    connection.execute(delete(_log).where(_log.c.id.in_(ids)))
    still_told = exists().where(_log.c.transaction_id == _past.c.transaction_id)
    connection.execute(delete(_past).where(_past.c.transaction_id.in_(transactions), ~still_told))


def _forget_raw(database: Database, blobs: Blobs, before: datetime) -> int:
    """Delete raw mail from before that moment that neither an attachment nor held mail needs; its log rows stay."""
    # Ids sort by time; there is no index by received_at, and none is worth it.
    held = exists().where(_log.c.raw_id == _raw.c.id, _log.c.outcome == "held", _log.c.released_by.is_(None))
    old = _raw.c.id < first_id(before)
    last, deleted = "", 0
    while True:
        with database.write() as connection:
            some = select(_raw.c.id).where(old, _raw.c.id > last, _unattached, ~held).order_by(_raw.c.id).limit(BATCH)
            ids = list(connection.scalars(some))
            connection.execute(update(_log).where(_log.c.raw_id.in_(ids)).values(raw_id=None))
        deleted += _delete_raw(database, blobs, ids)
        if len(ids) < BATCH:
            return deleted
        last = ids[-1]


def _delete_raw(database: Database, blobs: Blobs, ids: Sequence[str]) -> int:
    """Delete those of the raw mails that nothing names any more, then their blobs."""
    if not ids:
        return 0
    leaving: list[str] = []
    try:
        with database.write() as connection:
            found = connection.execute(
                select(_raw.c.id, _raw.c.blob).where(_raw.c.id.in_(ids), _unattached, _unlogged)
            ).all()
            for row in found:
                if row.blob is not None:
                    leaving.append(row.blob)
                    blobs.unsettle(row.blob)
            connection.execute(delete(_raw).where(_raw.c.id.in_([row.id for row in found])))
    except BaseException:
        for name in leaving:
            blobs.settle(name)  # a row names it still
        raise
    for name in leaving:
        blobs.delete(name)
    return len(found)
