"""`Facts`: all that `judge` may know about one mail for one inbox, gathered before it is asked.

Contract: values only. Who gathers them is `smtpintake.store`; a fact that is not here cannot influence a decision,
which is why the same mail can be judged again later under other rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from smtpintake.auth.results import AuthVerdict
from smtpintake.convert.commands import CommandBlock
from smtpintake.convert.file import File
from smtpintake.convert.forwarded import Forwarded
from smtpintake.decide.policy import Inbox, Proof, Role
from smtpintake.decide.proof import proof
from smtpintake.decide.routing import Route
from smtpintake.decide.scan import Scan
from smtpintake.decide.scores import Severity
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.message import Message
from smtpintake.mail.reason import Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the decision trace: what was checked, what came out, and the evidence (for the log, never for the
    wire).
    """

    check: str
    result: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """The person behind the author address, as the directory knows them. `roles` and `permissions` are by project key;
    a project that neither names is one of which nothing is said.

    `organisation` is the name of theirs, or an empty string; `language` is what we write to them in, or empty where
    nobody said.

    `registered` is False for somebody who only ever came by mail: an inbox that takes mail from anybody must not open
    the door of one that does not.
    """

    person_id: int
    name: str
    roles: dict[str, Role]
    organisation_id: int | None = None
    organisation: str = ""
    active: bool = True
    registered: bool = True
    permissions: dict[str, frozenset[str]] = field(default_factory=dict)
    language: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """What the directory says of those whom the policy may name: `people` by folded address, `organisations` by name
    with their ids. `of_domain` is the organisation that has the author's domain, or empty; `of_original` the one that
    has the domain of whoever wrote the mail that this one passes on, who is among `people` as well.
    """

    people: Mapping[str, Sender] = field(default_factory=dict)
    organisations: Mapping[str, int] = field(default_factory=dict)
    of_domain: str = ""
    of_original: str = ""


NOBODY: Final = Directory()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An existing issue that the mail may belong to, and how it was found: `evidence` is the key, Message-ID or
    token. `closed_at` is None while it is open. `key_owner` is the folded address that the key, or our own mail with
    that Message-ID, was sent to; `internal` is True where that mail told of something internal. `original_participates`
    is about the author of the mail that this one passes on. `author_left`: they wanted to hear of it no more.
    """

    how: Reason
    evidence: str
    issue_id: int
    issue_key: str
    project_key: str
    author_participates: bool
    key_owner: str | None = None
    closed_at: datetime | None = None
    issue_type: str = ""
    original_participates: bool = False
    status: str = ""
    assignee_id: int | None = None
    internal: bool = False
    author_left: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """This very delivery, committed before (RFC 1047): the row that says so and what it became."""

    log_id: str
    outcome: str
    issue_id: int | None
    issue_key: str | None
    comment_id: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an issue is. `assignee` is a folded address with the person's id, or empty and 0."""

    status: str
    priority: str
    issue_type: str
    assignee: str
    assignee_id: int
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail of ours that a report is about, by its id in the outbox. `rcpt_to` is folded; `bounced` is the worst that
    was reported of it before. `by_key` is True where the report came to the mail's own bounce key, and False where it
    names its Message-ID. `heard_since`: its recipient has written in the issue since. `answer`: an agent wrote it.
    """

    id: int
    rcpt_to: str
    sent_at: datetime
    issue_id: int | None
    issue_key: str | None
    bounced: Severity | None = None
    by_key: bool = False
    heard_since: bool = False
    answer: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """`recipients` are those of the envelope that lead to `inbox`; `route` is the first's. `delivery_key` names the
    delivery.

    `candidates` are in the order of `how`: reply key, Message-IDs nearest first, subject tokens in order.

    `proof` follows from the others: how well the author is proved by the mail alone. A reply key can raise it
    (`decide.threading`).

    `shared` is what the same mail became in an inbox that shares its issues with this one.

    `commands` are those at the top of the mail, whoever may give them; only for them are there `assignees`, people whom
    they may name by folded address, and the `standing` of the candidates by issue id.

    `returned` is True where the mail carries the loop mark of this installation: we sent it ourselves.

    `stopped` says why no mail is to be sent to the author, and is empty where it may.

    `sent` is the mail of ours that this one reports on.

    `text` is what the author wrote for this mail, without the mail that they quoted; `files` are its attachments,
    with those of `forwarded`, the mail that this one passes on, whatever the word of the forwarder is worth.

    `waived` is set for a held mail that an operator releases: the name of the check that held it, whose ruling no
    longer counts; with `as_new` it becomes an issue of its own, whatever it belongs to.
    """

    envelope: Envelope
    message: Message
    recipients: tuple[Mailbox, ...]
    route: Route
    inbox: Inbox
    sender: Sender | None
    candidates: tuple[Candidate, ...]
    earlier: Earlier | None
    delivery_key: str
    auth: AuthVerdict
    returned: bool
    now: datetime
    scans: tuple[Scan, ...] = ()
    shared: Earlier | None = None
    text: str = ""
    files: tuple[File, ...] = ()
    waived: str = ""
    as_new: bool = False
    commands: CommandBlock | None = None
    assignees: Mapping[str, Sender] = field(default_factory=dict)
    standing: Mapping[int, Standing] = field(default_factory=dict)
    directory: Directory = NOBODY
    forwarded: Forwarded | None = None
    sent: SentMail | None = None
    stopped: str = ""
    proof: Proof = field(init=False)

    def __post_init__(self) -> None:
        author = self.message.author
        proved = proof(self.auth, self.inbox, self.envelope, author.mailbox if author else None)
        object.__setattr__(self, "proof", proved)
