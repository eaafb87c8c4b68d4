"""`Message`: what one mail says, read once from its octets (RFC 5322, RFC 2045).

Contract: values only, small enough to travel between processes. A message never carries the octets of its
attachments: an `Attachment` is a view (offset, length, transfer encoding) into the raw message, which is stored once
and stays the source of truth. What was odd about the mail is a `Defect`, never an exception.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from smtpintake.mail.address import Mailbox
from smtpintake.mail.reason import Reason
from smtpintake.mail.report import Report


class Origin(StrEnum):
    """Who speaks: a person, or a machine (RFC 3834, RFC 3464, RFC 2369)."""

    HUMAN = "human"
    LIST = "list"  # a person, through a mailing list
    AUTO_REPLY = "auto-reply"  # Auto-Submitted: auto-replied, and its older relatives: never start or reopen work
    AUTO_GENERATED = "auto-generated"  # a monitoring alert: starts work, is never answered
    BOUNCE = "bounce"  # a report of what became of a mail: of its delivery (RFC 3464), or a complaint (RFC 5965)


@dataclass(frozen=True, slots=True)
class Defect:
    """Something odd that was seen and got over: `what` is a stable token, `detail` is for the log."""

    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Author:
    """An addr-spec with its display name, decoded; the name is untrusted text."""

    mailbox: Mailbox
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A view of one part: `raw[offset:offset + length]`, still in its transfer `encoding`. What lies inside another
    part (a file in a text, a part of a signed mail, what winmail.dat holds) is a view of that part, and `encoding`
    names every step to it (`mail/transfer.py`): views may overlap, and nothing is stored twice.

    `size` and `sha256` (hex) are those of the decoded octets. `name` is what the sender wrote, decoded, and never a
    path to write to. `content_id` is without angle brackets, empty when there was none.
    """

    name: str
    content_type: str
    offset: int
    length: int
    encoding: str
    size: int
    sha256: str
    inline: bool = False
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A mail, read. Message-IDs are without angle brackets. `date` is the author's claim, aware UTC, or None.

    `authors` holds every address of every From field; policy wants exactly one. `from_fields` counts the fields.
    `header` holds (name, decoded value) in order. `text` and `html` are the chosen bodies, decoded, or None.
    `body_sha256` is over the content after the header section, in which each attachment stands as its own hash.
    `report` is what a mail of `Origin.BOUNCE` reports, as far as it can be read.
    `notes` are what the mail shows besides its own words, each a paragraph: an invitation, a signature that nobody has
    verified, content that only its recipient can read.
    `refusal` names a bound that the mail broke: the rest is then as complete as the header allowed.
    """

    message_id: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    from_fields: int
    authors: tuple[Author, ...]
    reply_to: tuple[Author, ...]
    to: tuple[Author, ...]
    cc: tuple[Author, ...]
    subject: str
    date: datetime | None
    origin: Origin
    loop_marks: tuple[str, ...]
    received_count: int
    header: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...]
    defects: tuple[Defect, ...]
    size: int
    sha256: str
    body_sha256: str
    refusal: Reason | None = None
    report: Report | None = None
    notes: tuple[str, ...] = ()

    @property
    def author(self) -> Author | None:
        """The one author, or None where there is none or more than one."""
        return self.authors[0] if self.from_fields == 1 and len(self.authors) == 1 else None

    @property
    def thread_ids(self) -> tuple[str, ...]:
        """Every Message-ID that this mail names as its ancestors, nearest first, without repetition."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))
