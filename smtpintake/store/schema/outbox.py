"""Tables: mail that waits to be sent, was sent, or could not be, written in the transaction that caused it; the days of
which operators had a digest; and the addresses from which mail came back.

Contract: `state` is one of `store.outbox.State`. A row with a `next_attempt_at` is due then, unless `lease_until` is in
the future, when `worker` is sending it; nothing more is done for one without. The octets and the Message-ID never
change, so a resend is recognisable as one; retention empties the octets of what is settled.
"""

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field

from smtpintake.store.types import Table, UtcDateTime, given_only


class OutboxMail(Table, table=True):
    """`mail_from` is the reverse-path, empty for the null one, and `domain` the recipient's; `note` says what the last
    attempt came to, or why none was made. `bounce_key` is the subaddress of its reverse-path, which no other mail has;
    `text` its plain text, known where a reply quotes it. `automatic` is False where a person wrote it. `failed_at` is
    when it was given up.

    `bounced` is the worst that a proved report said of it since (`soft`, `hard`, `complaint`), `bounce` what it said.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        given_only("ix_outbox_next_attempt_at", "next_attempt_at"),
        Index("ix_outbox_rcpt_to_created_at", "rcpt_to", "created_at"),
        Index("ix_outbox_kind_created_at_domain", "kind", "created_at", "domain"),
        given_only("ix_outbox_bounce_key", "bounce_key", unique=True),
        given_only("ix_outbox_failed_at", "failed_at"),
        given_only("ix_outbox_bounced_at", "bounced_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    issue_id: int | None = Field(default=None, foreign_key="issue.id", index=True)
    comment_id: int | None = Field(default=None, foreign_key="comment.id")
    log_id: str | None = None
    mail_from: str
    rcpt_to: str
    domain: str
    subject: str
    message_id: str = Field(unique=True)
    octets: bytes = Field(sa_type=LargeBinary)
    text: str = ""
    automatic: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(default="queued", index=True)
    attempts: int = 0
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    worker: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note: str = ""
    bounce_key: str | None = None
    bounced: str | None = None
    bounced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    bounce: str = ""


class DigestDay(Table, table=True):
    """A day that operators were told of, `2026-03-01`: written with the mails that tell, by one process."""

    __tablename__ = "digest_day"

    day: str = Field(primary_key=True)
    composed_at: datetime = Field(sa_type=UtcDateTime)


class AddressScore(Table, table=True):
    """How bad it looks for mail to `address`, folded: `score` at the moment `scored_at`, from when on it halves and
    halves again (`decide.reports`). `last` is what the latest report said, `reports` how many there were.
    """

    __tablename__ = "address_score"

    address: str = Field(primary_key=True)
    score: float
    scored_at: datetime = Field(sa_type=UtcDateTime)
    reports: int = 1
    last: str = ""
