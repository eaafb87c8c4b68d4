"""Logged mail as it was judged: its log rows, what was known of it then, and where its octets are.

Contract: reads only. A text of `past_facts` that this version cannot read is `Judged.fault`, in words. `envelope_of`
gives the envelope that the mail came in, but for the client's port.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from smtpintake.decide.pastfacts import PastFacts, read_past
from smtpintake.mail.address import NULL_PATH, Mailbox, ReversePath
from smtpintake.mail.envelope import Envelope, Hello, Peer, Relay, ToldBy
from smtpintake.store.schema import Issue, LogRow, RawMail
from smtpintake.store.schema import PastFacts as PastFactsRow

_log, _past, _raw, _issue = LogRow.__table__.c, PastFactsRow.__table__.c, RawMail.__table__.c, Issue.__table__.c
_ROW: Final = (
    _log.transaction_id,
    _log.id,
    _log.received_at,
    _log.listener,
    _log.peer_ip,
    _log.helo,
    _log.tls,
    _log.relay,
    _log.mail_from,
    _log.rcpt_to,
    _log.author,
    _log.subject,
    _log.outcome,
    _log.reason,
    _log.inbox,
    _issue.key,
    _log.raw_id,
    _log.policy_version,
)


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A log row of a mail that was judged. `relay` is `{ip, told_by}` or empty; `issue` a key."""

    transaction_id: str
    log_id: str
    received_at: datetime
    listener: str
    peer_ip: str
    helo: str
    tls: str | None
    relay: dict[str, str]
    mail_from: str | None
    rcpt_to: str | None
    author: str | None
    subject: str | None
    outcome: str
    reason: str
    inbox: str | None
    issue: str | None
    raw_id: str | None
    policy_version: int


@dataclass(frozen=True, slots=True)
class Octets:
    """Where a kept mail's octets are: here, or in the blob of this name."""

    size: int
    sha256: str
    octets: bytes | None
    blob: str | None


@dataclass(frozen=True, slots=True)
class JudgedMail:
    """One transaction. `rows` has one for each recipient of DATA, none for those that were refused at RCPT. `facts` is
    None where they cannot be read: `fault` says why. `kept` is None where the octets were not kept.
    """

    transaction_id: str
    rows: tuple[JudgedRow, ...]
    facts: PastFacts | None
    fault: str
    kept: Octets | None


def judged_since(connection: Connection, since: datetime, inbox: str | None = None) -> list[str]:
    """The transactions of every mail that was judged since then, in the order of receipt; only those that came to
    `inbox` where one is given.
    """
    statement = (
        select(_log.transaction_id)
        .join_from(LogRow.__table__, PastFactsRow.__table__, _log.transaction_id == _past.transaction_id)
        .where(_log.received_at >= since)
        .group_by(_log.transaction_id)
        .order_by(func.min(_log.received_at), _log.transaction_id)
    )
    if inbox is not None:
        statement = statement.where(_log.inbox == inbox)
    return list(connection.execute(statement).scalars())


def judged_mails(connection: Connection, transactions: Collection[str]) -> list[JudgedMail]:
    """These transactions, in the order in which they are given; those that were never judged are left out."""
    texts = _texts(connection, transactions)
    rows: dict[str, list[JudgedRow]] = defaultdict(list)
    statement = select(*_ROW).join_from(LogRow.__table__, Issue.__table__, _log.issue_id == _issue.id, isouter=True)
    wanted = statement.where(_log.transaction_id.in_(texts)).order_by(_log.id)
    for values in connection.execute(wanted):
        row = JudgedRow(*tuple(values))
        rows[row.transaction_id].append(row)
    kept = _octets(connection, {row.raw_id for of_one in rows.values() for row in of_one if row.raw_id})
    return [
        _judged(transaction, rows[transaction], texts[transaction], kept)
        for transaction in transactions
        if transaction in texts
    ]


def envelope_of(row: JudgedRow | LogRow, facts: PastFacts) -> Envelope:
    """The envelope of the mail that `row` is about. Raises AddressError where an address of it is none."""
    return Envelope(
        transaction_id=row.transaction_id,
        received_at=row.received_at,
        listener=row.listener,
        peer=Peer(row.peer_ip),
        hello=Hello(row.helo),
        tls=row.tls,
        mail_from=ReversePath(Mailbox.parse(row.mail_from)) if row.mail_from else NULL_PATH,
        rcpt_to=tuple(map(Mailbox.parse, facts.rcpt_to)),
        smtputf8=facts.smtputf8,
        relay=Relay(row.relay["ip"], ToldBy(row.relay["told_by"])) if row.relay else None,
        login=facts.login,
        lmtp=facts.lmtp,
        listings=facts.listings,
    )


def _texts(connection: Connection, transactions: Collection[str]) -> dict[str, str]:
    found = connection.execute(select(_past.transaction_id, _past.facts).where(_past.transaction_id.in_(transactions)))
    return {row.transaction_id: row.facts for row in found}


def _octets(connection: Connection, ids: Collection[str]) -> dict[str, Octets]:
    found = connection.execute(select(_raw.id, _raw.size, _raw.sha256, _raw.octets, _raw.blob).where(_raw.id.in_(ids)))
    octets = {raw_id: Octets(*of_one) for raw_id, *of_one in found}
    return {raw_id: one for raw_id, one in octets.items() if one.octets is not None or one.blob is not None}


def _judged(transaction: str, rows: list[JudgedRow], text: str, kept: dict[str, Octets]) -> JudgedMail:
    facts, fault = None, ""
    try:
        facts = read_past(text)
        # An address that is none is a fault of the row: say so once, here.
        envelope_of(rows[0], facts)
    except (ValueError, KeyError) as error:
        facts, fault = None, " ".join(str(error).split())
    # The first row of a recipient is what was judged; a mail that was held may have another, of its release.
    first = {row.rcpt_to: row for row in reversed(rows) if facts is None or row.rcpt_to in facts.rcpt_to}
    raw_id = next((row.raw_id for row in rows if row.raw_id), "")
    return JudgedMail(transaction, tuple(reversed(first.values())), facts, fault, kept.get(raw_id))
