"""Organisations as a policy document names them, written into the directory.

Contract: an organisation is the same one where its name is; what a document says of its domains is the whole of it. One
that a document doesn't name stays; pruned, it loses its domains, and is deleted where nothing points at it. Takes a
session in a writing transaction and commits nothing.
"""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import select
from sqlmodel import Session, col

from smtpintake.decide import policy
from smtpintake.decide.change import changed_keys
from smtpintake.store.schema import Issue, Organisation, OrganisationDomain, Person


def apply_organisations(
    session: Session, wanted: Sequence[policy.Organisation], *, prune: bool
) -> tuple[dict[str, int], list[str]]:
    """Gives the id of every organisation by name, and a line for each difference."""
    rows = {row.name: row for row in session.scalars(select(Organisation).order_by(col(Organisation.id)))}
    before = _domains_by_name(session, rows.values())
    for organisation in wanted:
        if organisation.name not in rows:
            rows[organisation.name] = Organisation(name=organisation.name)
            session.add(rows[organisation.name])
    session.flush()
    ids = {name: row.id for name, row in rows.items() if row.id is not None}
    decided = set(ids.values()) if prune else {ids[organisation.name] for organisation in wanted}
    _set_domains(session, {d: ids[organisation.name] for organisation in wanted for d in organisation.domains}, decided)
    return ids, list(_lines(before, _domains_by_name(session, rows.values())))


def remove_unused_organisations(session: Session, wanted: Sequence[policy.Organisation]) -> Iterator[str]:
    """Delete those that `wanted` doesn't name and that no person and no issue points at; a line for each."""
    named = {organisation.name for organisation in wanted}
    for row in session.scalars(select(Organisation).order_by(col(Organisation.id))).all():
        if row.name not in named and not _is_used(session, row):
            session.delete(row)
            yield f"- organisation {row.name}"
    session.flush()


def _domains_by_name(session: Session, rows: Iterable[Organisation]) -> dict[str, list[str]]:
    found = {row.id: list[str]() for row in rows}
    for domain in session.scalars(select(OrganisationDomain).order_by(col(OrganisationDomain.domain))):
        found[domain.organisation_id].append(domain.domain)
    return {row.name: found[row.id] for row in rows}


def _set_domains(session: Session, owners: dict[str, int], decided: set[int]) -> None:
    """Each domain to its owner; the organisations in `decided` have no others."""
    wanted = dict(owners)
    for row in session.scalars(select(OrganisationDomain)):
        if (owner := wanted.pop(row.domain, None)) is not None:
            row.organisation_id = owner
        elif row.organisation_id in decided:
            session.delete(row)
    session.add_all(OrganisationDomain(organisation_id=owner, domain=domain) for domain, owner in wanted.items())
    session.flush()


def _lines(before: dict[str, list[str]], after: dict[str, list[str]]) -> Iterator[str]:
    for name, domains in after.items():
        if name in before:
            yield from changed_keys(f"organisation {name}", {"domains": before[name]}, {"domains": domains})
        else:
            yield f"+ organisation {name}: domains {', '.join(domains) or 'none'}"


def _is_used(session: Session, row: Organisation) -> bool:
    pointers = (col(Person.organisation_id), col(Issue.organisation_id))
    return any(session.scalar(select(points).where(points == row.id).limit(1)) is not None for points in pointers)
