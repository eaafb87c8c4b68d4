"""The digester: tells operators once a day what came, what waits, and what did not get away.

Contract: a day is told of by one process, in one transaction with the mails that tell. It is due at a time of day, in a
time zone; where nobody ran then, as soon as somebody does, but no day before the last. What keeps it from being
composed is logged once a day, and tried again.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from smtpintake.compose.digest import Digest, compose_digest
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.render import FALLBACK_LANGUAGE, Templates
from smtpintake.decide.policy import Policy
from smtpintake.decide.routing import is_ours
from smtpintake.mail.address import Mailbox
from smtpintake.store.database import Database
from smtpintake.store.outbox import enqueue
from smtpintake.store.rows import Rows
from smtpintake.store.schema import Person, PersonAddress
from smtpintake.store.snapshot import Snapshots
from smtpintake.store.tally import is_taken, take_day, tally

POLL: Final = timedelta(seconds=30)

_DAY: Final = timedelta(days=1)
_person, _address = Person.__table__.c, PersonAddress.__table__.c

_log: Final = structlog.get_logger(__name__)


class UndeliverableError(LookupError):
    """There is no address that a digest could come from, or none that it could go to."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a digest is due: each day `at` this time of the `zone`."""

    at: time
    zone: ZoneInfo

    def day(self, now: datetime) -> date:
        """The last day on which it was due."""
        today = now.astimezone(self.zone).date()
        return today if self.moment(today) <= now else today - _DAY

    def moment(self, day: date) -> datetime:
        """When it is due on that day: where a clock is set forward over that time, as much later; where it is set back
        over it, the first time.
        """
        return datetime.combine(day, self.at, self.zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes digests `to` these folded addresses; `sender` is empty where that is the first inbox, `language` where it
    is each one's own.
    """

    to: tuple[str, ...]
    sender: str
    host: str
    schedule: Schedule
    templates: Templates
    secret: bytes
    language: str = ""

    def mails(self, connection: Connection, policy: Policy, now: datetime) -> tuple[Outgoing, ...]:
        """The last day's digest, a mail for each that is no inbox of ours. Raises UndeliverableError."""
        day, sender = self.schedule.day(now), digest_sender(policy, self.sender)
        counted = tally(connection, self.schedule.moment(day - _DAY), self.schedule.moment(day), now)
        recipients = [each for each in map(Mailbox.parse, self.to) if not is_ours(policy, each)]
        if not recipients:  # the day must not count as told
            raise UndeliverableError(f"an inbox is sent no digest: {', '.join(self.to)}")
        digests = (
            Digest(
                recipient=recipient,
                sender=sender,
                host=self.host,
                language=self.language or _language(connection, recipient),
                tally=counted,
                day=day.isoformat(),
                number=number,
                zone=self.schedule.zone,
                now=now,
            )
            for number, recipient in enumerate(recipients, 1)
        )
        return tuple(compose_digest(digest, self.templates, self.secret) for digest in digests)


def digest_sender(policy: Policy, given: str) -> Mailbox:
    """Where a digest comes from: as `given`, or the first inbox that has an address. Raises UndeliverableError."""
    several = (inbox.address for inbox in policy.document.inbox if inbox.active and inbox.address)
    if address := given or next(several, ""):
        return Mailbox.parse(address)
    raise UndeliverableError("no inbox has an address that a digest could come from: set from in [digest]")


def _language(connection: Connection, recipient: Mailbox) -> str:
    wanted = select(_person.language).join(PersonAddress.__table__, _address.person_id == _person.id)
    return connection.scalar(wanted.where(_address.address == recipient.folded)) or FALLBACK_LANGUAGE


class Digester:
    """Tells until it is told to `stop`."""

    def __init__(
        self,
        database: Database,
        snapshots: Snapshots,
        reporter: Reporter,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database: Final = database
        self._snapshots: Final = snapshots
        self._reporter: Final = reporter
        self._clock: Final = clock
        self._stopping: Final = asyncio.Event()
        self._complained = ""  # the day of which the journal has that it could not be told

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping.is_set():
            await asyncio.to_thread(self.look)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), POLL.total_seconds())

    def look(self) -> None:
        """As `tell_due`; whatever is wrong is in the journal."""
        day = self._reporter.schedule.day(self._clock()).isoformat()
        try:
            self.tell_due()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one day
            if self._complained != day:
                known = isinstance(error, DBAPIError | UndeliverableError)
                _log.error("the digest could not be composed", day=day, error=str(error), exc_info=not known)
            self._complained = day

    def tell_due(self) -> int:
        """Put the digest into the outbox where it is due: how many mails. Raises UndeliverableError."""
        now = self._clock()
        day = self._reporter.schedule.day(now).isoformat()
        with self._database.engine.connect() as connection:
            if is_taken(connection, day):
                return 0
            policy = self._snapshots.refresh(connection).policy
            mails = self._reporter.mails(connection, policy, now)
        with self._database.write() as connection:
            if not take_day(connection, day, now):
                return 0
            _rows(mails, now).insert(connection)
        for fault in {mail.fault for mail in mails} - {""}:
            _log.error("own templates cannot be used, mail was written with the built-in ones", fault=fault)
        return len(mails)


def _rows(mails: tuple[Outgoing, ...], now: datetime) -> Rows:
    rows = Rows()
    for mail in mails:
        enqueue(rows, mail, now, issue_id=None, comment_id=None, log_id=None)
    return rows
