"""`apply`: brings the database to what a policy document says, and says what that changed.

Contract: takes a session in a writing transaction and commits nothing; whoever only wants to know rolls back. Where
nothing changes nothing is written. Projects, types and inboxes that go are retired, never deleted: issues point at
them. A version of the policy is one immutable row, and versions are in the order in which they came into force.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, text
from sqlmodel import Session, col

from smtpintake.decide.change import differences, merged
from smtpintake.decide.policy import Document, PolicyError
from smtpintake.store.directory import load_policy, permissions_in
from smtpintake.store.named import missing
from smtpintake.store.organisations import apply_organisations, remove_unused_organisations
from smtpintake.store.people import apply_people
from smtpintake.store.review import people_changed
from smtpintake.store.schema import Inbox, InboxAddress, IssueType, PersonRole, PolicyVersion, Project


@dataclass(frozen=True, slots=True)
class Changes:
    """A line for each difference, and the policy version that is in force with them."""

    lines: tuple[str, ...]
    version: int

    def __bool__(self) -> bool:
        return bool(self.lines)


def apply(session: Session, document: Document, author: str, *, prune: bool, now: datetime) -> Changes:
    """Make `document` the configuration; with `prune`, retire what it doesn't name. `author` is who says so.

    Raises PolicyError where the document contradicts what stays in force, or where the directory would lack somebody
    whom the policy names.
    """
    _wait_for_others(session)
    policy = load_policy(session)
    after = merged(policy.document, document, prune=prune)
    lines = differences(policy.document, after)
    version = policy.version
    if lines:
        version = _new_version(session, after, author, now)
        projects = _keep_projects(session, after)
        _keep_inboxes(session, after, projects)
    organisations, organisation_lines = apply_organisations(session, document.organisation, prune=prune)
    people_lines = apply_people(session, document.person, organisations, prune=prune, now=now)
    removed = tuple(remove_unused_organisations(session, document.organisation)) if prune else ()
    if faults := tuple(missing(session, after)):
        raise PolicyError(faults)
    if organisation_lines or people_lines or removed:
        people_changed(session.connection())
    return Changes((*lines, *organisation_lines, *people_lines, *removed), version)


def _wait_for_others(session: Session) -> None:
    """One change at a time, so that none is lost. A writing transaction on SQLite is the only one anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE policy_version IN SHARE ROW EXCLUSIVE MODE"))


def _new_version(session: Session, document: Document, author: str, now: datetime) -> int:
    """Defaults are written out: a later version of smtpintake with other defaults must not change a policy."""
    data = document.model_dump(mode="json", exclude={"organisation", "person"})
    row = PolicyVersion(created_at=now, author=author, document=data)
    session.add(row)
    session.flush()
    assert row.id is not None
    return row.id


def _keep_projects(session: Session, document: Document) -> dict[str, int]:
    """Rows of projects and their types in step with the document. Gives the ids of the projects in force."""
    rows = {row.key: row for row in session.scalars(select(Project))}
    for project in document.project:
        row = rows.setdefault(project.key, Project(key=project.key, name=project.name))
        row.name, row.active = project.name, True
    named = {project.key for project in document.project}
    for key in rows.keys() - named:
        rows[key].active = False
    session.add_all(rows.values())
    session.flush()
    ids = {key: row.id for key, row in rows.items() if row.id is not None}
    # Roles do not outlive the project: if it comes back, who may do what is said anew.
    session.execute(delete(PersonRole).where(col(PersonRole.project_id).in_([ids[key] for key in rows.keys() - named])))
    _keep_issue_types(session, document, ids)
    return {key: ids[key] for key in named}


def _keep_issue_types(session: Session, document: Document, project_ids: dict[str, int]) -> None:
    rows = {(row.project_id, row.name): row for row in session.scalars(select(IssueType))}
    for row in rows.values():
        row.active = False
    for project in document.project:
        for issue_type in project.issue_types:
            key = (project_ids[project.key], issue_type.name)
            row = rows.setdefault(key, IssueType(project_id=key[0], name=key[1], prefix=issue_type.prefix))
            row.prefix, row.active = issue_type.prefix, True
    session.add_all(rows.values())
    retired = {key for key, row in rows.items() if not row.active}
    if retired:
        _forget_types(session, retired)


def _forget_types(session: Session, retired: set[tuple[int, str]]) -> None:
    """Permissions to create issues of a type go with it, as roles go with a project."""
    with_types = select(PersonRole).where(
        col(PersonRole.project_id).in_({project_id for project_id, _ in retired}),
        col(PersonRole.permissions).contains("create:"),
    )
    for row in session.scalars(with_types):
        given = permissions_in(row.permissions)
        row.permissions = "\n".join(one for one in given if (row.project_id, one.partition(":")[2]) not in retired)


def _keep_inboxes(session: Session, document: Document, project_ids: dict[str, int]) -> None:
    rows = {row.name: row for row in session.scalars(select(Inbox))}
    for row in rows.values():
        row.active = False
    for inbox in document.inbox:
        project_id = project_ids[inbox.project]
        row = rows.setdefault(inbox.name, Inbox(name=inbox.name, project_id=project_id))
        row.project_id, row.active = project_id, inbox.active
    session.add_all(rows.values())
    session.flush()
    wanted = dict(_addresses(document, {name: row.id for name, row in rows.items() if row.id is not None}))
    for address in session.scalars(select(InboxAddress)):
        inbox_id = wanted.pop(address.address, None)
        if inbox_id is None:
            session.delete(address)
        else:
            address.inbox_id = inbox_id
    session.add_all(InboxAddress(inbox_id=inbox_id, address=address) for address, inbox_id in wanted.items())
    session.flush()


def _addresses(document: Document, inbox_ids: dict[str, int]) -> Iterator[tuple[str, int]]:
    for inbox in document.inbox:
        for address in inbox.addresses:
            yield address, inbox_ids[inbox.name]
