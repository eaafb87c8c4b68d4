"""What rules say of inboxes and projects, and whether that is so."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from smtpintake.decide.faults import Fault
from smtpintake.decide.policy.inbox import Inbox
from smtpintake.decide.policy.project import Project
from smtpintake.decide.policy.rule import Rule


def rule_faults(
    rules: Sequence[Rule], projects: Mapping[str, Project], inboxes: Mapping[str, Inbox]
) -> Iterator[Fault]:
    """Everything that is wrong with what `rules` say of `projects` (by key) and `inboxes` (by name)."""
    for i, rule in enumerate(rules):
        yield from (Fault(f"rule[{i}].{key}", what) for key, what in _of_rule(rule, projects, inboxes))


def _of_rule(rule: Rule, projects: Mapping[str, Project], inboxes: Mapping[str, Inbox]) -> Iterator[tuple[str, str]]:
    if rule.inbox and rule.inbox not in inboxes:
        yield "inbox", f"{rule.inbox!r} is not an inbox; there are {_listed(inboxes)}"
    for key, named in (("project", rule.project), ("then.project", rule.then.project)):
        if named and named not in projects:
            yield key, f"{named!r} is not a project; there are {_listed(projects)}"
    meant = _projects(rule, projects, inboxes)
    types = {issue_type.name for project in meant for issue_type in project.issue_types}
    if meant and rule.then.issue_type and rule.then.issue_type not in types:
        keys = _listed(project.key for project in meant)
        yield "then.issue_type", f"{rule.then.issue_type!r} is not a type of {keys}; there are {_listed(types)}"
    statuses = {status for project in meant for status in project.statuses}
    if meant and rule.then.status and rule.then.status not in statuses:
        yield "then.status", f"{rule.then.status!r} is no status; there are {_listed(statuses)}"
    for name, value in rule.then.fields.items():
        # One project that takes it is enough: in the others it is left out.
        faults = [project.field_fault(name, value) for project in meant]
        if faults and all(faults):
            yield f"then.fields.{name}", faults[0]


def _projects(rule: Rule, projects: Mapping[str, Project], inboxes: Mapping[str, Inbox]) -> list[Project]:
    """The projects that an issue of the rule may be of; every one, where it may be any."""
    inbox = inboxes.get(rule.inbox)
    goal = rule.then.project or rule.project or (inbox.project if inbox else "")
    return [projects[goal]] if goal in projects else [] if goal else list(projects.values())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
