"""`inbox.field_mapping`: which part of the mail fills which field of a new issue."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from smtpintake.decide.patterns import fault_of
from smtpintake.decide.policy.section import Section

HEADER: Final = "header "
_PARTS: Final = ("subject", "body", "first line", "subaddress")
_FIELDS: Final = ("title", "issue_type", "status", "priority", "language", "tags")
OWN: Final = "fields."


def _part(text: str) -> str:
    folded = text.lower()
    if folded in _PARTS or re.fullmatch(rf"{HEADER}[!-9;-~]{{1,80}}", folded):
        return folded
    raise ValueError(f"{text!r} is no part of a mail; there are {', '.join(_PARTS)}, and header X-Name")


def _field(text: str) -> str:
    if text in _FIELDS or text.startswith(OWN):
        return text
    raise ValueError(f"{text!r} is not filled from a mail; there are {', '.join(_FIELDS)}, and {OWN}NAME")


def _expression(text: str) -> str:
    if fault := fault_of(text):
        raise ValueError(fault)
    return text


class FieldMapping(Section):
    field: Annotated[str, AfterValidator(_field)]
    """The field: `title`, `issue_type`, `status`, `priority`, `language`, `tags`, or `fields.NAME` of the project's own.
    """
    part: Annotated[str, AfterValidator(_part)]
    """The part of the mail: `subject`, `body`, `first line` (of the body), `subaddress` (of the recipient), or
    `header X-Name`.
    """
    regex: Annotated[str, AfterValidator(_expression)] | None = None
    """An expression of RE2 that is to be found in the part: its first group is the value, or all that it found."""
    values: dict[str, str] = Field(default_factory=dict)
    """What is written in the mail -> the value that is meant, such as `{ "1" = "urgent" }`. What isn't listed is taken
    as it is.
    """
    allow_override: bool = True
    """Whether the mail's value replaces a default. Where not, it only fills a field that has none."""
