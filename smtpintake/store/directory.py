"""The policy in force, read from the database; and the whole of what an admin configured, as a document again.

Contract: reads only; `store.configure` writes. A policy is read whole from one row, so it is never half of a change.
`export` gives the document that, applied, changes nothing: what is configured, without the people that came by mail.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Select, func, select
from sqlmodel import Session, col

from smtpintake.decide.policy import EMPTY_POLICY, Document, Policy, read_document
from smtpintake.store.prepared import Prepared
from smtpintake.store.schema import (
    Organisation,
    OrganisationDomain,
    Person,
    PersonAddress,
    PersonRole,
    PolicyVersion,
    Project,
)

BY_MAIL: Final = "mail"
BY_POLICY: Final = "policy"

_VERSION: Final = Prepared(select(func.coalesce(func.max(PolicyVersion.__table__.c.id), 0)))


def policy_version(connection: Connection) -> int:
    """The version in force; 0 where nothing was applied yet. Cheap: it is asked for every batch of mails."""
    return int(_VERSION.rows(connection)[0][0])


def load_policy(session: Session) -> Policy:
    """The policy in force. Raises PolicyError where this version of smtpintake cannot read it."""
    newest = session.scalars(select(PolicyVersion).order_by(col(PolicyVersion.id).desc()).limit(1)).first()
    if newest is None or newest.id is None:
        return EMPTY_POLICY
    return Policy(newest.id, read_document(newest.document))


def policy_of_version(session: Session, version: int) -> Policy:
    """The policy as it was then. Raises PolicyError where this version of smtpintake cannot read it."""
    row = session.get(PolicyVersion, version)
    return Policy(version, read_document(row.document)) if row is not None else EMPTY_POLICY


@dataclass(slots=True)
class Grants:
    """What somebody is given, by project key. No permissions are less than a project that is not named."""

    roles: dict[str, str] = field(default_factory=dict)
    permissions: dict[str, list[str]] = field(default_factory=dict)


def permissions_in(text: str) -> list[str]:
    """What a row of `person_role` has, one a line. The name of a type may hold any other separator."""
    return text.split("\n") if text else []


def grants(
    session: Session, ids: Select[int | None] | Sequence[int | None], projects: set[str] | None = None
) -> dict[int, Grants]:
    """What each person of `ids` is given, in the order of projects; in `projects` alone, where they are named."""
    found: dict[int, Grants] = defaultdict(Grants)
    for person_id, key, role, permissions in session.execute(
        select(col(PersonRole.person_id), col(Project.key), col(PersonRole.role), col(PersonRole.permissions))
        .join_from(PersonRole, Project, col(PersonRole.project_id) == col(Project.id))
        .where(col(PersonRole.person_id).in_(ids))
        .order_by(col(Project.id))
    ):
        if projects is not None and key not in projects:
            continue
        if role:
            found[person_id].roles[key] = role
        if permissions or not role:
            found[person_id].permissions[key] = permissions_in(permissions)
    return found


def export(session: Session) -> Document:
    """The policy in force with organisations and people. Someone who only ever came by mail is not configuration."""
    document = load_policy(session).document
    configured = select(Person).where(col(Person.origin) != BY_MAIL, col(Person.active)).order_by(col(Person.id))
    return read_document(
        {
            **as_data(document),
            "organisation": [_organisation(*of_one) for of_one in _organisations(session).items()],
            "person": _people(session, configured, {project.key for project in document.project}),
        }
    )


def as_data(document: Document) -> dict[str, object]:
    """`document` as TOML and JSON have it, without what is as it would be anyway."""
    return document.model_dump(mode="json", exclude_defaults=True)


def _organisations(session: Session) -> dict[str, list[str]]:
    """Each organisation's name, and its domains in order."""
    rows = session.execute(
        select(col(Organisation.name), col(OrganisationDomain.domain))
        .join_from(
            Organisation,
            OrganisationDomain,
            col(OrganisationDomain.organisation_id) == col(Organisation.id),
            isouter=True,
        )
        .order_by(col(Organisation.id), col(OrganisationDomain.id))
    )
    found: dict[str, list[str]] = defaultdict(list)
    for name, domain in rows:
        found[name] += [domain] if domain is not None else []
    return found


def _organisation(name: str, domains: list[str]) -> dict[str, object]:
    return {"name": name, "domains": domains}


def _people(session: Session, people: Select[Person], projects: set[str]) -> list[dict[str, object]]:
    """The tables of a document for `people`; their roles in `projects`, since a retired project has none."""
    ids = people.with_only_columns(col(Person.id)).order_by(None)
    addresses: dict[int, list[str]] = defaultdict(list)
    of_them = select(PersonAddress).where(col(PersonAddress.person_id).in_(ids)).order_by(col(PersonAddress.id))
    for address in session.scalars(of_them):
        addresses[address.person_id].append(address.address)
    given = grants(session, ids, projects)
    names = {found.id: found.name for found in session.scalars(select(Organisation))}
    return [
        {
            "name": person.name,
            "addresses": addresses[person.id],
            "organisation": names.get(person.organisation_id, ""),
            "language": person.language,
            "roles": given[person.id].roles,
            "permissions": given[person.id].permissions,
        }
        for person in session.scalars(people)
        if person.id is not None and addresses[person.id]
    ]
