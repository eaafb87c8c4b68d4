"""The email log, to be looked at: what came, what became of it, and why; and the mail itself, as it came.

Contract: reads only; takes an open session. Lists go along an index, newest first. Octets are read only by `raw_mail`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, or_, select
from sqlmodel import Session, col

from smtpintake.mail.ids import LENGTH, is_id
from smtpintake.store.blobs import Blobs
from smtpintake.store.schema import Issue, LogRow, RawMail, Trace
from smtpintake.store.views import LogView, moment

# So many rows are enough to see that the beginning of an id names more than one.
_ENOUGH: Final = 2


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which rows: each that is given must hold. `sender` and `recipient` are parts of an address, `client` of an IP
    address or of what the client called itself. Received from `since` to just before `until`.
    """

    outcome: str | None = None
    reason: str | None = None
    inbox: str | None = None
    sender: str | None = None
    recipient: str | None = None
    issue: str | None = None
    transaction: str | None = None
    message_id: str | None = None
    client: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AmbiguousIdError(LookupError):
    """The beginning of an id names several rows."""


def log_list(session: Session, wanted: LogFilter, limit: int = 50) -> list[LogView]:
    """The newest rows that `wanted` describes, newest first, each with its trace."""
    rows = session.scalars(
        select(LogRow)
        .where(*conditions(wanted))
        .order_by(col(LogRow.received_at).desc(), col(LogRow.id).desc())
        .limit(limit)
    ).all()
    return log_views(session, list(rows))


def log_view(session: Session, log_id: str) -> LogView | None:
    """The row with this id, or the only one whose id begins like this. Raises AmbiguousIdError."""
    row = find_row(session, log_id)
    return log_views(session, [row])[0] if row is not None else None


def find_row(session: Session, log_id: str) -> LogRow | None:
    """See `log_view`."""
    log_id = log_id.lower()
    if not is_id(log_id):
        return None
    if len(log_id) == LENGTH:
        return session.get(LogRow, log_id)
    # A range instead of LIKE, which is a scan where the database's collation is not plain.
    after = log_id.ljust(LENGTH, "0"), log_id.ljust(LENGTH, "z")
    found = session.scalars(select(LogRow).where(col(LogRow.id).between(*after)).limit(_ENOUGH)).all()
    if len(found) == _ENOUGH:
        raise AmbiguousIdError(f"{log_id} is the beginning of several ids; give more of it")
    return found[0] if found else None


def raw_mail(session: Session, blobs: Blobs, raw_id: str) -> bytes | None:
    """The octets of a kept mail as they came. Raises FileNotFoundError where its blob is gone."""
    raw = session.get(RawMail, raw_id)
    if raw is None:
        return None
    return raw.octets if raw.blob is None else blobs.read(raw.blob, 0, raw.size)


def recorded_results(session: Session, raw_id: str) -> str | None:
    """The value of our Authentication-Results field for a kept mail; None where it was not verified."""
    raw = session.get(RawMail, raw_id)
    return raw.auth_results if raw is not None else None


def conditions(wanted: LogFilter) -> list[ColumnElement[bool]]:
    """What rows must fulfil to be among `wanted`."""
    exact = (
        (LogRow.outcome, wanted.outcome),
        (LogRow.reason, wanted.reason),
        (LogRow.inbox, wanted.inbox),
        (LogRow.transaction_id, wanted.transaction),
    )
    found = [col(column) == value for column, value in exact if value is not None]
    if wanted.sender is not None:
        found.append(or_(*(_contains(column, wanted.sender) for column in (LogRow.author, LogRow.mail_from))))
    if wanted.recipient is not None:
        found.append(_contains(LogRow.rcpt_to, wanted.recipient))
    if wanted.client is not None:
        found.append(or_(*(_contains(column, wanted.client) for column in (LogRow.peer_ip, LogRow.helo))))
    if wanted.message_id is not None:
        found.append(_contains(LogRow.message_id, wanted.message_id.strip("<> ")))
    if wanted.issue is not None:
        issue_id = select(col(Issue.id)).where(col(Issue.key) == wanted.issue.upper()).scalar_subquery()
        found.append(col(LogRow.issue_id) == issue_id)
    if wanted.since is not None:
        found.append(col(LogRow.received_at) >= wanted.since)
    if wanted.until is not None:
        found.append(col(LogRow.received_at) < wanted.until)
    return found


def _contains(column: str | None, part: str) -> ColumnElement[bool]:
    return col(column).icontains(part, autoescape=True)


def log_views(session: Session, rows: list[LogRow]) -> list[LogView]:
    ids = [row.id for row in rows]
    traces = {
        trace.log_id: trace.findings for trace in session.scalars(select(Trace).where(col(Trace.log_id).in_(ids)))
    }
    issue_ids = {row.issue_id for row in rows if row.issue_id is not None}
    named = session.execute(select(col(Issue.id), col(Issue.key)).where(col(Issue.id).in_(issue_ids)))
    keys = dict(tuple(row) for row in named)
    raw_ids = {row.raw_id for row in rows if row.raw_id is not None}
    kept = session.execute(select(col(RawMail.id), col(RawMail.auth_results)).where(col(RawMail.id).in_(raw_ids)))
    fields = dict(tuple(raw) for raw in kept)
    return [_view(row, traces.get(row.id, []), keys.get(row.issue_id), fields.get(row.raw_id)) for row in rows]


def _view(row: LogRow, trace: list[dict[str, str]], issue: str | None, auth_results: str | None) -> LogView:
    return {
        "id": row.id,
        "transaction_id": row.transaction_id,
        "received_at": moment(row.received_at),
        "listener": row.listener,
        "peer_ip": row.peer_ip,
        "helo": row.helo,
        "tls": row.tls,
        "relay": row.relay,
        "login": row.login,
        "mail_from": row.mail_from,
        "rcpt_to": row.rcpt_to,
        "author": row.author,
        "subject": row.subject,
        "message_id": row.message_id,
        "size": row.size,
        "spf": row.spf,
        "dkim": row.dkim,
        "dmarc": row.dmarc,
        "arc": row.arc,
        "outcome": row.outcome,
        "reason": row.reason,
        "reply": {"code": row.reply_code, "status": row.reply_status, "text": row.reply_text},
        "inbox": row.inbox,
        "issue": issue,
        "comment": row.comment_id,
        "duplicate_of": row.duplicate_of,
        "raw": row.raw_id,
        "auth_results": auth_results,
        "policy_version": row.policy_version,
        "trace": trace,
        "duration_ms": row.duration_ms,
        "released_by": row.released_by,
    }
