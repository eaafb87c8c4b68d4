"""Tables: the email log, the decision trace, and the raw mail.

Contract: one log row a recipient outcome, and one for each refusal before DATA; the rows of a mail transaction share
`transaction_id`. `delivery_key` is set where the delivery was accepted, and unique: that is what makes a second
delivery of the same mail a duplicate instead of a second issue. The trace and the octets are in tables of their own, so
that listing the log reads neither.

`released_by` is set on the rows of a held mail once something became of it: the id of the row that says what.

`relay` is `{ip, told_by}`, empty without one. `dkim` is a list of `{domain, selector, result}`, `dmarc` is `{domain,
result, policy}`; empty where the mail was not read.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import JSON, Index, LargeBinary, text
from sqlmodel import Field

from smtpintake.store.types import Table, UtcDateTime, given_only

# The rows of held mail that waits: few, so they have an index of their own. Queries must say it in these words.
WAITING: Final = "outcome = 'held' AND released_by IS NULL"


class LogRow(Table, table=True):
    __tablename__ = "maillog"
    __table_args__ = (
        Index("ix_maillog_outcome_received_at", "outcome", "received_at"),
        Index("ix_maillog_waiting", "id", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
    )

    id: str = Field(primary_key=True)
    transaction_id: str = Field(index=True)
    received_at: datetime = Field(sa_type=UtcDateTime, index=True)
    listener: str
    peer_ip: str
    helo: str
    tls: str | None = None
    relay: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    login: str | None = None
    mail_from: str | None = None
    rcpt_to: str | None = None
    author: str | None = None
    subject: str | None = None
    message_id: str | None = None
    size: int | None = None
    spf: str | None = None
    dkim: list[dict[str, str]] = Field(default_factory=list, sa_type=JSON)
    dmarc: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    arc: str | None = None
    outcome: str
    reason: str
    reply_code: int
    reply_status: str
    reply_text: str
    inbox: str | None = None
    issue_id: int | None = Field(default=None, foreign_key="issue.id", index=True)
    comment_id: int | None = Field(default=None, foreign_key="comment.id")
    duplicate_of: str | None = None
    delivery_key: str | None = Field(default=None, unique=True)
    raw_id: str | None = Field(default=None, foreign_key="raw_mail.id", index=True)
    policy_version: int = 0
    duration_ms: int = 0
    released_by: str | None = None


class Trace(Table, table=True):
    """The findings that led to a row's outcome, in order: `[{check, result, detail}]`."""

    __tablename__ = "trace"

    log_id: str = Field(primary_key=True, foreign_key="maillog.id")
    findings: list[dict[str, str]] = Field(sa_type=JSON)


class PastFacts(Table, table=True):
    """What `judge` was told of a mail transaction that the raw mail does not say: JSON by `decide.pastfacts`."""

    __tablename__ = "past_facts"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - one tree to write to, not two

    transaction_id: str = Field(primary_key=True)
    facts: str


class RawMail(Table, table=True):
    """The octets as they came, dot-unstuffed: in `octets` when small, in the blob named `blob` when large. `id` is the
    transaction's. `auth_results` is the value of the Authentication-Results field that we would write (RFC 8601): the
    octets stay as they came. `unread` is the `sha256` again where no analyser could read the mail: it will be sent
    again, and is kept once.
    """

    __tablename__ = "raw_mail"
    __table_args__ = (
        given_only("ix_raw_mail_blob", "blob", unique=True),
        given_only("ix_raw_mail_unread", "unread"),
    )

    id: str = Field(primary_key=True)
    received_at: datetime = Field(sa_type=UtcDateTime)
    size: int
    sha256: str
    octets: bytes | None = Field(default=None, sa_type=LargeBinary)
    blob: str | None = None
    unread: str | None = None
    auth_results: str | None = None
