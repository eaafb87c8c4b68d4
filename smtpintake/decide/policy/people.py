"""`[[person]]` and `[[organisation]]`: who is known, as the policy file names them."""

from typing import Annotated

from pydantic import AfterValidator, Field

from smtpintake.decide.fields import Address, Domain, Name, OptionalLanguage
from smtpintake.decide.policy.rights import Permission, Role
from smtpintake.decide.policy.section import Section

Permissions = Annotated[tuple[Permission, ...], AfterValidator(lambda several: tuple(sorted(set(several))))]


class Person(Section):
    name: Name
    """Shown to people."""
    addresses: Annotated[tuple[Address, ...], Field(min_length=1)]
    """A person is known by any of their addresses."""
    organisation: str = ""
    """The name of an organisation that is in the same file."""
    language: OptionalLanguage = ""
    """Of what we write to them, where it isn't the issue's: `de`, `pt-BR`."""
    roles: Annotated[dict[str, Role], Field(default_factory=dict)]
    """By project key: a `customer` makes issues, a `member` also sees and comments on everything, `agent` and `manager`
    have every right; with proof.
    """
    permissions: Annotated[dict[str, Permissions], Field(default_factory=dict)]
    """By project, beside the role: `create`, `create:<issue type>`, `comment` (on every issue), `view`, `agent`."""


class Organisation(Section):
    name: Name
    """Shown to people."""
    domains: tuple[Domain, ...] = ()
    """Domains of its people, or `*.example.org` for the subdomains: an issue of an author from there is its own, see
    `inbox.map_organisation`. A domain belongs to one organisation at most.
    """
