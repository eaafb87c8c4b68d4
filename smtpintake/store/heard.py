"""What an issue has heard: its stored and sent texts, to be compared with what a reply quotes.

Contract: takes an open connection; reads bodies, so it is asked only for a reply that quotes. At most `MAX_TEXTS` of a
kind are read, the newest, which hold the older ones where people quote; what is longer than `History` takes is cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select

from smtpintake.convert.history import MAX_HISTORY, History
from smtpintake.store.prepared import Prepared
from smtpintake.store.schema import Comment, Issue, OutboxMail

MAX_TEXTS: Final = 30

_issue, _comment, _outbox = Issue.__table__.c, Comment.__table__.c, OutboxMail.__table__.c


def _whole(body: ColumnElement[str], hidden: ColumnElement[str]) -> ColumnElement[str]:
    """One character more than a history holds tells it that there was more."""
    return func.substr(case((hidden == "", body), else_=hidden), 1, MAX_HISTORY + 1)


_COMMENTS: Final = Prepared(
    select(_comment.author_address, _whole(_comment.body_text, _comment.hidden_text))
    .where(_comment.issue_id == bindparam("issue"))
    .order_by(_comment.id.desc())
    .limit(MAX_TEXTS)
)
_SENT: Final = Prepared(
    select(func.substr(_outbox.text, 1, MAX_HISTORY + 1))
    .where(_outbox.issue_id == bindparam("issue"))
    .order_by(_outbox.id.desc())
    .limit(MAX_TEXTS)
)
_FIRST: Final = Prepared(
    select(_issue.reporter_address, _whole(_issue.body_text, _issue.hidden_text)).where(_issue.id == bindparam("issue"))
)


@dataclass(frozen=True, slots=True)
class Heard:
    """`by` has the folded address of who wrote each of the `received` texts, newest first; `sent` is what we sent."""

    received: tuple[tuple[str, str], ...]
    sent: tuple[str, ...]

    @property
    def history(self) -> History:
        return History.of([*(text for _, text in self.received[:1]), *self.sent, *self._older()])

    def after(self, received: Iterable[tuple[str, str]]) -> "Heard":
        """With what was `received` since, newest first."""
        return replace(self, received=(*received, *self.received))

    def of_sender(self, address: str) -> History:
        return History.of(text for by, text in self.received if by == address)

    def _older(self) -> Iterator[str]:
        return (text for _, text in self.received[1:])


def heard(connection: Connection, issue_id: int) -> Heard:
    """What the issue has heard so far."""
    received = [*_COMMENTS.rows(connection, issue=issue_id), *_FIRST.rows(connection, issue=issue_id)]
    sent = [text for (text,) in _SENT.rows(connection, issue=issue_id) if text]
    return Heard(tuple((address, text) for address, text in received), tuple(sent))
