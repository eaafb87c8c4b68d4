"""`[[inbox]]`: where mail comes in, from whom it is taken, and what it becomes."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from smtpintake.decide.fields import Domain, InboxAddress, Language, Priority, SenderPattern, Tag
from smtpintake.decide.policy.proof import Proof
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


class Defaults(Section):
    """Values of an issue's fields where nothing in the mail says otherwise."""

    priority: Priority = "normal"
    """The priority of a new issue."""
    tags: tuple[Tag, ...] = ()
    """The tags of a new issue."""


class AutoReply(Section):
    """What a sender hears when their mail became an issue (RFC 3834)."""

    enabled: bool = True
    """Whether the author hears that an issue was made."""
    first_only: Literal[True] = True
    """Only the mail that makes an issue is answered; there is no other value as yet."""
    to_cc: Literal[False] = False
    """Only the author is answered; there is no other value as yet."""
    least_proof: Proof = Proof.ALIGNED
    """How well the author must be proved: an answer to a forged From goes to a stranger."""


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


class Inbox(Section):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """How the log and the commands call it: lower case, digits, `-` and `_`."""
    addresses: Annotated[tuple[InboxAddress, ...], Field(min_length=1)]
    """Envelope recipients that lead here, with any subaddress (`support+printer@…`); `@example.org` takes whatever no
    other inbox of that domain takes.
    """
    project: str
    """Where new issues go."""
    issue_type: str = ""
    """What new issues are; the project's first type where it isn't said."""
    active: bool = True
    """An inactive inbox refuses at RCPT: `550 5.2.1 rcpt.inactive`."""
    language: Language = "en"
    """Of new issues, and of what we write."""
    unknown_senders: UnknownSenders = UnknownSenders.REJECT
    """An author who is not registered (came only by mail, if at all) is refused, `550 5.7.1 sender.unknown`; kept for
    an operator; or added as a person.
    """
    unmatched: Unmatched = Unmatched.CREATE
    """What becomes of a mail that belongs to no existing issue."""
    allowed_domains: tuple[AllowedDomain, ...] = ()
    """Other domains of the author get `550 5.7.1 sender.domain`; where there are none, any domain will do. A mere text
    stands for an entry that asks for no proof.
    """
    denied_senders: tuple[SenderPattern, ...] = ()
    """Patterns: `550 5.7.1 sender.denied`."""
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
    separators: tuple[Annotated[str, Field(min_length=8, max_length=200)], ...] = DEFAULT_SEPARATORS
    """Lines of 8 to 200 characters: what stands below one in a reply is the quoted mail. The first one heads our own
    mail. Nine languages are built in.
    """
    defaults: Defaults = Defaults()
    """Fields of a new issue."""
    auto_reply: AutoReply = AutoReply()
    """What a sender hears when their mail became an issue."""

    @property
    def address(self) -> str:
        """The address that our own mail for this inbox is sent from: the first that is not a catch-all, or ''."""
        return next((address for address in self.addresses if not address.startswith("@")), "")
