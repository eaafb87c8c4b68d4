"""`[[person]]` and `[[organisation]]`: who is known, as the policy file names them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from smtpintake.decide.fields import Address, Domain, Name
from smtpintake.decide.policy.section import Section


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    MANAGER = "manager"


class Person(Section):
    name: Name
    """Shown to people."""
    addresses: Annotated[tuple[Address, ...], Field(min_length=1)]
    """A person is known by any of their addresses."""
    organisation: str = ""
    """The name of an organisation that is in the same file."""
    roles: Annotated[dict[str, Role], Field(default_factory=dict)]
    """By project key. Agents and managers may write to every issue of the project, everybody else to those that they
    take part in; with proof.
    """


class Organisation(Section):
    name: Name
    """Shown to people."""
    domains: tuple[Domain, ...] = ()
    """Domains of its people, or `*.example.org` for the subdomains: an issue of an author from there is its own, see
    `inbox.map_organisation`. A domain belongs to one organisation at most.
    """
