"""What of the budgets for automatic mail is used up, counted in the outbox.

Contract: takes an open connection, inside the transaction that sends more. What is in the outbox counts, whatever
became of it: a robot's smarthost may be slow. One query for the addresses, and one each for domains and total where the
budget limits them; the index alone answers those. What the log says of silences is read only where there is one.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Connection

from smtpintake.compose import forward
from smtpintake.compose.autoreply import ANSWERS
from smtpintake.compose.budget import NOTHING_SPENT, Budget, Spent, is_exhausted
from smtpintake.store.prepared import Prepared, among, asked
from smtpintake.store.schema import OutboxMail
from smtpintake.store.silences import logged
from smtpintake.store.types import UtcDateTime, stored_moment

_outbox: Final = OutboxMail.__table__.c
_is_late: Final = _outbox.created_at > bindparam("since", type_=UtcDateTime())
_is_answer: Final = among(_outbox.kind, "kinds")
_TO_ADDRESSES: Final = Prepared(
    select(_outbox.rcpt_to, _outbox.kind, _outbox.issue_id, func.count(), func.max(_outbox.created_at))
    .where(among(_outbox.rcpt_to, "wanted"), _is_late, _outbox.automatic)
    .group_by(_outbox.rcpt_to, _outbox.kind, _outbox.issue_id)
)
_TO_DOMAINS: Final = Prepared(
    select(_outbox.domain, func.count())
    .where(_is_answer, _is_late, among(_outbox.domain, "wanted"))
    .group_by(_outbox.domain)
)
_IN_ALL: Final = Prepared(select(func.count()).where(_is_answer, _is_late))
_FORWARDED: Final = Prepared(
    select(_outbox.rcpt_to, func.count())
    .where(among(_outbox.rcpt_to, "wanted"), _is_late, _outbox.kind == forward.KIND)
    .group_by(_outbox.rcpt_to)
)


def spent_on(connection: Connection, addresses: Collection[str], budget: Budget, now: datetime) -> dict[str, Spent]:
    """What is used up of `budget` for each address (folded)."""
    if not addresses:
        return {}
    since, kinds = now - budget.window, list(ANSWERS)
    domains = {address: address.rpartition("@")[2] for address in addresses}
    to_domains: dict[str, int] = {}
    total = 0
    if budget.per_domain:
        to_domains = dict(asked(_TO_DOMAINS, connection, set(domains.values()), since=since, kinds=kinds))
    if budget.total:
        ((total,),) = _IN_ALL.rows(connection, since=since, kinds=kinds)
    found = {
        address: replace(NOTHING_SPENT, domain=to_domains.get(domain, 0), total=total)
        for address, domain in domains.items()
    }
    threads: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for address, kind, issue_id, count, last in asked(_TO_ADDRESSES, connection, addresses, since=since):
        if kind in ANSWERS:
            found[address] = _answered(found[address], count, stored_moment(last))
        if issue_id is not None:
            threads[address][issue_id] += count
    found = {address: replace(spent, threads=dict(threads.get(address, {}))) for address, spent in found.items()}
    exhausted = {address for address, spent in found.items() if is_exhausted(budget, spent)}
    silences = logged(connection, exhausted, since)
    return {
        address: replace(spent, logged=silences) if address in exhausted else spent for address, spent in found.items()
    }


def _answered(spent: Spent, count: int, last: datetime | None) -> Spent:
    latest = max(filter(None, (spent.last_answer, last)), default=None)
    return replace(spent, answers=spent.answers + count, last_answer=latest)


def forwarded(connection: Connection, addresses: Collection[str], since: datetime) -> dict[str, int]:
    """How many mails were sent on to each address (folded) since then; none where it is missing."""
    return dict(asked(_FORWARDED, connection, addresses, since=since))
