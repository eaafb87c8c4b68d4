"""What goes to the writer: a `Submission` (a mail, read and stored as far as it can be without a transaction), or a
`Refusal`.

Contract: values only. A submission has an `analysis`, or a `failure` that says why no analyser could make one.
"""

from dataclasses import dataclass
from datetime import datetime

from smtpintake.decide.analysis import Analysis
from smtpintake.decide.facts import Finding
from smtpintake.mail.envelope import Envelope, Hello, Login, Peer, Relay
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS, Reply
from smtpintake.store.greylist import Triplet


@dataclass(frozen=True, slots=True)
class Raw:
    """The octets: `octets` while small, otherwise the name of a blob that is on disk already. `sha256` is hex, of
    the whole.
    """

    size: int
    sha256: str
    octets: bytes | None = None
    blob: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The mail could not be read: it is deferred, its octets are kept for whoever looks into it."""

    reason: Reason
    finding: Finding


@dataclass(frozen=True, slots=True)
class Release:
    """A held mail that is on its way again. `held` are the ids of its log rows, `finding` says who let it go.

    `waived` is the check that held it, and is overruled; without it the mail must pass by itself.
    """

    held: tuple[str, ...]
    finding: Finding
    waived: str = ""
    as_new: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """`started` is a reading of the monotonic clock in seconds, when the octets were complete. With `release` the raw
    mail is kept already.
    """

    envelope: Envelope
    raw: Raw
    analysis: Analysis | None
    failure: Failure | None
    started: float
    release: Release | None = None

    @property
    def transaction_id(self) -> str:
        return self.envelope.transaction_id


@dataclass(frozen=True, slots=True)
class Refusal:
    """An attempt that was refused before, or instead of, a message: at the connection, MAIL, RCPT, or within DATA.

    `hello`, `mail_from` and `rcpt_to` are what was said until then; `size` is in octets; `detail` is for the trace.
    `subject` is what the reply names besides, a name from the settings; `greylisted` is to be remembered.
    """

    reason: Reason
    transaction_id: str
    received_at: datetime
    listener: str
    peer: Peer
    hello: Hello | None
    tls: str | None
    mail_from: str | None
    rcpt_to: str | None
    size: int | None
    detail: str
    subject: str = ""
    greylisted: Triplet | None = None
    relay: Relay | None = None
    login: Login | None = None

    @property
    def reply(self) -> Reply:
        """What the client is told, but for the log row."""
        reply = REFUSALS[self.reason]
        return reply.about(self.subject) if self.subject else reply
