"""`[[inbox]]`: where mail comes in, from whom it is taken, and what it becomes."""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import ByteSize, Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from smtpintake.decide.fields import (
    SENDER,
    Address,
    Creator,
    Domain,
    InboxAddress,
    OptionalAddress,
    OptionalLanguage,
    Priority,
    SenderPattern,
    Tag,
)
from smtpintake.decide.policy.attachments import Attachments
from smtpintake.decide.policy.mapping import FieldMapping
from smtpintake.decide.policy.officehours import OfficeHours
from smtpintake.decide.policy.project import REOPEN
from smtpintake.decide.policy.proof import Proof
from smtpintake.decide.policy.replying import ClosedReplies
from smtpintake.decide.policy.scanning import Scanning
from smtpintake.decide.policy.section import Section

DEFAULT_SEPARATORS: Final = (
    "-- reply above this line --",
    "-- bitte oberhalb dieser Zeile antworten --",
    "-- répondez au-dessus de cette ligne --",
    "-- responda por encima de esta línea --",
    "-- responda acima desta linha --",
    "-- rispondi sopra questa riga --",
    "-- odpowiedz powyżej tej linii --",
    "-- antwoord boven deze regel --",
    "-- この線より上に返信してください --",
)


class UnknownSenders(StrEnum):
    REJECT = "reject"
    HOLD = "hold"
    CREATE = "create"
    IMPORT = "import"


class Unentitled(StrEnum):
    CREATE = "create"
    HOLD = "hold"


class Unmatched(StrEnum):
    CREATE = "create"
    REJECT = "reject"
    HOLD = "hold"
    DISCARD = "discard"


class Require(StrEnum):
    """What mail must bring as proof; `decide.authenticity` says when it is there."""

    NONE = "none"
    SPF = "spf"
    DKIM = "dkim"
    ALIGNED = "aligned"
    DMARC = "dmarc"


class OnFail(StrEnum):
    """What becomes of mail without the proof that is required."""

    MARK = "mark"
    HOLD = "hold"
    REJECT = "reject"


class Forwards(StrEnum):
    """Whose a mail is that an agent passes on; `decide.forwards` says where that counts."""

    AUTHOR = "author"
    AS_IS = "as-is"


class Defaults(Section):
    """Values of an issue's fields where nothing in the mail says otherwise."""

    priority: Priority = "normal"
    """The priority of a new issue."""
    tags: tuple[Tag, ...] = ()
    """The tags of a new issue."""
    status: str = ""
    """The status of a new issue; the project's first where it isn't said."""
    assignee: Address | None = None
    """An address of the person who is to work on it."""
    organisation: str = ""
    """The name of the organisation of an issue whose author has none."""
    participants: tuple[Address, ...] = ()
    """Who takes part in each new issue, besides author and copied."""
    title: Annotated[str, Field(max_length=300)] = ""
    """The title of an issue whose mail has no subject."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Values of the project's own fields, by name."""


class AutoReply(Section):
    """What a sender hears when their mail became an issue (RFC 3834)."""

    enabled: bool = True
    """Whether the author hears that an issue was made."""
    first_only: bool = True
    """Only a mail that makes an issue is answered, and none that refers to an issue to which its author may not write.
    Otherwise comments are as well, but for those of agents.
    """
    to_cc: bool = False
    """Whether those in To and Cc get the same answer where a mail makes an issue that they take part in: registered
    customers only, ten at most. Agents are told by `project.notify`.
    """
    least_proof: Proof | None = None
    """How well the author must be proved, where it isn't as `[rights]` says: an answer to a forged From goes to a
    stranger.
    """
    office_hours: OfficeHours = OfficeHours()
    """When somebody is there, and what an answer says when nobody is."""


class AllowedDomain(Section):
    """A domain of authors, or `*.example.org`; it counts for authors with at least this `proof`. Written as a mere text
    where any will do.
    """

    domain: Domain
    """`example.org`, or `*.example.org` for the subdomains without the domain itself."""
    proof: Proof = Proof.FAILED
    """The entry counts only for authors who are proved that well; others get `550 5.7.26 sender.unproved`."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"domain": value} if isinstance(value, str) else value

    @field_validator("proof")
    @classmethod
    def _is_known_in_time(cls, proof: Proof) -> Proof:
        if proof is Proof.KEY:
            raise ValueError("a reply key proves a reply, which this list is not asked for; allowed are none, aligned")
        return proof

    @model_serializer(mode="wrap")
    def _as_written(self, table: SerializerFunctionWrapHandler) -> object:
        return self.domain if self.proof is Proof.FAILED else table(self)

    def __str__(self) -> str:
        return self.domain


class SenderMapping(Section):
    """For whom a sender counts who writes from elsewhere."""

    sender: InboxAddress
    """An author's address, or `@example.org` for a domain with its subdomains. The first entry that fits counts."""
    person: Address | None = None
    """An address of the person who becomes the reporter. They are not thereby who wrote: the author gets no right of
    theirs, and takes part as themselves.
    """
    organisation: str = ""
    """The name of the issue's organisation."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.person is None and not self.organisation:
            raise ValueError("give a person, an organisation, or both")
        return self


class Inbox(Section):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """How the log and the commands call it: lower case, digits, `-` and `_`."""
    addresses: Annotated[tuple[InboxAddress, ...], Field(min_length=1)]
    """Envelope recipients that lead here, with any subaddress (`support+printer@…`); `@example.org` takes whatever no
    other inbox of that domain takes.
    """
    project: str = ""
    """Where new issues go; the project that says `default = true` where it isn't said."""
    issue_type: str = ""
    """What new issues are; the project's first type where it isn't said."""
    active: bool = True
    """An inactive inbox refuses at RCPT: `550 5.2.1 rcpt.inactive`."""
    language: OptionalLanguage = ""
    """Of new issues, and of what we write about them. Where it isn't said: the author's; or what their mail's header
    tells (`Accept-Language`, `Content-Language`, a prefix such as `AW:`); or English.
    """
    unknown_senders: UnknownSenders = UnknownSenders.REJECT
    """An author who is not registered (came only by mail, if at all) is refused, `550 5.7.1 sender.unknown`; kept for
    an operator; added as a person; or taken for the person that `import_as` names.
    """
    unknown_least_proof: Literal[Proof.FAILED, Proof.NONE, Proof.ALIGNED] = Proof.FAILED
    """How well such an author must be proved to be created or imported; others get `550 5.7.26 sender.unproved`."""
    unknown_role: Literal["customer", "member"] = "customer"
    """The role in the inbox's project of a person that a mail created."""
    import_as: Address | None = None
    """With `unknown_senders = "import"`: an address of the person who reports what unregistered authors write."""
    unentitled: Unentitled = Unentitled.CREATE
    """A mail that leads to an issue to which its author may not write becomes an issue of its own, which mentions the
    other; or is kept for an operator.
    """
    unmatched: Unmatched = Unmatched.CREATE
    """What becomes of a mail that belongs to no existing issue."""
    allowed_domains: tuple[AllowedDomain, ...] = ()
    """Other domains of the author get `550 5.7.1 sender.domain`; where there are none, any domain will do. A mere text
    stands for an entry that asks for no proof.
    """
    denied_senders: tuple[SenderPattern, ...] = ()
    """Patterns: `550 5.7.1 sender.denied`."""
    denied_domains: tuple[Domain, ...] = ()
    """Domains of the author, or `*.example.org` for the subdomains: `550 5.7.1 sender.domain`, whatever
    `allowed_domains` says.
    """
    max_size: Annotated[ByteSize, Field(ge=1024)] | None = None
    """The largest mail for this inbox, such as `"5 MiB"`: larger ones get `552 5.3.4 rcpt.size`, at RCPT where the
    client declares the size. The server's own limit is a setting.
    """
    ignored_senders: tuple[SenderPattern, ...] = ()
    """Patterns: accepted and set aside; logged and kept, no issue, no answer."""
    require: Require = Require.ALIGNED
    """Proof that mail must bring."""
    on_fail: OnFail = OnFail.MARK
    """Mail without it is taken, and the trace says so; kept for an operator; or refused."""
    obey_dmarc: bool = True
    """Mail that fails DMARC is refused where the author's domain publishes `p=reject` (`550 5.7.26 auth.dmarc`), held
    where `p=quarantine`.
    """
    trusted_sealers: tuple[Domain, ...] = ()
    """Forwarders and mailing lists whose ARC seal is believed: what they saw pass counts, though they broke it.
    `*.example.org` means the subdomains.
    """
    scan: Scanning = Scanning()
    """What becomes of a mail by the word of the scanners that `[scanner]` of the settings names."""
    forward_unprocessed_to: OptionalAddress = ""
    """Whom mail is forwarded to that is held, discarded, or rejected by a rule: attached as it came. No inbox of ours
    itself.
    """
    separators: tuple[Annotated[str, Field(min_length=8, max_length=200)], ...] = DEFAULT_SEPARATORS
    """Lines of 8 to 200 characters: what stands below one in a reply is the quoted mail. The first one heads our own
    mail. Nine languages are built in.
    """
    defaults: Defaults = Defaults()
    """Fields of a new issue."""
    creator: Creator = SENDER
    """The reporter of new issues: `sender`, or an address of a fixed person. Whoever wrote then takes part, and is
    answered.
    """
    map_senders: tuple[SenderMapping, ...] = ()
    """For whom senders count who write from elsewhere. Not where proof is `failed`."""
    map_organisation: bool = True
    """Whether an issue belongs to the organisation that has the author's domain, where neither `map_senders` nor the
    person says otherwise. Not where proof is `failed`.
    """
    save_attachments: bool = True
    """Whether an issue or comment has the mail's attachments. The mail itself is kept whole, with them."""
    attachments: Attachments = Attachments()
    """Which attachments are taken."""
    sender_participates: bool = True
    """Whether the author takes part in the issue, and so may write to it again without a reply key."""
    cc_participate: bool = True
    """Whether those in To and Cc of the mail that makes an issue take part in it."""
    forwards: Forwards = Forwards.AUTHOR
    """Whose an issue is that an agent (proved) makes by forwarding a mail, inline or as the one attached mail: `author`
    is the one of the mail inside, who is then its reporter, with that mail's subject, date and text; what the agent
    wrote becomes an internal comment, and nobody is answered. `as-is` makes it the agent's. Rules see the agent's mail.
    """
    status_after_reply: str = REOPEN
    """What a customer's reply does to the status: `reopen` gives a closed issue the project's first, `keep` changes
    nothing, a status of the project is set. Agents, managers and automatic answers change nothing.
    """
    closed: ClosedReplies = ClosedReplies()
    """What a reply to a closed issue does."""
    field_mapping: tuple[FieldMapping, ...] = ()
    """Which part of the mail fills which field of a new issue, in order; rules come after."""
    auto_reply: AutoReply = AutoReply()
    """What a sender hears when their mail became an issue."""
    subaddresses: bool = True
    """Whether mail to `support+anything@…` reaches us. Without it our mail has no reply address of its own for each
    recipient: replies are known by our Message-ID, and what comes back by what it names.
    """
    notify_created: bool = True
    """Whether `project.notify` counts for the mail that makes an issue; without it nobody hears of that separately."""

    @property
    def address(self) -> str:
        """The address that our own mail for this inbox is sent from: the first that is not a catch-all, or ''."""
        return next((address for address in self.addresses if not address.startswith("@")), "")
