"""`[[inbox]]`: where mail comes in, from whom it is taken, and what it becomes."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from smtpintake.decide.fields import Domain, InboxAddress, SenderPattern, Tag
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

    priority: Literal["low", "normal", "high", "urgent"] = "normal"
    tags: tuple[Tag, ...] = ()


class AutoReply(Section):
    """What a sender hears when their mail became an issue (RFC 3834)."""

    enabled: bool = True
    first_only: Literal[True] = True
    to_cc: Literal[False] = False
    least_proof: Proof = Proof.ALIGNED


class AllowedDomain(Section):
    """A domain of authors, or `*.example.org`; it counts for authors with at least this `proof`. Written as a mere text
    where any will do.
    """

    domain: Domain
    proof: Proof = Proof.FAILED

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
    addresses: Annotated[tuple[InboxAddress, ...], Field(min_length=1)]
    project: str
    issue_type: str = ""
    active: bool = True
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Za-z]{2,4})?$")] = "en"
    unknown_senders: UnknownSenders = UnknownSenders.REJECT
    unmatched: Unmatched = Unmatched.CREATE
    allowed_domains: tuple[AllowedDomain, ...] = ()
    denied_senders: tuple[SenderPattern, ...] = ()
    ignored_senders: tuple[SenderPattern, ...] = ()
    require: Require = Require.ALIGNED
    on_fail: OnFail = OnFail.MARK
    obey_dmarc: bool = True
    trusted_sealers: tuple[Domain, ...] = ()
    separators: tuple[Annotated[str, Field(min_length=8, max_length=200)], ...] = DEFAULT_SEPARATORS
    defaults: Defaults = Defaults()
    auto_reply: AutoReply = AutoReply()

    @property
    def address(self) -> str:
        """The address that our own mail for this inbox is sent from: the first that is not a catch-all, or ''."""
        return next((address for address in self.addresses if not address.startswith("@")), "")
