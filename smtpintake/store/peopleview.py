"""People, to be looked at: who is known, by which addresses, with which roles.

Contract: reads only; takes an open session. Three queries more, however many people are listed.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlmodel import Session, col

from smtpintake.store.directory import grants
from smtpintake.store.schema import Organisation, Person, PersonAddress
from smtpintake.store.views import PersonView, moment


def person_list(session: Session, *, part: str | None = None, limit: int = 50) -> list[PersonView]:
    """The people that came last, newest first; with `part`, those whose name or address contains it."""
    wanted = select(Person)
    if part is not None:
        owners = select(col(PersonAddress.person_id)).where(col(PersonAddress.address).icontains(part, autoescape=True))
        wanted = wanted.where(or_(col(Person.name).icontains(part, autoescape=True), col(Person.id).in_(owners)))
    return _views(session, session.scalars(wanted.order_by(col(Person.id).desc()).limit(limit)).all())


def person_view(session: Session, address_or_id: str) -> PersonView | None:
    """The person with this address (folded) or this id."""
    wanted = select(Person)
    if address_or_id.isascii() and address_or_id.isdigit() and len(address_or_id) < 19:
        wanted = wanted.where(col(Person.id) == int(address_or_id))
    else:
        wanted = wanted.join(PersonAddress, col(PersonAddress.person_id) == col(Person.id)).where(
            col(PersonAddress.address) == address_or_id
        )
    row = session.scalars(wanted).first()
    return _views(session, [row])[0] if row is not None else None


def _views(session: Session, rows: Sequence[Person]) -> list[PersonView]:
    ids = [row.id for row in rows]
    addresses: dict[int, list[str]] = defaultdict(list)
    of_them = select(PersonAddress).where(col(PersonAddress.person_id).in_(ids)).order_by(col(PersonAddress.id))
    for address in session.scalars(of_them):
        addresses[address.person_id].append(address.address)
    given = grants(session, ids)
    organisation_ids = {row.organisation_id for row in rows if row.organisation_id is not None}
    organisations = {
        row.id: row.name
        for row in session.scalars(select(Organisation).where(col(Organisation.id).in_(organisation_ids)))
    }
    return [
        {
            "id": row.id,
            "name": row.name,
            "addresses": addresses[row.id],
            "organisation": organisations.get(row.organisation_id),
            "language": row.language,
            "roles": given[row.id].roles,
            "permissions": given[row.id].permissions,
            "origin": row.origin,
            "active": row.active,
            "created_at": moment(row.created_at),
        }
        for row in rows
        if row.id is not None
    ]
