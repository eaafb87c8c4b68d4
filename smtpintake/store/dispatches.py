"""Where the mails about an issue are, for whoever looks at the issue.

Contract: reads only; takes an open session.
"""

from collections import defaultdict
from typing import Final

from sqlalchemy import Select, select
from sqlmodel import Session, col

from smtpintake.store.schema import OutboxMail
from smtpintake.store.views import DispatchView, moment

_DISPATCHES: Final[Select[*tuple[object, ...]]] = select(
    *(
        col(OutboxMail.id),
        col(OutboxMail.comment_id),
        col(OutboxMail.kind),
        col(OutboxMail.rcpt_to),
        col(OutboxMail.state),
        col(OutboxMail.note),
        col(OutboxMail.bounce),
        col(OutboxMail.sent_at),
    )
).order_by(col(OutboxMail.id))


def dispatches(session: Session, issue_id: int) -> dict[int | None, list[DispatchView]]:
    """The mails about an issue by the comment that they tell of; those that tell of none under None."""
    found: dict[int | None, list[DispatchView]] = defaultdict(list)
    for row in session.execute(_DISPATCHES.where(col(OutboxMail.issue_id) == issue_id)):
        found[row.comment_id].append(
            {
                "id": row.id,
                "kind": row.kind,
                "address": row.rcpt_to,
                "state": row.state,
                "note": row.bounce or row.note,
                "sent_at": moment(row.sent_at) if row.sent_at is not None else None,
            }
        )
    return found
