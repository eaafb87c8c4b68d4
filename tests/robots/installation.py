"""An installation of smtpintake without its sockets: the real recorder, a real database, the simulation's clock."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

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
    All that it is sent is recorded in one transaction: nobody else reads this database.
    """

    latency = (timedelta(seconds=1), timedelta(seconds=20))

    def __init__(
        self, folder: Path, domain: str, clock: Callable[[], datetime], budget: Budget = DEFAULT_BUDGET
    ) -> None:
        self.domain = domain
        self.address = f"support@{domain}"
        self.database = Database(f"sqlite:///{folder}/{domain}.db")
        Table.metadata.create_all(self.database.engine)
        self._configure()
        answerer = Answerer(domain.encode().ljust(32), load_templates(), budget)
        self._recorder = Recorder(Snapshots(self.database), answerer, f"mx.{domain}", clock)
        self._open = ExitStack()
        self.connection = self._open.enter_context(self.database.write())
        self._last_sent = 0

    def close(self) -> None:
        self._open.close()
        self.database.close()

    def _configure(self) -> None:
        # One key for all: what one of them calls SUP-1, the other has as well.
        inbox = {"name": "support", "addresses": [self.address], "project": "SUP", "unknown_senders": "create"}
        policy = {"project": [{"key": "SUP", "name": "Support"}], "inbox": [inbox]}
        with self.database.writing() as session:
            apply(session, read_document(policy), "test", prune=False, now=make.NOW)

    def receive(self, letter: Letter, now: datetime) -> list[Letter]:
        self._recorder.record(self.connection, [_submission(letter, now)])
        wanted = select(*_SENT).where(_outbox.id > self._last_sent).order_by(_outbox.id)
        sent = self.connection.execute(wanted).all()
        if sent:
            self._last_sent = sent[-1].id
        return [Letter(row.mail_from, row.rcpt_to, row.octets, letter.chain) for row in sent]


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
