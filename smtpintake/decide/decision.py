"""`Decision`: what is to become of a mail in one inbox. A closed union; `Judgement` adds why.

Contract: exactly one Decision a recipient. Create, comment, hold and discard answer 250 and are committed first; Reject
is 5yz and Defer 4yz, and neither makes an issue.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from smtpintake.convert.file import File
from smtpintake.decide.facts import Candidate, Earlier, Finding, SentMail
from smtpintake.decide.issuefields import IssueFields
from smtpintake.decide.orders import NO_ORDERS, Orders
from smtpintake.decide.policy import Proof
from smtpintake.decide.scores import Severity
from smtpintake.mail.message import Author
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import Reply


class Outcome(StrEnum):
    """What the log says happened. `SILENT` is of no mail that came: of those that we don't send."""

    CREATED = "created"
    COMMENTED = "commented"
    HELD = "held"
    DISCARDED = "discarded"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    DUPLICATE = "duplicate"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a mail an issue or a comment has, besides its text: the attachments, but for those `dropped`, and
    whether author and copied take part in the issue.
    """

    attachments: bool = True
    author: bool = True
    copied: bool = True
    dropped: frozenset[File] = frozenset()


WHOLE: Final = Extent()


@dataclass(frozen=True, slots=True)
class CreateIssue:
    """A new issue. `new_person` asks for the author to be added to the directory; `mentions` are issues to link, not to
    touch; `follows` is a closed one that the author answered. `orders` are what the mail's commands come to, which
    `fields` have already. `owner` is who wrote the mail that an agent passed on: the issue is theirs.
    """

    reason: Reason
    new_person: bool
    fields: IssueFields
    mentions: tuple[Candidate, ...] = ()
    orders: Orders = NO_ORDERS
    follows: Candidate | None = None
    extent: Extent = WHOLE
    owner: Author | None = None


@dataclass(frozen=True, slots=True)
class AddComment:
    """A comment on an existing issue. `proof` is how well its author is proved: the reply key raises it. `status` is
    what the issue gets for the mere reply, empty for as it is; `orders` are what the mail's commands come to.
    """

    reason: Reason
    candidate: Candidate
    proof: Proof
    new_person: bool = False
    status: str = ""
    orders: Orders = NO_ORDERS
    extent: Extent = WHOLE


@dataclass(frozen=True, slots=True)
class ShareIssue:
    """The new issue that the same mail makes in `inbox`, of `project`, or that it made before."""

    reason: Reason
    inbox: str
    project: str
    earlier: Earlier | None = None


@dataclass(frozen=True, slots=True)
class NoteReport:
    """A report on a mail that we sent: mail and address are marked, and its issue, if it has one, gets an internal note
    with what was `said`.
    """

    reason: Reason
    sent: SentMail
    severity: Severity
    said: str


@dataclass(frozen=True, slots=True)
class Hold:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Discard:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Reject:
    """`reply` is what a rule says instead of the catalogue."""

    reason: Reason
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Defer:
    """As `Reject`, for now."""

    reason: Reason
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """The delivery was committed before: the first result again, and nothing new (RFC 1047)."""

    reason: Reason
    earlier: Earlier


Decision = CreateIssue | AddComment | ShareIssue | NoteReport | Hold | Discard | Reject | Defer | Repeat


@dataclass(frozen=True, slots=True)
class Judgement:
    """`forward` are the addresses that rules send the mail on to; empty where it is not accepted."""

    decision: Decision
    findings: tuple[Finding, ...]
    forward: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """A check's finding that settles the mail; `before` is what was found on the way to it."""

    finding: Finding
    decision: Decision
    before: tuple[Finding, ...] = ()


def ruled(check: str, result: str, decision: Decision, detail: str = "") -> Ruling:
    return Ruling(Finding(check, result, detail), decision)
