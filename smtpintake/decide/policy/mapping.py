"""`inbox.field_mapping`: which part of the mail fills which field of a new issue."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, get_args

from pydantic import AfterValidator, Field

from smtpintake.decide.fields import LANGUAGE, Priority
from smtpintake.decide.patterns import fault_of
from smtpintake.decide.policy.project import Project
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
    """`title`, `issue_type`, `status`, `priority`, `language`, `tags`, or `fields.NAME` of the project's own."""
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
    """Whether the mail's value replaces what the field has by default. Where not, it only fills a field that has
    nothing: a title, tags, a field of your own.
    """


def value_fault(project: Project, field: str, value: str) -> str:
    """Why an issue of `project` can't have `value` in `field`, or an empty string."""
    allowed: Iterable[str]
    match field:
        case "title" | "tags":
            return ""
        case "language":
            return "" if re.fullmatch(LANGUAGE, value) else f"{value!r} is no language such as en"
        case "priority":
            allowed = get_args(Priority)
        case "issue_type":
            allowed = [issue_type.name for issue_type in project.issue_types]
        case "status":
            allowed = project.statuses
        case _:
            return project.field_fault(field.removeprefix(OWN), value)
    return "" if value in allowed else f"{value!r} is no {field}; there are {', '.join(allowed)}"


def mapping_faults(mapping: FieldMapping, project: Project) -> Iterator[tuple[str, str]]:
    """What is wrong with `mapping` in an inbox of `project`: the key, and what."""
    name = mapping.field.removeprefix(OWN)
    if mapping.field.startswith(OWN) and project.own_field(name) is None:
        yield "field", project.field_fault(name, "")
        return
    for written, value in mapping.values.items():
        if fault := value_fault(project, mapping.field, value):
            yield f"values.{written}", fault
