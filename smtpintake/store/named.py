"""Whether the directory has everybody whom a policy names.

Contract: reads only; asked when a document is applied, after its people and organisations were written.
"""

from collections.abc import Iterator

from sqlalchemy import select
from sqlmodel import Session, col

from smtpintake.decide.faults import Fault
from smtpintake.decide.policy import Document, organisations_named, people_named
from smtpintake.store.schema import Organisation, Person, PersonAddress


def missing(session: Session, document: Document) -> Iterator[Fault]:
    """A fault for each person and each organisation that `document` names and that the directory doesn't have."""
    people = list(people_named(document))
    if people:
        known = _addresses(session, {address for _, address in people})
        for key, address in people:
            if address not in known:
                yield Fault(key, f"nobody has the address {address}: let a [[person]] have it")
    organisations = list(organisations_named(document))
    if organisations:
        names = set(session.scalars(select(col(Organisation.name))))
        for key, name in organisations:
            if name not in names:
                yield Fault(key, f"there is no organisation {name!r}: let an [[organisation]] be it")


def _addresses(session: Session, wanted: set[str]) -> set[str]:
    """Those of `wanted` that an active person has."""
    of_active = (
        select(col(PersonAddress.address))
        .join(Person, col(PersonAddress.person_id) == col(Person.id))
        .where(col(PersonAddress.address).in_(wanted), col(Person.active))
    )
    return set(session.scalars(of_active))
