"""`Policy`: what the admin wants, as one immutable value, and `Document`, the file it is written in.

Contract: a Document is validated whole, every fault at once (pydantic's ValidationError). It holds what is configured
(projects, inboxes); people and organisations are a directory that also grows by mail, so a document names people only
to add or change them. `Policy` is a Document with its version and the look-ups that routing needs, built once a
version.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from smtpintake.decide.faults import Fault, validation_faults
from smtpintake.decide.fields import Address, Domain, InboxAddress, Name, SenderPattern, Tag

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


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    MANAGER = "manager"


class Proof(StrEnum):
    """How well a mail's author is proved, least first. Compare with `rank`."""

    FAILED = "failed"
    NONE = "none"
    ALIGNED = "aligned"
    KEY = "key"

    @property
    def rank(self) -> int:
        return tuple(Proof).index(self)


class Section(BaseModel):
    """A table of the policy file: immutable, and an unknown key is a fault rather than a silent typo."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IssueType(Section):
    name: Name
    prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]


class Project(Section):
    key: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}$")]
    name: Name
    issue_types: tuple[IssueType, ...] = (IssueType(name="incident", prefix="IN"),)

    @model_validator(mode="after")
    def _types_are_distinct(self) -> Self:
        if not self.issue_types:
            raise ValueError("a project needs at least one issue type")
        for what in ("name", "prefix"):
            if len({getattr(issue_type, what) for issue_type in self.issue_types}) < len(self.issue_types):
                raise ValueError(f"two issue types have the same {what}")
        return self


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


class Person(Section):
    name: Name
    addresses: Annotated[tuple[Address, ...], Field(min_length=1)]
    organisation: str = ""
    roles: dict[str, Role] = {}


class Organisation(Section):
    name: Name
    domains: tuple[Domain, ...] = ()


class Document(Section):
    """The policy file as it is written. `read_document` also checks what one table says of another."""

    project: tuple[Project, ...] = ()
    inbox: tuple[Inbox, ...] = ()
    organisation: tuple[Organisation, ...] = ()
    person: tuple[Person, ...] = ()


class PolicyError(ValueError):
    """A policy file is wrong; `faults` lists everything that is."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.key}: {fault.what}" for fault in faults))
        self.faults = faults


def read_document(data: Mapping[str, object]) -> Document:
    """A Document from parsed TOML or JSON. Raises PolicyError with every fault, those of cross references too."""
    try:
        document = Document.model_validate(data)
    except ValidationError as error:
        raise PolicyError(validation_faults(error, Document)) from error
    if faults := tuple(_cross_faults(document)):
        raise PolicyError(faults)
    return document


def _cross_faults(document: Document) -> Iterator[Fault]:
    projects = {project.key: project for project in document.project}
    organisations = {organisation.name for organisation in document.organisation}
    yield from _repeated("project", "key", [project.key for project in document.project])
    yield from _repeated("inbox", "name", [inbox.name for inbox in document.inbox])
    yield from _repeated("organisation", "name", [organisation.name for organisation in document.organisation])
    yield from _repeated("organisation", "domains", [d for one in document.organisation for d in one.domains])
    yield from _repeated("inbox", "addresses", [a for inbox in document.inbox for a in inbox.addresses])
    yield from _repeated("person", "addresses", [a for person in document.person for a in person.addresses])
    prefixes = [issue_type.prefix for project in document.project for issue_type in project.issue_types]
    yield from _repeated("project", "issue_types", sorted(set(prefixes) & set(projects)))
    for i, inbox in enumerate(document.inbox):
        project = projects.get(inbox.project)
        if project is None:
            yield Fault(f"inbox[{i}].project", f"{inbox.project!r} is not a project; there are {_listed(projects)}")
        elif inbox.issue_type and inbox.issue_type not in {issue_type.name for issue_type in project.issue_types}:
            names = _listed(issue_type.name for issue_type in project.issue_types)
            yield Fault(
                f"inbox[{i}].issue_type", f"{inbox.issue_type!r} is not a type of {project.key}; it has {names}"
            )
    for i, person in enumerate(document.person):
        for key in person.roles.keys() - projects.keys():
            yield Fault(f"person[{i}].roles.{key}", f"{key!r} is not a project; there are {_listed(projects)}")
        if person.organisation and person.organisation not in organisations:
            yield Fault(f"person[{i}].organisation", f"{person.organisation!r} is not an organisation of this file")


def _repeated(table: str, key: str, values: list[str]) -> Iterator[Fault]:
    for value, count in Counter(values).items():
        if count > 1:
            yield Fault(f"{table}.{key}", f"{value!r} is given {count} times")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


@dataclass(frozen=True)
class Policy:
    """A Document in force. `version` is what the log names; 0 is the empty policy of a new database."""

    version: int
    document: Document

    @cached_property
    def projects(self) -> dict[str, Project]:
        return {project.key: project for project in self.document.project}

    @cached_property
    def inboxes(self) -> dict[str, Inbox]:
        return {inbox.name: inbox for inbox in self.document.inbox}

    @cached_property
    def addresses(self) -> dict[str, Inbox]:
        """Folded address, or `@domain` for a catch-all -> its inbox."""
        return {address: inbox for inbox in self.document.inbox for address in inbox.addresses}

    @cached_property
    def domains(self) -> frozenset[str]:
        """Every domain that some inbox has an address in."""
        return frozenset(address.rpartition("@")[2] for address in self.addresses)

    @cached_property
    def prefixes(self) -> dict[str, tuple[str, str]]:
        """Token prefix -> (project key, issue type name); a prefix that two projects use names no project."""
        seen = Counter(t.prefix for project in self.document.project for t in project.issue_types)
        return {
            issue_type.prefix: (project.key, issue_type.name)
            for project in self.document.project
            for issue_type in project.issue_types
            if seen[issue_type.prefix] == 1
        }


EMPTY_POLICY: Final = Policy(0, Document())
