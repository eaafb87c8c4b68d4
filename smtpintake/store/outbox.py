"""The outbox as a queue: claim with a lease, settle, give back, try again.

Contract: every function takes an open connection, those that change rows one in a writing transaction. A row that is
claimed belongs to `worker` until its lease ends, so several workers on one database never send the same mail at once; a
worker whose lease ran out changes nothing any more, since each write names it. Functions that write say what they
changed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Update, and_, bindparam, func, null, or_, select, update

from smtpintake.compose.outgoing import Outgoing
from smtpintake.store.database import allocate
from smtpintake.store.events import note, undelivered
from smtpintake.store.prepared import Prepared, among
from smtpintake.store.rows import Rows
from smtpintake.store.schema import Comment, Issue, OutboxMail, ThreadKey
from smtpintake.store.schema.tracker import INTERNAL_ID, INTERNAL_KEY, MESSAGE_ID, REPLY_KEY
from smtpintake.store.types import UtcDateTime

MAX_NOTE: Final = 500
SYSTEM: Final = "smtpintake"  # the author of what nobody wrote


class State(StrEnum):
    """Where a mail to one recipient is."""

    QUEUED = "queued"
    DEFERRED = "deferred"  # tried at least once in vain, and to be tried again
    SENT = "sent"  # the smarthost has it
    FAILED = "failed"  # refused for good, or given up
    BOUNCED = "bounced"  # sent, and reported as not delivered


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail to be sent now. `attempts` counts the ones before."""

    id: int
    mail_from: str
    rcpt_to: str
    domain: str
    subject: str
    issue_id: int | None
    created_at: datetime
    attempts: int
    automatic: bool = True


@dataclass(frozen=True, slots=True)
class Remark:
    """An internal note on an issue, by the system. `lost` is the outgoing mail whose author hears of it, if anybody."""

    issue_id: int
    text: str
    lost: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What an attempt came to: `state` after it, the note to keep, when to try again, and what the issue is told.
    `gone` is the recipient where there is no such mailbox.
    """

    id: int
    state: State
    note: str
    next_attempt_at: datetime | None = None
    remark: Remark | None = None
    gone: str = ""


_table: Final = OutboxMail.__table__
_outbox: Final = _table.c
_issue: Final = Issue.__table__.c
_moment: Final = UtcDateTime()
_now: Final = bindparam("now", type_=_moment)
_is_due: Final = and_(
    _outbox.next_attempt_at <= _now,
    or_(_outbox.lease_until.is_(None), _outbox.lease_until <= _now),
    _outbox.domain.not_in(bindparam("full", expanding=True)),
)
# PostgreSQL could run a plain subquery again for each row and claim more than the limit; MATERIALIZED runs it once.
_some_due: Final = (
    select(_outbox.id)
    .where(_is_due)
    .order_by(_outbox.next_attempt_at, _outbox.id)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
    .cte("due")
    .prefix_with("MATERIALIZED")
)
_CLAIM: Final = (
    update(_table)
    .where(_outbox.id.in_(select(_some_due.c.id)))
    .values(worker=bindparam("claimer"), lease_until=bindparam("until", type_=_moment))
    .returning(
        _outbox.id,
        _outbox.mail_from,
        _outbox.rcpt_to,
        _outbox.domain,
        _outbox.subject,
        _outbox.issue_id,
        _outbox.created_at,
        _outbox.attempts,
        _outbox.automatic,
    )
)
_IS_DUE: Final = select(_outbox.id).where(_is_due).limit(1)
_COUNTS: Final = select(_outbox.state, func.count()).group_by(_outbox.state)
_UNTOLD: Final = and_(_outbox.state == State.QUEUED, _outbox.note != bindparam("said"))
_IS_UNTOLD: Final = select(_outbox.id).where(_UNTOLD).limit(1)
_OCTETS: Final = Prepared(
    select(_outbox.octets).where(
        _outbox.id == bindparam("row"), _outbox.worker == bindparam("holder"), _outbox.lease_until > _now
    )
)


def _held_by_worker() -> Update:
    """An update of rows that the worker still holds: the fence."""
    return update(_table).where(_outbox.worker == bindparam("holder"))


_SETTLE: Final = Prepared(
    _held_by_worker()
    .where(_outbox.id == bindparam("row"))
    .values(
        state=bindparam("result"),
        note=bindparam("said"),
        attempts=_outbox.attempts + 1,
        next_attempt_at=bindparam("again", type_=_moment),
        sent_at=bindparam("sent", type_=_moment),
        failed_at=bindparam("failed", type_=_moment),
        worker=null(),
        lease_until=null(),
    )
    .returning(_outbox.id)
)
_RENEW: Final = (
    _held_by_worker().where(among(_outbox.id, "several")).values(lease_until=bindparam("until", type_=_moment))
)
_RELEASE: Final = _held_by_worker().where(among(_outbox.id, "several")).values(worker=None, lease_until=None)


def enqueue(
    rows: Rows, mail: Outgoing, now: datetime, *, issue_id: int | None, comment_id: int | None, log_id: str | None
) -> None:
    """Add `mail` to what a transaction writes; due at once."""
    rows.add(
        OutboxMail,
        kind=mail.kind,
        issue_id=issue_id,
        comment_id=comment_id,
        log_id=log_id,
        mail_from=mail.mail_from,
        rcpt_to=mail.rcpt_to,
        domain=mail.rcpt_to.rpartition("@")[2],
        subject=mail.subject,
        message_id=mail.message_id,
        octets=mail.octets,
        text=mail.text,
        automatic=mail.automatic,
        created_at=now,
        state=State.QUEUED,
        attempts=0,
        next_attempt_at=now,
        worker=None,
        lease_until=None,
        sent_at=None,
        failed_at=None,
        note="",
        bounce_key=mail.bounce_key,
        bounced=None,
        bounced_at=None,
        bounce="",
    )


def expect_replies(rows: Rows, mail: Outgoing, issue_id: int) -> None:
    """Let whoever `mail` is sent to find the issue by what only they are given: its Message-ID and its reply key."""
    kinds = (INTERNAL_ID, INTERNAL_KEY) if mail.internal else (MESSAGE_ID, REPLY_KEY)
    for kind, value in zip(kinds, (mail.message_id, mail.reply_key), strict=True):
        if value is not None:
            rows.add(ThreadKey, issue_id=issue_id, kind=kind, value=value, owner=mail.rcpt_to)


def add(connection: Connection, mail: Outgoing, now: datetime, log_id: str) -> int:
    """Queue a mail at once: its id. `log_id` is of the mail that it is about."""
    rows = Rows()
    enqueue(rows, mail, now, issue_id=None, comment_id=None, log_id=log_id)
    rows.insert(connection)
    return int(connection.execute(select(_outbox.id).where(_outbox.message_id == mail.message_id)).scalar_one())


def is_due(connection: Connection, now: datetime, full: Collection[str] = ()) -> bool:
    """True where `claim` would find something; a read, so that an idle worker never takes the writers' lock."""
    return connection.execute(_IS_DUE, {"now": now, "full": tuple(full)}).first() is not None


def claim(
    connection: Connection, worker: str, now: datetime, until: datetime, *, count: int, full: Collection[str] = ()
) -> list[Claimed]:
    """At most `count` due mails, oldest first, which are the worker's until the moment `until`. Those to domains that
    are `full` are left.
    """
    values = {"claimer": worker, "now": now, "until": until, "count": count, "full": tuple(full)}
    return sorted((Claimed(*row) for row in connection.execute(_CLAIM, values)), key=lambda mail: mail.id)


def octets(connection: Connection, worker: str, mail_id: int, now: datetime) -> bytes | None:
    """A claimed mail as it is to be sent; None where the worker holds it no longer, and must not send it."""
    rows = _OCTETS.rows(connection, holder=worker, row=mail_id, now=now)
    return rows[0][0] if rows else None


def settle(connection: Connection, worker: str, results: Sequence[Settled], now: datetime) -> list[Settled]:
    """Write what attempts came to, and the remarks on issues: what was written. Nothing is of mails that the worker
    holds no longer.
    """
    written = [each for each in results if _settle(connection, worker, each, now)]
    _remark(connection, [each.remark for each in written if each.remark is not None], now)
    return written


def _settle(connection: Connection, worker: str, result: Settled, now: datetime) -> bool:
    values = {
        "holder": worker,
        "row": result.id,
        "result": result.state,
        "said": result.note[:MAX_NOTE],
        "again": result.next_attempt_at,
        "sent": now if result.state is State.SENT else None,
        "failed": now if result.state is State.FAILED else None,
    }
    return bool(_SETTLE.rows(connection, **values))


def _remark(connection: Connection, remarks: Sequence[Remark], now: datetime) -> None:
    rows = Rows()
    for one, comment_id in zip(remarks, allocate(connection, Comment.__table__, len(remarks)), strict=True):
        comment = Comment(
            id=comment_id,
            issue_id=one.issue_id,
            author_address="",
            author_name=SYSTEM,
            created_at=now,
            body_text=one.text,
            internal=True,
        )
        rows.add(Comment, **comment.model_dump())
        if one.lost is not None:
            note(rows, undelivered(one.issue_id, comment_id, one.lost, now), None)
    rows.insert(connection)
    touched = {one.issue_id for one in remarks}
    if touched:
        connection.execute(update(Issue.__table__).where(_issue.id.in_(touched)).values(updated_at=now))


def renew(connection: Connection, worker: str, ids: Collection[int], until: datetime) -> int:
    """Hold on to these mails: how many the worker still held."""
    return connection.execute(_RENEW, {"holder": worker, "several": list(ids), "until": until}).rowcount


def release(connection: Connection, worker: str, ids: Collection[int]) -> int:
    """Give these mails back untried: how many the worker still held."""
    return connection.execute(_RELEASE, {"holder": worker, "several": list(ids)}).rowcount


def note_waiting(connection: Connection, note: str) -> int:
    """Say on every mail that was never tried why it waits."""
    return connection.execute(update(_table).where(_UNTOLD).values(note=note), {"said": note}).rowcount


def is_note_missing(connection: Connection, note: str) -> bool:
    """True where `note_waiting` would change something."""
    return connection.execute(_IS_UNTOLD, {"said": note}).first() is not None


def retry(connection: Connection, ids: Sequence[int], now: datetime) -> int:
    """Queue mails again that failed, came back or wait for a later attempt. What was sent is never sent again, and what
    retention took cannot be.
    """
    again = (
        update(_table)
        .where(_outbox.id.in_(ids), _outbox.state != State.SENT, _outbox.worker.is_(None))
        .where(func.length(_outbox.octets) > 0)
        .values(state=State.QUEUED, next_attempt_at=now)
    )
    return connection.execute(again).rowcount


def counts(connection: Connection) -> dict[State, int]:
    """How many mails there are in each state."""
    found = {State(state): count for state, count in connection.execute(_COUNTS)}
    return {state: found.get(state, 0) for state in State}
