"""People as a policy document names them, written into the directory.

Contract: a person is the same one where an address is. What a document says of a person is the whole of it: name,
organisation, roles and addresses become as written. People that it doesn't name stay, since they also come by mail;
`prune` retires those that came by a document. Takes a session in a writing transaction and commits nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final, TypeVar

from sqlalchemy import delete, select
from sqlmodel import Session, col

from smtpintake.decide import policy
from smtpintake.decide.change import changed_keys
from smtpintake.store.directory import BY_MAIL, BY_POLICY, Grants, grants
from smtpintake.store.schema import Person, PersonAddress, PersonRole, Project

# Values in one IN list: fewer than any database's limit of parameters.
_CHUNK: Final = 1000

_T = TypeVar("_T")


@dataclass(slots=True)
class _Known:
    """Somebody in the directory, with their addresses and what they are given."""

    row: Person
    addresses: set[str] = field(default_factory=set)
    granted: Grants = field(default_factory=Grants)


def apply_people(
    session: Session, wanted: Sequence[policy.Person], organisations: dict[str, int], *, prune: bool, now: datetime
) -> list[str]:
    """A line for each difference."""
    rows = _address_rows(session, [address for person in wanted for address in person.addresses])
    known = _known(session, {row.person_id for row in rows.values()})
    matched = _matched(wanted, rows, known)
    names = {organisation_id: name for name, organisation_id in organisations.items()}
    pairs = list(zip(wanted, matched, strict=True))
    lines = [line for person, found in pairs for line in _lines(person, found, names)]
    ids = _write(session, pairs, organisations, now)
    owners = {address: owner for person, owner in zip(wanted, ids, strict=True) for address in person.addresses}
    _set_addresses(session, owners, rows, [found for found in matched if found is not None])
    claimed = set(ids)
    for found in known.values():
        if found.row.id not in claimed and found.row.active and found.addresses <= owners.keys():
            lines.append(f"- person {found.row.name}: every address is somebody else's now")
            found.row.active = False
    if prune:
        lines += _retire_unnamed(session, claimed)
    session.flush()
    return lines


def known_as(session: Session, wanted: Sequence[policy.Person]) -> frozenset[int]:
    """The ids of those in the directory who are the people of a document."""
    rows = _address_rows(session, [address for person in wanted for address in person.addresses])
    known = _known(session, {row.person_id for row in rows.values()})
    found = _matched(wanted, rows, known)
    return frozenset(one.row.id for one in found if one is not None and one.row.id is not None)


def _lines(person: policy.Person, found: _Known | None, organisations: dict[int, str]) -> Iterator[str]:
    about = f"person {person.name} <{person.addresses[0]}>"
    if found is None:
        yield f"+ {about}"
    else:
        yield from changed_keys(about, _as_configured(found, organisations), _as_wanted(person))


def _address_rows(session: Session, addresses: Iterable[str]) -> dict[str, PersonAddress]:
    return {
        row.address: row
        for some in _chunks(addresses)
        for row in session.scalars(select(PersonAddress).where(col(PersonAddress.address).in_(some)))
    }


def _known(session: Session, ids: Iterable[int]) -> dict[int, _Known]:
    known: dict[int, _Known] = {}
    for some in _chunks(sorted(ids)):
        for row in session.scalars(select(Person).where(col(Person.id).in_(some))):
            if row.id is not None:
                known[row.id] = _Known(row)
        for address in session.scalars(select(PersonAddress).where(col(PersonAddress.person_id).in_(some))):
            known[address.person_id].addresses.add(address.address)
        for person_id, granted in grants(session, some).items():
            known[person_id].granted = granted
    return known


def _matched(
    wanted: Sequence[policy.Person], addresses: dict[str, PersonAddress], known: dict[int, _Known]
) -> list[_Known | None]:
    """Whom in the directory each person of the document is: the first owner of an address that nobody else is yet."""
    free = dict(known)
    found: list[_Known | None] = []
    for person in wanted:
        owners = (addresses[address].person_id for address in person.addresses if address in addresses)
        owner = next((owner for owner in owners if owner in free), None)
        found.append(free.pop(owner) if owner is not None else None)
    return found


def _as_configured(found: _Known, organisations: dict[int, str]) -> dict[str, object]:
    row = found.row
    return {
        "name": row.name,
        "addresses": sorted(found.addresses),
        "organisation": organisations.get(row.organisation_id or 0, ""),
        "language": row.language,
        "roles": found.granted.roles,
        "permissions": found.granted.permissions,
        "active": row.active,
        "origin": row.origin if row.origin == BY_MAIL else BY_POLICY,
    }


def _as_wanted(person: policy.Person) -> dict[str, object]:
    granted = _granted(person)
    return {
        "name": person.name,
        "addresses": sorted(person.addresses),
        "organisation": person.organisation,
        "language": person.language,
        "roles": granted.roles,
        "permissions": granted.permissions,
        "active": True,
        "origin": BY_POLICY,
    }


def _granted(person: policy.Person) -> Grants:
    """As the rows have it: no permissions beside a role are the same as none said."""
    return Grants(
        {key: role.value for key, role in person.roles.items()},
        {key: list(given) for key, given in person.permissions.items() if given or key not in person.roles},
    )


def _write(
    session: Session,
    pairs: Sequence[tuple[policy.Person, _Known | None]],
    organisations: dict[str, int],
    now: datetime,
) -> list[int]:
    """The people's rows and roles as written; gives their ids in order."""
    projects = {row.key: row.id for row in session.scalars(select(Project).where(col(Project.active))) if row.id}
    rows = [found.row if found is not None else Person(name=person.name, created_at=now) for person, found in pairs]
    for (person, _), row in zip(pairs, rows, strict=True):
        row.name, row.organisation_id, row.active = person.name, organisations.get(person.organisation), True
        row.language = person.language
        row.origin = BY_POLICY if row.origin == BY_MAIL else row.origin
    session.add_all(rows)
    session.flush()
    ids = [row.id for row in rows if row.id is not None]
    changed = [
        (person_id, granted)
        for (person, found), person_id in zip(pairs, ids, strict=True)
        if (granted := _granted(person)) != (found.granted if found is not None else Grants())
    ]
    for some in _chunks(changed):
        session.execute(delete(PersonRole).where(col(PersonRole.person_id).in_([person_id for person_id, _ in some])))
    session.add_all(
        PersonRole(
            person_id=person_id,
            project_id=projects[key],
            role=granted.roles.get(key, ""),
            permissions="\n".join(granted.permissions.get(key, ())),
        )
        for person_id, granted in changed
        for key in granted.roles | granted.permissions
    )
    return ids


def _set_addresses(
    session: Session, owners: dict[str, int], rows: dict[str, PersonAddress], claimed: Iterable[_Known]
) -> None:
    """Each address to its owner; what a person of the document no longer has is nobody's."""
    dropped = {address for found in claimed for address in found.addresses} - owners.keys()
    for some in _chunks(sorted(dropped)):
        session.execute(delete(PersonAddress).where(col(PersonAddress.address).in_(some)))
    for address, owner in owners.items():
        if (row := rows.get(address)) is None:
            session.add(PersonAddress(person_id=owner, address=address))
        else:
            row.person_id = owner


def _retire_unnamed(session: Session, named: set[int]) -> Iterator[str]:
    active = select(Person).where(col(Person.origin) == BY_POLICY, col(Person.active)).order_by(col(Person.id))
    for row in session.scalars(active):
        if row.id not in named:
            row.active = False
            yield f"- person {row.name}"


def _chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    remaining = iter(values)
    while some := list(islice(remaining, _CHUNK)):
        yield some
