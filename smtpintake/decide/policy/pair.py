"""`Pair`: what one mail to two inboxes makes, where it would make an issue in each."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from smtpintake.decide.policy.section import Section


class Together(StrEnum):
    LINKED = "linked"
    ONE = "one"


class Pair(Section):
    """Two inboxes, and what a mail to both makes where it would make an issue in each."""

    inboxes: Annotated[tuple[str, ...], Field(min_length=2, max_length=2)]
    """Two names; with `one`, the issue is made in the first."""
    issues: Together
    """Linked issues, one in each, as without a pair; or one issue for both."""

    @field_validator("inboxes")
    @classmethod
    def _differ(cls, inboxes: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(inboxes)) < len(inboxes):
            raise ValueError("a pair is of two different inboxes")
        return inboxes

    @property
    def name(self) -> str:
        """The same whichever comes first."""
        return " and ".join(sorted(self.inboxes))
