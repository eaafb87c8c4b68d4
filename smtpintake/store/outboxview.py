"""Mail of our own, to be looked at: what waits, what was sent, what failed or came back, and from which addresses.

Contract: reads only; takes an open session. A list never reads a mail's octets.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Row, Select, select
from sqlmodel import Session, col

from smtpintake.store.addresses import scored
from smtpintake.store.outbox import State
from smtpintake.store.schema import Issue, OutboxMail
from smtpintake.store.views import AddressView, OutboxView, moment

_ROWS: Final[Select[*tuple[object, ...]]] = select(
    *(
        col(OutboxMail.id),
        col(OutboxMail.kind),
        col(OutboxMail.state),
        col(OutboxMail.mail_from),
        col(OutboxMail.rcpt_to),
        col(OutboxMail.subject),
        col(OutboxMail.message_id),
        col(Issue.key).label("issue"),
        col(OutboxMail.log_id),
        col(OutboxMail.created_at),
        col(OutboxMail.attempts),
        col(OutboxMail.next_attempt_at),
        col(OutboxMail.sent_at),
        col(OutboxMail.note),
        col(OutboxMail.bounced),
        col(OutboxMail.bounced_at),
        col(OutboxMail.bounce),
    )
).join_from(OutboxMail, Issue, col(OutboxMail.issue_id) == col(Issue.id), isouter=True)


def outbox_list(
    session: Session,
    *,
    state: State | None = None,
    issue: str | None = None,
    recipient: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
) -> list[OutboxView]:
    """The newest mails first; `recipient` is part of an address, `since` and `until` when they were written."""
    wanted = _ROWS
    if state is not None:
        wanted = wanted.where(col(OutboxMail.state) == state)
    if issue is not None:
        wanted = wanted.where(col(Issue.key) == issue.upper())
    if recipient is not None:
        wanted = wanted.where(col(OutboxMail.rcpt_to).icontains(recipient, autoescape=True))
    if since is not None:
        wanted = wanted.where(col(OutboxMail.created_at) >= since)
    if until is not None:
        wanted = wanted.where(col(OutboxMail.created_at) < until)
    return [_view(row) for row in session.execute(wanted.order_by(col(OutboxMail.id).desc()).limit(limit))]


def outbox_view(session: Session, mail_id: int) -> OutboxView | None:
    row = session.execute(_ROWS.where(col(OutboxMail.id) == mail_id)).first()
    return _view(row) if row is not None else None


def outbox_octets(session: Session, mail_id: int) -> bytes | None:
    """The mail as it is sent, every time the same."""
    return session.scalar(select(col(OutboxMail.octets)).where(col(OutboxMail.id) == mail_id))


def address_list(connection: Connection, now: datetime, *, limit: int = 50) -> list[AddressView]:
    """The addresses from which mail came back, the latest first, as they are at the moment `now`."""
    return [
        {
            "address": one.address,
            "stopped": one.score.stops(now),
            "score": round(one.score.value_at(now), 2),
            "reports": one.reports,
            "last_at": moment(one.score.at),
            "last": one.score.last,
        }
        for one in scored(connection, limit)
    ]


def _view(row: Row[*tuple[object, ...]]) -> OutboxView:
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "mail_from": row.mail_from,
        "rcpt_to": row.rcpt_to,
        "subject": row.subject,
        "message_id": row.message_id,
        "issue": row.issue,
        "log_id": row.log_id,
        "created_at": moment(row.created_at),
        "attempts": row.attempts,
        "next_attempt_at": moment(row.next_attempt_at) if row.next_attempt_at is not None else None,
        "sent_at": moment(row.sent_at) if row.sent_at is not None else None,
        "note": row.note,
        "bounced": row.bounced,
        "bounced_at": moment(row.bounced_at) if row.bounced_at is not None else None,
        "bounce": row.bounce,
    }
