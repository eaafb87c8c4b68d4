"""`Submission`: a mail on its way to the writer, read and stored as far as it can be without a transaction.

Contract: values only. Either `analysis` is there, or `failure` says why an analyser could not make one.
"""

from dataclasses import dataclass

from smtpintake.decide.facts import Analysis, Finding
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.reason import Reason


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
class Submission:
    """`started` is a reading of the monotonic clock in seconds, when the octets were complete."""

    envelope: Envelope
    raw: Raw
    analysis: Analysis | None
    failure: Failure | None
    started: float

    @property
    def transaction_id(self) -> str:
        return self.envelope.transaction_id
