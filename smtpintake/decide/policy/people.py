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
    addresses: Annotated[tuple[Address, ...], Field(min_length=1)]
    organisation: str = ""
    roles: Annotated[dict[str, Role], Field(default_factory=dict)]


class Organisation(Section):
    name: Name
    domains: tuple[Domain, ...] = ()
