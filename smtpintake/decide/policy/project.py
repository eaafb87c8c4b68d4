"""`[[project]]`: where issues are kept, of what types they are, and which values they may have."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from smtpintake.decide.fields import Name
from smtpintake.decide.policy.notify import Notify
from smtpintake.decide.policy.ownfield import OwnField
from smtpintake.decide.policy.section import Section

# What `inbox.status_after_reply` says besides a status.
REOPEN: Final = "reopen"
KEEP: Final = "keep"

StatusName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class IssueType(Section):
    name: Name
    """What people call it, such as `incident`."""
    prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
    """Two to eight capitals, and no project's key: what `[IN:000012]` in a subject names."""
    token_comments: bool = True
    """Whether a token in the subject leads to issues of this type; replies find them anyway."""


class Project(Section):
    key: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}$")]
    """One to ten capitals and digits, a capital first: the first part of every issue key, `SUP-12`."""
    name: Name
    """Shown to people, and the sender's name of auto-replies."""
    issue_types: tuple[IssueType, ...] = (IssueType(name="incident", prefix="IN"),)
    """What kinds of issue it has; the first is the default."""
    default: bool = False
    """Whether it is the project of the inboxes that name none. One project at most."""
    statuses: tuple[StatusName, ...] = ("open", "closed")
    """The statuses that an issue can have; a new one, and one that is reopened, has the first."""
    closed_statuses: tuple[StatusName, ...] = ("closed",)
    """Those of them in which an issue is done."""
    fields: tuple[OwnField, ...] = ()
    """Fields of your own, which its issues have besides the others."""
    default_role: Literal["none", "customer", "member"] = "customer"
    """The role of registered people who have neither role nor permissions here; `none` closes the project to them."""

    notify: Notify = Notify()
    """Who hears by mail of what happens to its issues."""

    @model_validator(mode="after")
    def _types_are_distinct(self) -> Self:
        if not self.issue_types:
            raise ValueError("a project needs at least one issue type")
        for what in ("name", "prefix"):
            if _repeats(getattr(issue_type, what) for issue_type in self.issue_types):
                raise ValueError(f"two issue types have the same {what}")
        if _repeats(field.name for field in self.fields):
            raise ValueError("two fields have the same name")
        return self

    @model_validator(mode="after")
    def _statuses_begin_open(self) -> Self:
        if not self.statuses or self.statuses[0] in self.closed_statuses:
            raise ValueError("statuses begins with that of a new issue, which is not one of closed_statuses")
        if _repeats(self.statuses) or {REOPEN, KEEP} & set(self.statuses):
            raise ValueError(f"statuses are distinct, and none is called {REOPEN!r} or {KEEP!r}")
        if foreign := set(self.closed_statuses) - set(self.statuses):
            raise ValueError(f"closed_statuses are some of statuses; {min(foreign)!r} is not")
        return self

    def own_field(self, name: str) -> OwnField | None:
        return next((field for field in self.fields if field.name == name), None)

    def field_fault(self, name: str, value: str) -> str:
        """Why an issue of this project can't have `value` in its own field `name`, or an empty string."""
        if (field := self.own_field(name)) is not None:
            return field.fault(value)
        return f"{self.key} has no field {name!r}; it has {', '.join(field.name for field in self.fields) or 'none'}"


def _repeats(names: Iterable[str]) -> bool:
    several = list(names)
    return len(set(several)) < len(several)
