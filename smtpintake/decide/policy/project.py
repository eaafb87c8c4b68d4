"""`[[project]]`: where issues are kept, and of what types they are."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from smtpintake.decide.fields import Name
from smtpintake.decide.policy.section import Section


class IssueType(Section):
    name: Name
    """What people call it, such as `incident`."""
    prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")]
    """Two to eight capitals, and no project's key: what `[IN:000012]` in a subject names."""


class Project(Section):
    key: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}$")]
    """One to ten capitals and digits, a capital first: the first part of every issue key, `SUP-12`."""
    name: Name
    """Shown to people, and the sender's name of auto-replies."""
    issue_types: tuple[IssueType, ...] = (IssueType(name="incident", prefix="IN"),)
    """What kinds of issue it has; the first is the default."""

    @model_validator(mode="after")
    def _types_are_distinct(self) -> Self:
        if not self.issue_types:
            raise ValueError("a project needs at least one issue type")
        for what in ("name", "prefix"):
            if len({getattr(issue_type, what) for issue_type in self.issue_types}) < len(self.issue_types):
                raise ValueError(f"two issue types have the same {what}")
        return self
