"""`Document`: the policy file, read and checked whole.

Contract: every fault at once (PolicyError), those of what one table says of another too.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError

from smtpintake.decide.faults import Fault, validation_faults
from smtpintake.decide.policy.inbox import Inbox
from smtpintake.decide.policy.pair import Pair
from smtpintake.decide.policy.people import Organisation, Person
from smtpintake.decide.policy.project import Project
from smtpintake.decide.policy.rule import Rule
from smtpintake.decide.policy.rulefaults import rule_faults
from smtpintake.decide.policy.section import Section


class Document(Section):
    """The policy file as it is written. `read_document` also checks what one table says of another."""

    project: tuple[Project, ...] = ()
    """What issues belong to."""
    inbox: tuple[Inbox, ...] = ()
    """Where mail comes in."""
    pair: tuple[Pair, ...] = ()
    """What one mail to two inboxes makes."""
    organisation: tuple[Organisation, ...] = ()
    """Whom people belong to."""
    person: tuple[Person, ...] = ()
    """Who is known; the others come by mail."""
    rule: tuple[Rule, ...] = ()
    """What is done with mail of some kind, in order."""


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
    yield from _repeated("rule", "name", [rule.name for rule in document.rule])
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
    inboxes = {inbox.name for inbox in document.inbox}
    yield from _repeated("pair", "inboxes", [pair.name for pair in document.pair])
    for i, pair in enumerate(document.pair):
        for name in pair.inboxes:
            if name not in inboxes:
                yield Fault(f"pair[{i}].inboxes", f"{name!r} is not an inbox; there are {_listed(inboxes)}")
    for i, person in enumerate(document.person):
        for key in person.roles.keys() - projects.keys():
            yield Fault(f"person[{i}].roles.{key}", f"{key!r} is not a project; there are {_listed(projects)}")
        if person.organisation and person.organisation not in organisations:
            yield Fault(f"person[{i}].organisation", f"{person.organisation!r} is not an organisation of this file")
    yield from rule_faults(document.rule, projects, {inbox.name: inbox for inbox in document.inbox})


def _repeated(table: str, key: str, values: list[str]) -> Iterator[Fault]:
    for value, count in Counter(values).items():
        if count > 1:
            yield Fault(f"{table}.{key}", f"{value!r} is given {count} times")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
