"""`[[rule]]`: when a mail is of such a kind, then do this with it."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from smtpintake.decide.fields import (
    Address,
    AttachmentKind,
    Domain,
    HeaderName,
    InboxAddress,
    Language,
    Name,
    Priority,
    SenderPattern,
    Tag,
)
from smtpintake.decide.patterns import fault_of
from smtpintake.decide.policy.inbox import Inbox
from smtpintake.decide.policy.proof import Proof
from smtpintake.decide.policy.section import Section

MAX_REPLY_TEXT: Final = 200


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _expression(text: str) -> str:
    if fault := fault_of(text):
        raise ValueError(fault)
    return text


def _reply_text(text: object) -> object:
    """In one line: a CR or LF in a reply would forge a second one."""
    return " ".join(text.split()) if isinstance(text, str) else text


# A text alone stands for a list of one. Any of the list will do.
Keywords = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")], ...], BeforeValidator(_several)
]
Expressions = Annotated[tuple[Annotated[str, AfterValidator(_expression)], ...], BeforeValidator(_several)]
Senders = Annotated[tuple[SenderPattern, ...], BeforeValidator(_several)]
Domains = Annotated[tuple[Domain, ...], BeforeValidator(_several)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_several)]
Recipients = Annotated[tuple[InboxAddress, ...], BeforeValidator(_several)]
Proofs = Annotated[tuple[Proof, ...], BeforeValidator(_several)]
AttachmentKinds = Annotated[tuple[AttachmentKind, ...], BeforeValidator(_several)]
Origins = Annotated[
    tuple[Literal["human", "list", "auto", "auto-reply", "auto-generated"], ...], BeforeValidator(_several)
]


class Searches(Section):
    """Expressions of RE2, by where they are looked for."""

    subject: Expressions = ()
    """Expressions to be found in the subject."""
    body: Expressions = ()
    """Expressions to be found in what the author wrote."""
    header: dict[HeaderName, Expressions] = Field(default_factory=dict)
    """Expressions to be found in the header field of that name."""


class Size(Section):
    """Octets of the whole mail."""

    over: Annotated[int, Field(ge=0)] = 0
    """The mail has more octets than this."""
    under: Annotated[int, Field(ge=0)] = 0
    """The mail has fewer octets than this; 0 for no bound."""


class Conditions(Section):
    """Things that a mail may be. Of a list, one is enough; of several keys, all must hold."""

    subject: Keywords = ()
    """Keywords to be found anywhere in the subject, in any case; white space of any length is one space."""
    body: Keywords = ()
    """Keywords to be found in what the author wrote; not in quoted mail that was hidden."""
    header: dict[HeaderName, Keywords] = Field(default_factory=dict)
    """Keywords to be found in the header field of that name."""
    regex: Searches = Searches()
    """The same with expressions of [RE2](https://github.com/google/re2/wiki/Syntax)."""
    sender: Senders = ()
    """Patterns of the author's address."""
    domain: Domains = ()
    """The author's domain; `*.example.org` means those below it."""
    organisation: Names = ()
    """The organisation of the person who wrote."""
    recipient: Recipients = ()
    """Envelope recipients, with the subaddress or without; `@example.org` means any of that domain."""
    proof: Proofs = ()
    """How well the author is proved by the mail itself: `failed`, `none` or `aligned`."""
    size: Size = Size()
    """How large the mail is."""
    attachment: AttachmentKinds = ()
    """What one of the attachments is: `application/pdf`, `image/*`, `.exe`, or `*` for anything."""
    origin: Origins = ()
    """Who speaks: `auto` is both `auto-reply` and `auto-generated`."""

    @field_validator("proof")
    @classmethod
    def _is_known_in_time(cls, proofs: tuple[Proof, ...]) -> tuple[Proof, ...]:
        if Proof.KEY in proofs:
            raise ValueError("a reply key is looked at after the rules; allowed are failed, none, aligned")
        return proofs


class When(Conditions):
    """Everything that is said here must hold."""

    not_: Conditions = Field(Conditions(), alias="not")
    """None of these may hold."""


class Refusal(Section):
    """How a mail is refused."""

    code: Literal[550, 554, 450, 451] = 550
    """450 and 451 ask the sender to try again later."""
    text: Annotated[
        str,
        BeforeValidator(_reply_text),
        Field(min_length=1, max_length=MAX_REPLY_TEXT, pattern=r"^[\x20-\x7e]+$"),
    ] = "mail like this is not accepted here"
    """What the sender reads: one line of printable ASCII, at most 200 characters."""


class Actions(Section):
    """What is done with the mail. Fields are those of a new issue; a comment changes none of them."""

    project: str = ""
    """The project that a new issue goes to. A type that this project doesn't have becomes its first."""
    issue_type: str = ""
    """The type of a new issue."""
    title: Name | None = None
    """The title, instead of the subject."""
    status: str = ""
    """The status, one that the project has."""
    priority: Priority | None = None
    """The priority."""
    language: Language | None = None
    """The language."""
    tags: tuple[Tag, ...] = ()
    """Tags, added to those that there are."""
    assignee: Address | None = None
    """A person, by an address of theirs."""
    organisation: str = ""
    """The name of the organisation that the issue is of."""
    participants: tuple[Address, ...] = ()
    """Addresses that take part, added to those of the mail."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Values of the project's own fields, by name."""
    import_: bool = Field(False, alias="import")
    """A new issue is made in the name of the rule's `owner`, who need not have sent the mail; nobody asks then whether
    its author is known.
    """
    forward: Annotated[tuple[Address, ...], BeforeValidator(_several)] = ()
    """Addresses that the mail is sent on to, with the original attached, if it is accepted; what is held, when it is
    released."""
    hold: bool = False
    """Keep the mail for an operator. No further rule is asked."""
    discard: bool = False
    """Accept the mail and set it aside. No further rule is asked."""
    reject: Refusal | None = None
    """Refuse the mail. No further rule is asked."""
    stop: bool = False
    """No further rule is asked."""

    @property
    def settles(self) -> bool:
        """True where nothing remains to be decided."""
        return self.hold or self.discard or self.reject is not None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.hold + self.discard + (self.reject is not None) > 1:
            raise ValueError("a mail can be held, discarded or rejected, one of them")
        if self.reject is not None and self.forward:
            raise ValueError("what is rejected is not forwarded")
        return self


class Rule(Section):
    name: Name
    """How the log calls it; every rule has its own."""
    inbox: str = ""
    """The rule is for this inbox."""
    project: str = ""
    """The rule is for the inboxes of this project; where neither is said, it is for all."""
    active: bool = True
    """An inactive rule is not asked."""
    owner: Address | None = None
    """In whose name `import` makes issues: a person, by an address of theirs."""
    when: When = When()
    """What mail it is for; where nothing is said, any."""
    then: Actions
    """What is done with it."""

    def is_for(self, inbox: Inbox) -> bool:
        """True where mail to `inbox` is asked for."""
        return self.active and self.inbox in ("", inbox.name) and self.project in ("", inbox.project)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.inbox and self.project:
            raise ValueError("a rule is for an inbox or for a project, not both")
        if self.then.import_ and not self.owner:
            raise ValueError("`import` makes issues in the name of the rule's owner: say who that is")
        if self.then == Actions():
            raise ValueError("a rule does something: `then` is empty")
        return self
