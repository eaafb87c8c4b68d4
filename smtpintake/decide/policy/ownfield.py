"""A field of the installation's own, which the issues of a project have besides those that every issue has."""

import re
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from smtpintake.decide.policy.section import Section

MAX_VALUE: Final = 1000
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")


class FieldType(StrEnum):
    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"


class OwnField(Section):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    """Lower case, digits and `_`, a letter first."""
    type: FieldType = FieldType.TEXT
    """What its values are. A number is such as `12` or `-0.5`."""
    choices: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    """The values of a `choice`."""

    @model_validator(mode="after")
    def _choices_of_a_choice(self) -> Self:
        if (self.type is FieldType.CHOICE) != bool(self.choices):
            raise ValueError("choices go with type = 'choice': give both or neither")
        return self

    def fault(self, value: str) -> str:
        """Why `value` can't stand in this field, or an empty string."""
        match self.type:
            case FieldType.CHOICE if value not in self.choices:
                return f"{value!r} is not a choice; there are {', '.join(self.choices)}"
            case FieldType.NUMBER if not _NUMBER.fullmatch(value):
                return f"{value!r} is not a number"
            case FieldType.TEXT if len(value) > MAX_VALUE:
                return f"a text has at most {MAX_VALUE} characters"
            case _:
                return ""
