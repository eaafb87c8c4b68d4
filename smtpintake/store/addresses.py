"""What reports say of mail that we sent, and of the addresses that it went to.

Contract: functions take an open connection; those that change rows one in a writing transaction. `sent_mails` finds by
what only we can have made, a Message-ID or a bounce key (`compose.replyaddress`): what is not in the outbox we never
sent. Nothing is asked for a mail that is no report.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from smtpintake.decide.delivery import Delivery
from smtpintake.decide.facts import SentMail
from smtpintake.decide.scores import HALVING, Score, Severity
from smtpintake.store.outbox import State
from smtpintake.store.prepared import Prepared, among, asked
from smtpintake.store.schema import AddressScore, Comment, Issue, OutboxMail
from smtpintake.store.types import UtcDateTime, stored_moment

MAX_SAID: Final = 500

_table, _scores = OutboxMail.__table__, AddressScore.__table__
_outbox, _score, _comment, _issue = _table.c, _scores.c, Comment.__table__.c, Issue.__table__.c

_heard_since: Final = exists().where(
    _comment.issue_id == _outbox.issue_id,
    _comment.author_address == _outbox.rcpt_to,
    _comment.created_at > _outbox.created_at,
    _comment.internal.is_(False),
)
_SENT: Final = (
    select(
        _outbox.message_id,
        _outbox.bounce_key,
        _outbox.id,
        _outbox.rcpt_to,
        _outbox.created_at,
        _outbox.bounced,
        _outbox.issue_id,
        _issue.key,
        _heard_since,
        _outbox.automatic,
    )
    .select_from(_table)
    .join(Issue.__table__, _outbox.issue_id == _issue.id, isouter=True)
)
_BY_MESSAGE_ID: Final = Prepared(_SENT.where(among(_outbox.message_id, "wanted")))
_BY_KEY: Final = Prepared(_SENT.where(among(_outbox.bounce_key, "wanted")))
_SCORES: Final = Prepared(
    select(_score.address, _score.score, _score.scored_at, _score.last).where(among(_score.address, "wanted"))
)
_MARK: Final = (
    update(_table)
    .where(_outbox.id == bindparam("mail"))
    .values(
        bounced=bindparam("severity"), bounced_at=bindparam("moment", type_=UtcDateTime()), bounce=bindparam("said")
    )
)
# It was sent, whatever became of our own attempt: it is not tried again.
_CAME_BACK: Final = (
    update(_table)
    .where(_outbox.id == bindparam("mail"))
    .values(state=State.BOUNCED, next_attempt_at=None, worker=None, lease_until=None)
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a proved report said of outgoing mail `mail_id` to `address`, when it came."""

    mail_id: int
    address: str
    severity: Severity
    said: str
    moment: datetime


@dataclass(frozen=True, slots=True)
class ScoredAddress:
    """`reports` counts them; `score` is from the last one on."""

    address: str
    score: Score
    reports: int


def sent_mails(connection: Connection, deliveries: Sequence[Delivery]) -> Iterator[SentMail | None]:
    """For each delivery the mail of ours that it reports on, if it does: the bounce key first, then what it names."""
    ids = {each for delivery in deliveries for each in _named(delivery)}
    keys = {key for delivery in deliveries if (key := _key(delivery))}
    by_id = {row[0]: row for row in asked(_BY_MESSAGE_ID, connection, ids)}
    by_key = {row[1]: row for row in asked(_BY_KEY, connection, keys)}
    for delivery in deliveries:
        key = _key(delivery)
        named = next((by_id[each] for each in _named(delivery) if each in by_id), None)
        if key in by_key:
            yield _sent(by_key[key], by_key=True)
        else:
            yield _sent(named, by_key=False) if named is not None else None


def _named(delivery: Delivery) -> tuple[str, ...]:
    report = delivery.analysis.message.report
    return report.message_ids if report is not None else ()


def _key(delivery: Delivery) -> str | None:
    """The subaddress of the recipient, where the mail may be a report."""
    is_report = delivery.analysis.message.report is not None or delivery.envelope.mail_from.is_null
    return delivery.route.reply_key if is_report else None


def _sent(row: Sequence[Any], *, by_key: bool) -> SentMail:
    _, _, mail_id, rcpt_to, created_at, bounced, issue_id, issue_key, heard, automatic = row
    moment = stored_moment(created_at)
    assert moment is not None
    worst = Severity(bounced) if bounced else None
    return SentMail(
        mail_id,
        rcpt_to,
        moment,
        issue_id,
        issue_key,
        worst,
        by_key=by_key,
        heard_since=bool(heard),
        answer=not automatic,
    )


def scores(connection: Connection, addresses: Iterable[str]) -> dict[str, Score]:
    """The score of each address (folded) of which something was reported."""
    found = {}
    for address, value, scored_at, last in asked(_SCORES, connection, addresses):
        moment = stored_moment(scored_at)
        assert moment is not None
        found[address] = Score(value, moment, last)
    return found


def stopped(connection: Connection, addresses: Iterable[str], now: datetime) -> dict[str, str]:
    """Those of the addresses that no more mail is to be sent to, each with why, for people."""
    return {
        address: f"mail to {address} is stopped: {score.last}"
        for address, score in scores(connection, addresses).items()
        if score.stops(now)
    }


def mark(connection: Connection, marks: Iterable[Mark]) -> None:
    """Write down what reports said: on the outgoing mail, and in the address's score."""
    for one in marks:
        said = one.said[:MAX_SAID]
        connection.execute(_MARK, {"mail": one.mail_id, "severity": one.severity, "moment": one.moment, "said": said})
        if one.severity is not Severity.COMPLAINT:
            connection.execute(_CAME_BACK, {"mail": one.mail_id})
        add_report(connection, one.address, one.severity, said, one.moment)


def add_report(connection: Connection, address: str, severity: Severity, said: str, now: datetime) -> None:
    """Add to the address's score."""
    before = connection.execute(
        select(_score.score, _score.scored_at, _score.reports).where(_score.address == address).with_for_update()
    ).first()
    score = Score(before.score, before.scored_at) if before else Score(0.0, now)
    after = score.after(severity, now, said[:MAX_SAID])
    _put(connection, address, after, before.reports + 1 if before else 1)


def _put(connection: Connection, address: str, score: Score, reports: int) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"score": score.value, "scored_at": score.at, "reports": reports, "last": score.last}
    connection.execute(
        insert(_scores).values(address=address, **values).on_conflict_do_update(index_elements=["address"], set_=values)
    )


def forgive(connection: Connection, addresses: Collection[str]) -> int:
    """Forget what was reported of these addresses (folded); how many of them there were."""
    return connection.execute(delete(_scores).where(_score.address.in_(addresses))).rowcount


def forget(connection: Connection, now: datetime) -> int:
    """Delete the scores of which nothing is left."""
    old = now - HALVING * 20
    return connection.execute(delete(_scores).where(_score.scored_at < old)).rowcount


def scored(connection: Connection, limit: int) -> list[ScoredAddress]:
    """The addresses from which mail came back, the latest first."""
    rows = connection.execute(select(_scores).order_by(_score.scored_at.desc(), _score.address).limit(limit))
    return [ScoredAddress(row.address, Score(row.score, row.scored_at, row.last), row.reports) for row in rows]
