"""What the directory has of those whom a policy names, and whose organisation an author's domain is.

Contract: as `store.evidence`, which asks: one query a kind for a whole batch, through an index; none where no inbox of
the batch needs it.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, exists, select

from smtpintake.decide.delivery import Delivery
from smtpintake.decide.facts import Directory, Sender
from smtpintake.decide.policy import Policy, Role
from smtpintake.store.directory import BY_MAIL
from smtpintake.store.prepared import Prepared, among, asked
from smtpintake.store.schema import Organisation, OrganisationDomain, Person, PersonAddress, PersonRole

_person, _address, _role = Person.__table__.c, PersonAddress.__table__.c, PersonRole.__table__.c
_organisation, _domain = Organisation.__table__.c, OrganisationDomain.__table__.c

_ORGANISATIONS: Final = Prepared(
    select(_organisation.name, _organisation.id).where(among(_organisation.name, "wanted"))
)
_STAFF: Final = [Role.AGENT.value, Role.MANAGER.value]
_works: Final = exists().where(_role.person_id == _person.id, among(_role.role, "staff"))
_CUSTOMERS: Final = Prepared(
    select(_address.address)
    .join_from(PersonAddress.__table__, Person.__table__, _address.person_id == _person.id)
    .where(among(_address.address, "wanted"), _person.active, _person.origin != BY_MAIL, ~_works)
)
_OF_DOMAINS: Final = Prepared(
    select(_domain.domain, _organisation.name, _organisation.id)
    .join_from(OrganisationDomain.__table__, Organisation.__table__, _domain.organisation_id == _organisation.id)
    .where(among(_domain.domain, "wanted"))
)


def customers(connection: Connection, addresses: Collection[str]) -> set[str]:
    """Which of these addresses (folded) belong to people who were registered, are active, and are nowhere agents or
    managers, whom notices tell.
    """
    return {address for (address,) in asked(_CUSTOMERS, connection, addresses, staff=_STAFF)}


def author_of(delivery: Delivery) -> str:
    """The folded author address, or '' where the mail has no single author."""
    author = delivery.analysis.message.author
    return author.mailbox.folded if author else ""


def original_of(delivery: Delivery) -> str:
    """The folded address of whoever wrote the mail that this one passes on, or ''; whether it matters, is decided
    later.
    """
    draft = delivery.analysis.draft
    return draft.forwarded.author.mailbox.folded if draft is not None and draft.forwarded is not None else ""


def directories(
    connection: Connection, deliveries: Sequence[Delivery], policy: Policy, known: dict[str, Sender]
) -> Iterator[Directory]:
    """For each delivery, what the directory has of those whom its inbox may name, and whose the author's domain is. The
    two queries for organisations are not made where no inbox of the batch asks for any.
    """
    names = {name for delivery in deliveries for name in policy.named_organisations.get(delivery.inbox.name, ())}
    ids: dict[str, int] = dict(asked(_ORGANISATIONS, connection, names))
    ids.update((one.organisation, one.organisation_id) for one in known.values() if one.organisation_id is not None)
    addresses = [(author_of(delivery), original_of(delivery)) for delivery in deliveries]
    domains = [
        tuple(_domain_to_map(delivery, address, known) for address in several)
        for delivery, several in zip(deliveries, addresses, strict=True)
    ]
    owners: dict[str, str] = {}
    entries = {entry for several in domains for domain in several for entry in _entries(domain)}
    for domain, name, organisation_id in asked(_OF_DOMAINS, connection, entries):
        owners[domain], ids[name] = name, organisation_id
    for delivery, writers, several in zip(deliveries, addresses, domains, strict=True):
        named = {*policy.named_people.get(delivery.inbox.name, ()), writers[1]}
        of_domain, of_original = (
            next((owners[entry] for entry in _entries(domain) if entry in owners), "") for domain in several
        )
        its_own = policy.named_organisations.get(delivery.inbox.name, frozenset())
        theirs = {known[writer].organisation for writer in writers if writer in known}
        wanted = {*its_own, *theirs, of_domain, of_original}
        yield Directory(
            {address: known[address] for address in sorted(named) if address in known},
            {name: ids[name] for name in sorted(wanted) if name in ids},
            of_domain,
            of_original,
        )


def _domain_to_map(delivery: Delivery, address: str, known: dict[str, Sender]) -> str:
    """The domain of who wrote, where it matters whose it is; or an empty string."""
    settled = address in known and known[address].organisation
    return "" if settled or not delivery.inbox.map_organisation else address.rpartition("@")[2]


def _entries(domain: str) -> Iterator[str]:
    """The domains of an organisation that `domain` is one of, nearest first: itself, then `*.` and what is above it."""
    if domain:
        yield domain
    while domain := domain.partition(".")[2]:
        yield f"*.{domain}"
