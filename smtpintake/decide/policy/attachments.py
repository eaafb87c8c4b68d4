"""`[inbox.attachments]`: which attachments an inbox takes."""

from enum import StrEnum
from typing import Annotated

from pydantic import ByteSize, Field

from smtpintake.decide.fields import AttachmentKind
from smtpintake.decide.policy.section import Section


class OnUnwanted(StrEnum):
    """What becomes of a mail with an attachment that the inbox does not take. `drop` takes it without."""

    REJECT = "reject"
    HOLD = "hold"
    DROP = "drop"


class Attachments(Section):
    """A kind is a media type (`application/pdf`, `image/*`) or the end of a name (`.exe`). Types are what the octets
    show; a name is only the sender's word.
    """

    denied: tuple[AttachmentKind, ...] = ()
    """Kinds that are not taken, by what the octets show and by what the sender says: either is enough."""
    allowed: tuple[AttachmentKind, ...] = ()
    """The kinds that are taken, where there are any: each attachment must be of one, by its octets or the end of its
    name. `denied` counts first.
    """
    max_count: Annotated[int, Field(ge=0, le=1000)] | None = None
    """How many attachments are taken."""
    max_size: Annotated[ByteSize, Field(ge=1)] | None = None
    """The largest attachment that is taken, such as `"5 MiB"`, decoded."""
    on_unwanted: OnUnwanted = OnUnwanted.REJECT
    """What becomes of a mail with others: refused, `550 5.7.1 attachment.unwanted`; kept for an operator; or taken
    without them, which the trace names. The mail itself is kept whole.
    """
