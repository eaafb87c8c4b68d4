"""Tables: issues, their comments, attachments, participants, links, and the keys by which a reply finds its issue.

Contract: issues are numbered within their project without gaps (`project.last_number`). `body_text` is what the author
wrote for this mail, `hidden_text` the whole text where that is more, and `quoted` what is known of the quotation in it:
`convert.draft.Quoted`; `blocked_images` is how many images `body_html` would have fetched from elsewhere. An attachment
is a view of the raw mail, never a copy.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import JSON
from sqlmodel import Field, UniqueConstraint

from smtpintake.store.types import Table, UtcDateTime, given_only

# What `ThreadKey.kind` says.
MESSAGE_ID: Final = "message-id"
REPLY_KEY: Final = "reply-key"
INTERNAL_ID: Final = "internal-id"
INTERNAL_KEY: Final = "internal-key"


class Issue(Table, table=True):
    """`key` is `SUP-12`; `type` and `status` are names, so that an issue outlives a change of the configuration. So
    does `closed_at`, which is None while the issue is open. `sent_at` is when its text was written, as the author's
    Date field claims; order goes by `created_at`, which is ours.
    """

    __tablename__ = "issue"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        given_only("ix_issue_assignee_id", "assignee_id"),
        given_only("ix_issue_organisation_id", "organisation_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    number: int
    key: str = Field(unique=True)
    inbox_id: int | None = Field(default=None, foreign_key="inbox.id")
    type: str
    title: str
    status: str = "open"
    priority: str = "normal"
    assignee_id: int | None = Field(default=None, foreign_key="person.id")
    reporter_id: int | None = Field(default=None, foreign_key="person.id", index=True)
    reporter_address: str
    reporter_name: str = ""
    organisation_id: int | None = Field(default=None, foreign_key="organisation.id")
    language: str = "en"
    tags: list[str] = Field(default_factory=list, sa_type=JSON)
    fields: dict[str, object] = Field(default_factory=dict, sa_type=JSON)
    body_text: str
    body_html: str | None = None
    hidden_text: str = ""
    quoted: str = ""
    blocked_images: int = 0
    proof: str = "none"
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime, index=True)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    log_id: str | None = Field(default=None)


class Comment(Table, table=True):
    __tablename__ = "comment"

    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = Field(foreign_key="issue.id", index=True)
    author_id: int | None = Field(default=None, foreign_key="person.id")
    author_address: str
    author_name: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    body_text: str
    body_html: str | None = None
    hidden_text: str = ""
    quoted: str = ""
    blocked_images: int = 0
    internal: bool = False
    proof: str = "none"
    log_id: str | None = Field(default=None)


class Attachment(Table, table=True):
    """`raw_mail[offset : offset + length]`, in its transfer `encoding`, which may be several steps
    (`mail/transfer.py`); `size` and `sha256` are of the decoded octets. `name` is safe to save under, `original_name`
    is what the sender wrote; `content_type` is what the sender says it is, `detected_type` what to take it for.
    """

    __tablename__ = "attachment"

    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = Field(foreign_key="issue.id", index=True)
    comment_id: int | None = Field(default=None, foreign_key="comment.id")
    raw_id: str = Field(foreign_key="raw_mail.id")
    name: str
    original_name: str
    content_type: str
    detected_type: str
    offset: int
    length: int
    encoding: str
    size: int
    sha256: str
    inline: bool = False
    content_id: str = ""


class ThreadKey(Table, table=True):
    """One way by which a later mail finds the issue.

    `kind` is `message-id` (of a received or a sent mail, or one that References named) or `reply-key` (the subaddress
    of a keyed reply address, which `owner`, a folded address, was given). A Message-ID may belong to several issues:
    one mail to two inboxes. Those of a mail that told of something internal are `internal-id` and `internal-key`.
    """

    __tablename__ = "thread_key"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - it is looked up in this order and in no other

    value: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    issue_id: int = Field(primary_key=True, foreign_key="issue.id")
    owner: str | None = None


class Participant(Table, table=True):
    """Somebody who takes part in an issue. `address` is folded; `role` is `reporter`, `cc`, `author` or `watcher`. Who
    left it, at `left_at`, hears of it no more, and may still write.
    """

    __tablename__ = "participant"
    __table_args__ = (UniqueConstraint("issue_id", "address"),)

    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = Field(foreign_key="issue.id")
    address: str
    name: str = ""
    role: str = "reporter"
    person_id: int | None = Field(default=None, foreign_key="person.id")
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class IssueLink(Table, table=True):
    """`kind` is `mentions`, `follows` or `same-mail`; written once, read from both sides."""

    __tablename__ = "issue_link"
    __table_args__ = (UniqueConstraint("issue_id", "other_id", "kind"),)

    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = Field(foreign_key="issue.id")
    other_id: int = Field(foreign_key="issue.id", index=True)
    kind: str
