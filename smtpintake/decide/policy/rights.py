"""`Right`: what an author may do by mail; who is given it, and `[rights]`: the least proof that it takes.

Contract: data only; `decide.rights` says whether a mail has one. A permission is what a person is given in a project; a
role is a bundle of permissions with a name.
"""

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationInfo, WithJsonSchema, field_validator

from smtpintake.decide.policy.proof import Proof
from smtpintake.decide.policy.section import Section


class Right(StrEnum):
    """What an author may do by mail. The values are the keys of `[rights]`."""

    CREATE = "create"
    COMMENT = "comment"
    COMMENT_ANY = "comment_any"
    REOPEN = "reopen"
    PARTICIPANTS = "participants"
    AUTO_REPLY = "auto_reply"
    VIEW = "view"
    INTERNAL = "internal"
    COMMANDS = "commands"
    AGENT = "agent"


# What a project gives to some and not to others, so that it matters who they are: never without proof, but where the
# inbox asks nobody for any. Commands change what others rely on: they always take proof.
BELIEVED: Final = frozenset((Right.COMMENT_ANY, Right.VIEW, Right.INTERNAL, Right.AGENT))
OF_FEW: Final = BELIEVED | {Right.COMMANDS}
# A key proves a reply, so what is asked before there is an issue cannot wait for one.
_FIRST: Final = frozenset((Right.CREATE, Right.AUTO_REPLY))


class Rights(Section):
    """How well an author must be proved to use each right: `failed`, `none`, `aligned` or `key`. Nothing that `failed`
    is ever added to an issue; what only some people may do takes `aligned` or `key`.
    """

    create: Proof = Proof.NONE
    """Make an issue: `failed`, `none` or `aligned`. `none` is `failed` in an inbox with `obey_dmarc = false`."""
    comment: Proof = Proof.NONE
    """Comment on an issue that one takes part in."""
    comment_any: Proof = Proof.ALIGNED
    """Comment on every issue of the project."""
    reopen: Proof = Proof.NONE
    """Reopen a closed issue by a comment."""
    participants: Proof = Proof.NONE
    """Have the people in Cc take part."""
    auto_reply: Proof = Proof.ALIGNED
    """Hear that an issue was made, where the inbox says nothing else: `failed`, `none` or `aligned`."""
    view: Proof = Proof.ALIGNED
    """Be shown any issue of the project."""
    internal: Proof = Proof.ALIGNED
    """Comment so that only agents read it."""
    commands: Proof = Proof.ALIGNED
    """Give commands in a mail."""
    agent: Proof = Proof.ALIGNED
    """Act as agent of the project in any other way."""

    @field_validator("*")
    @classmethod
    def _is_safe(cls, proof: Proof, info: ValidationInfo) -> Proof:
        allowed = allowed_proofs(Right(str(info.field_name)))
        if proof not in allowed:
            raise ValueError(f"{proof} is not safe for {info.field_name}; allowed are {', '.join(allowed)}")
        return proof

    def least(self, right: Right) -> Proof:
        return Proof(getattr(self, right))


def allowed_proofs(right: Right) -> tuple[Proof, ...]:
    """What `[rights]` may ask for `right`."""
    if right in _FIRST:
        return (Proof.FAILED, Proof.NONE, Proof.ALIGNED)
    return (Proof.ALIGNED, Proof.KEY) if right in OF_FEW else (Proof.NONE, Proof.ALIGNED, Proof.KEY)


# ---- who is given them -----------------------------------------------------------------------------------------------


class Role(StrEnum):
    """A bundle of permissions in a project, least first."""

    CUSTOMER = "customer"
    MEMBER = "member"
    AGENT = "agent"
    MANAGER = "manager"


# Whoever takes part in an issue has these on it.
OF_PARTICIPANTS: Final = frozenset((Right.COMMENT, Right.REOPEN, Right.PARTICIPANTS, Right.VIEW))
# Each permission, and the rights that it gives in a project. `create:task` is `create` for issues of that type alone.
PERMISSIONS: Final[dict[str, frozenset[Right]]] = {
    "create": frozenset((Right.CREATE, Right.PARTICIPANTS)),
    "comment": frozenset((Right.COMMENT_ANY, Right.REOPEN)),
    "view": frozenset((Right.VIEW,)),
    "agent": frozenset(Right) - {Right.COMMENT},
}
BUNDLES: Final[dict[Role, frozenset[str]]] = {
    Role.CUSTOMER: frozenset(("create",)),
    Role.MEMBER: frozenset(("create", "comment", "view")),
    Role.AGENT: frozenset(("agent",)),
    Role.MANAGER: frozenset(("agent",)),
}


def _permission(text: str) -> str:
    name, colon, issue_type = text.partition(":")
    if name in PERMISSIONS and not colon:
        return text
    # The name of a type, as `Name` has it.
    if name == "create" and re.fullmatch(r"[^\x00-\x1f\x7f]{1,200}", issue_type):
        return text
    raise ValueError(f"{text!r} is not a permission; there are agent, comment, create, create:<issue type>, view")


Permission = Annotated[str, AfterValidator(_permission), WithJsonSchema({"type": "string", "format": "permission"})]
