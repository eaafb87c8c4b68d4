"""An installation of smtpintake without its sockets: real recorder, notifier and database, the simulation's clock."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from smtpintake.auth.results import AuthResult, AuthVerdict, DmarcResult, RequestedPolicy
from smtpintake.compose.budget import DEFAULT_BUDGET, Budget
from smtpintake.decide.analysis import Analysis
from smtpintake.decide.policy import DEFAULT_SEPARATORS, read_document
from smtpintake.intake.analysis import drawn
from smtpintake.intake.answer import Answerer
from smtpintake.intake.record import Recorder
from smtpintake.intake.submission import Raw, Submission
from smtpintake.mail.ids import new_id
from smtpintake.mail.parse import read
from smtpintake.outbox.letters import Writer
from smtpintake.outbox.notifier import Notifier
from smtpintake.store.configure import apply
from smtpintake.store.database import Database
from smtpintake.store.schema import OutboxMail
from smtpintake.store.snapshot import Snapshots
from smtpintake.store.types import Table
from smtpintake.wiring import load_templates
from tests import make
from tests.decide.verdicts import verdict
from tests.robots.post import Letter

_outbox = OutboxMail.__table__.c
_SENT = (_outbox.id, _outbox.mail_from, _outbox.rcpt_to, _outbox.octets)


class Installation:
    """The inbox `support@` of `domain`, with the settings that an inbox has by itself, but for taking anybody's mail.
    `agents` work there, and are told of what comes.
    """

    latency = (timedelta(seconds=1), timedelta(seconds=20))

    def __init__(
        self, domain: str, agents: Sequence[str], clock: Callable[[], datetime], budget: Budget = DEFAULT_BUDGET
    ) -> None:
        self.domain = domain
        self.address = f"support@{domain}"
        self.database = Database("sqlite://")
        Table.metadata.create_all(self.database.engine)
        self._configure(agents)
        secret, templates, snapshots = domain.encode().ljust(32), load_templates(), Snapshots(self.database)
        self._recorder = Recorder(snapshots, Answerer(secret, templates, budget), f"mx.{domain}", clock)
        self._notifier = Notifier(self.database, snapshots, Writer(templates, secret, budget), clock)
        self._last_sent = 0

    def close(self) -> None:
        self.database.close()

    def _configure(self, agents: Sequence[str]) -> None:
        # One key for all: what one of them calls SUP-1, the other has as well.
        inbox = {"name": "support", "addresses": [self.address], "project": "SUP", "unknown_senders": "create"}
        people = [{"name": address, "addresses": [address], "roles": {"SUP": "agent"}} for address in agents]
        policy = {"project": [{"key": "SUP", "name": "Support"}], "inbox": [inbox], "person": people}
        with self.database.writing() as session:
            apply(session, read_document(policy), "test", prune=False, now=make.NOW)

    def receive(self, letter: Letter, now: datetime) -> list[Letter]:
        with self.database.write() as connection:
            self._recorder.record(connection, [_submission(letter, now)])
        return self.idle(letter.chain)

    def idle(self, chain: int) -> list[Letter]:
        """What is due by now: letters of this chain, as far as anybody can tell."""
        self._notifier.tell_due()
        with self.database.engine.connect() as connection:
            sent = connection.execute(select(*_SENT).where(_outbox.id > self._last_sent).order_by(_outbox.id)).all()
        if sent:
            self._last_sent = sent[-1].id
        return [Letter(row.mail_from, row.rcpt_to, row.octets, chain) for row in sent]


def _submission(letter: Letter, now: datetime) -> Submission:
    message = read(letter.octets)
    author = message.author
    proved = _proved(author.mailbox.folded_domain) if author else verdict()
    draft = None if message.refusal else drawn(letter.octets, message, DEFAULT_SEPARATORS)
    transaction = new_id(now)
    envelope = make.envelope(
        letter.rcpt_to, mail_from=letter.mail_from or None, transaction_id=transaction, received_at=now
    )
    raw = Raw(len(letter.octets), message.sha256, letter.octets)
    return Submission(envelope, raw, Analysis(message, draft, proved), None, 0.0)


def _proved(domain: str) -> AuthVerdict:
    dmarc = DmarcResult(AuthResult.PASS, domain, domain, domain, RequestedPolicy("reject"), aligned_spf=domain)
    return AuthVerdict(verdict().spf, verdict().helo, (), dmarc, verdict().arc)
