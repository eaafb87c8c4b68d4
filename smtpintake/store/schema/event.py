"""Tables: what happened to issues, of which people may be told by mail, and who hears of it later, in one mail.

Contract: a row is written in the transaction that made it happen, and costs that transaction nothing more. It is
pending until `told_at`, which the transaction sets that puts the mails about it into the outbox: each event is told
once, whoever dies when. `note` says then who is told, and who is not and why.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import JSON, Index, text
from sqlmodel import Field

from smtpintake.store.types import Table, UtcDateTime

# Events that are not told yet: few, so they have an index of their own. Queries must say it in these words.
PENDING: Final = "told_at IS NULL"


class Event(Table, table=True):
    """`kind` is `created`, `comment`, `status`, `assignment` or `undelivered`; `before` and `after` are a status, or a
    person's id, `before` of what was not delivered the outgoing mail's. Who did it is the person `author_id`, or
    whoever has the folded address `author_address`, or nobody who could be told. `by_staff` is True where they work on
    the issue and are proved. `copied` are folded addresses that had it already, as the mail itself went to them.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_due_at", "due_at", sqlite_where=text(PENDING), postgresql_where=text(PENDING)),
        Index("ix_event_issue_id", "issue_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = Field(foreign_key="issue.id")
    comment_id: int | None = Field(default=None, foreign_key="comment.id")
    kind: str
    before: str = ""
    after: str = ""
    author_id: int | None = Field(default=None, foreign_key="person.id")
    author_address: str = ""
    by_staff: bool = False
    copied: list[str] = Field(default_factory=list, sa_type=JSON)
    log_id: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    note: str = ""


class Arrears(Table, table=True):
    """Somebody who works on an issue of which so much was told that they hear the rest in one mail: what happened from
    the event `event_id` on, at `due_at`. Without an `event_id` nothing waits, and what happens before `due_at` will.
    `wait` is how many seconds lie between two such mails; after `due_at` a row without an event means nothing.
    """

    __tablename__ = "arrears"

    issue_id: int = Field(primary_key=True, foreign_key="issue.id")
    address: str = Field(primary_key=True)
    event_id: int | None = None
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    wait: int
