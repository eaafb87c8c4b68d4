"""What one table of the policy file says of another, and whether that is so."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from smtpintake.decide.faults import Fault
from smtpintake.decide.policy.document import Document
from smtpintake.decide.policy.inbox import Inbox, UnknownSenders
from smtpintake.decide.policy.mapping import mapping_faults
from smtpintake.decide.policy.people import Person
from smtpintake.decide.policy.project import KEEP, REOPEN, Project
from smtpintake.decide.policy.rulefaults import rule_faults


def cross_faults(document: Document) -> Iterator[Fault]:
    """Everything that is wrong with what one table says of another."""
    projects = {project.key: project for project in document.project}
    organisations = {organisation.name for organisation in document.organisation}
    yield from _repeated("project", "key", [project.key for project in document.project])
    defaults = [project.key for project in document.project if project.default]
    if len(defaults) > 1:
        yield Fault("project.default", f"only one project can be the default, not {' and '.join(defaults)}")
    yield from _repeated("inbox", "name", [inbox.name for inbox in document.inbox])
    yield from _repeated("organisation", "name", [organisation.name for organisation in document.organisation])
    yield from _repeated("organisation", "domains", [d for one in document.organisation for d in one.domains])
    yield from _repeated("inbox", "addresses", [a for inbox in document.inbox for a in inbox.addresses])
    yield from _repeated("rule", "name", [rule.name for rule in document.rule])
    yield from _repeated("person", "addresses", [a for person in document.person for a in person.addresses])
    prefixes = [issue_type.prefix for project in document.project for issue_type in project.issue_types]
    for prefix in sorted(set(prefixes) & set(projects)):
        yield Fault("project.issue_types", f"the prefix {prefix!r} is also the key of a project")
    own = {address for inbox in document.inbox for address in inbox.addresses}
    for i, inbox in enumerate(document.inbox):
        project = projects.get(inbox.project)
        if project is None:
            yield Fault(f"inbox[{i}].project", _no_project(inbox.project, projects))
        else:
            yield from (Fault(f"inbox[{i}].{key}", what) for key, what in _of_inbox(inbox, project))
        if inbox.forward_unprocessed_to in own:
            yield Fault(f"inbox[{i}].forward_unprocessed_to", f"{inbox.forward_unprocessed_to!r} is an inbox of ours")
    inboxes = {inbox.name for inbox in document.inbox}
    yield from _repeated("pair", "inboxes", [pair.name for pair in document.pair])
    for i, pair in enumerate(document.pair):
        for name in pair.inboxes:
            if name not in inboxes:
                yield Fault(f"pair[{i}].inboxes", f"{name!r} is not an inbox; there are {_listed(inboxes)}")
    for i, person in enumerate(document.person):
        yield from (Fault(f"person[{i}].{key}", what) for key, what in _of_person(person, projects))
        if person.organisation and person.organisation not in organisations:
            yield Fault(f"person[{i}].organisation", f"{person.organisation!r} is not an organisation of this file")
    yield from rule_faults(document.rule, projects, {inbox.name: inbox for inbox in document.inbox})


def _no_project(name: str, projects: Iterable[str]) -> str:
    if name:
        return f"{name!r} is not a project; there are {_listed(projects)}"
    return f"name one, or let one say default = true; there are {_listed(projects)}"


def _of_inbox(inbox: Inbox, project: Project) -> Iterator[tuple[str, str]]:
    """What `inbox` says that its project, or another key, contradicts: the key, and what is allowed."""
    if inbox.unknown_senders is UnknownSenders.IMPORT and inbox.import_as is None:
        yield "unknown_senders", "import_as must say as whom they are imported"
    if inbox.unknown_senders is not UnknownSenders.IMPORT and inbox.import_as is not None:
        yield "import_as", 'it is for unknown_senders = "import" alone'
    types = [issue_type.name for issue_type in project.issue_types]
    if inbox.issue_type and inbox.issue_type not in types:
        yield "issue_type", f"{inbox.issue_type!r} is not a type of {project.key}; it has {_listed(types)}"
    statuses = ", ".join(project.statuses)
    if inbox.defaults.status and inbox.defaults.status not in project.statuses:
        yield "defaults.status", f"{inbox.defaults.status!r} is not a status of {project.key}; it has {statuses}"
    if inbox.status_after_reply not in (REOPEN, KEEP, *project.statuses):
        what = (
            f"{inbox.status_after_reply!r} is not a status of {project.key}; allowed are {REOPEN}, {KEEP}, {statuses}"
        )
        yield "status_after_reply", what
    for name, value in inbox.defaults.fields.items():
        if fault := project.field_fault(name, value):
            yield f"defaults.fields.{name}", fault
    for i, mapping in enumerate(inbox.field_mapping):
        yield from ((f"field_mapping[{i}].{key}", what) for key, what in mapping_faults(mapping, project))


def _of_person(person: Person, projects: Mapping[str, Project]) -> Iterator[tuple[str, str]]:
    """What a person is given in projects and for issue types that there aren't."""
    for table, keys in (("roles", person.roles.keys()), ("permissions", person.permissions.keys())):
        for key in keys - projects.keys():
            yield f"{table}.{key}", f"{key!r} is not a project; there are {_listed(projects)}"
    for key in person.permissions.keys() & projects.keys():
        names = {issue_type.name for issue_type in projects[key].issue_types}
        for issue_type in {permission.partition(":")[2] for permission in person.permissions[key]} - names - {""}:
            yield f"permissions.{key}", f"{issue_type!r} is not a type of {key}; it has {_listed(names)}"


def _repeated(table: str, key: str, values: list[str]) -> Iterator[Fault]:
    for value, count in Counter(values).items():
        if count > 1:
            yield Fault(f"{table}.{key}", f"{value!r} is given {count} times")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
