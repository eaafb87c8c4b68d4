"""Silences in the email log: a row where a budget for automatic mail is used up, and somebody hears no more of us.

Contract: a row for each silence, not for each mail that is kept back: what `logged` finds has its row. It is of no mail
that came, so it has no client, no reply, and a transaction of its own. `rcpt_to` says who is silenced: an address,
`@domain`, or `*`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select

from smtpintake.compose.budget import Silence
from smtpintake.decide.decision import Outcome
from smtpintake.mail.ids import new_id
from smtpintake.mail.reason import Reason
from smtpintake.store.prepared import Prepared, among, asked
from smtpintake.store.rows import Rows
from smtpintake.store.schema import LogRow, Trace
from smtpintake.store.types import UtcDateTime

CHECK: Final = "budget"

_log: Final = LogRow.__table__.c
_LOGGED: Final = Prepared(
    select(_log.reason, _log.rcpt_to, _log.issue_id).where(
        _log.outcome == Outcome.SILENT.value,
        _log.received_at > bindparam("since", type_=UtcDateTime()),
        among(_log.rcpt_to, "wanted"),
    )
)


def logged(connection: Connection, addresses: Collection[str], since: datetime) -> frozenset[str]:
    """The names of the silences since then that concern any of `addresses` (folded)."""
    domains = {f"@{address.rpartition('@')[2]}" for address in addresses}
    wanted = (*addresses, *domains, "*") if addresses else ()
    rows = asked(_LOGGED, connection, wanted, since=since)
    return frozenset(Silence(Reason(reason), of, "", issue_id).name for reason, of, issue_id in rows)


def log_silence(
    rows: Rows, silence: Silence, now: datetime, *, then: str = "", inbox: str | None = None, policy_version: int = 0
) -> None:
    """Add the row of a silence that begins. `then` says what happens instead, or how it ends."""
    log_id = new_id(now)
    row = LogRow(
        id=log_id,
        transaction_id=log_id,
        received_at=now,
        listener="",
        peer_ip="",
        helo="",
        rcpt_to=silence.of,
        outcome=Outcome.SILENT,
        reason=silence.reason,
        reply_code=0,
        reply_status="",
        reply_text="",
        inbox=inbox,
        issue_id=silence.issue_id,
        policy_version=policy_version,
    )
    rows.add(LogRow, **row.model_dump(exclude={"released_by"}))
    detail = f"{silence.said}; {then}" if then else silence.said
    rows.add(Trace, log_id=log_id, findings=[{"check": CHECK, "result": Outcome.SILENT, "detail": detail}])
