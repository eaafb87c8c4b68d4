"""What a reply by mail does to the issue that it belongs to."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from smtpintake.decide.policy.section import Section


class ClosedReply(StrEnum):
    """`comment` leaves the issue closed; `new` makes an issue that is linked to it."""

    REOPEN = "reopen"
    COMMENT = "comment"
    NEW = "new"
    REJECT = "reject"


class ClosedReplies(Section):
    """What a reply to a closed issue does. An agent's or manager's is always a comment."""

    reply: ClosedReply = ClosedReply.REOPEN
    """A reply to a closed issue is a comment, and `status_after_reply` says what more; a comment, and the issue stays
    closed; an issue of its own, linked to the closed one; or refused: `550 5.7.1 thread.closed`. What agents and
    managers write is a comment in any case, and so is an automatic answer.
    """
    within_days: Annotated[int, Field(ge=0, le=36500)] | None = None
    """How many days after it was closed `reply` is true; for ever where it isn't said."""
    later: ClosedReply = ClosedReply.NEW
    """What a reply does after that."""
