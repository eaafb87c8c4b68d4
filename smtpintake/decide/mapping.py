"""What a mail says of its own fields, where the inbox lets it: `inbox.field_mapping`.

Contract: pure; a step of `decide.fieldsof`. A mail is written by anybody, so a value that the field can't have is never
taken: the default stays, and a Finding says so. Nothing here can choose the project or name a person.
"""

import re
from dataclasses import replace
from typing import Final

from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.issuefields import IssueFields
from smtpintake.decide.patterns import captured
from smtpintake.decide.policy import FieldMapping, Policy, Project
from smtpintake.decide.policy.mapping import HEADER, OWN, value_fault

CHECK: Final = "field_mapping"
MAX_VALUE: Final = 300  # characters of a value, as of a title
MAX_TAGS: Final = 20
MAX_TAG: Final = 60


def fill_fields(facts: Facts, policy: Policy, fields: IssueFields) -> tuple[IssueFields, tuple[Finding, ...]]:
    """`fields` with what the mail says of them."""
    findings: list[Finding] = []
    for mapping in facts.inbox.field_mapping:
        said = _said(facts, mapping)
        if not said:
            continue
        value = mapping.values.get(said, said)
        detail = f"{mapping.field} {value!r} from {mapping.part}"
        filled = _filled(fields, mapping.field, value, policy.projects[fields.project])
        if filled is None:
            findings.append(Finding(CHECK, "ignored", f"{detail}: no value that it can have"))
        elif not mapping.allow_override and _is_filled(fields, mapping.field):
            findings.append(Finding(CHECK, "default stays", detail))
        else:
            findings.append(Finding(CHECK, "set", detail))
            fields = filled
    return fields, tuple(findings)


def _said(facts: Facts, mapping: FieldMapping) -> str:
    """The value that the mail has, in one line; empty where it has none."""
    text = _part(facts, mapping.part)
    if mapping.regex is not None:
        text = captured(mapping.regex, text)
    return " ".join(text[: 10 * MAX_VALUE].split())[:MAX_VALUE]


def _part(facts: Facts, part: str) -> str:
    match part:
        case "subject":
            return facts.message.subject
        case "body":
            return facts.text
        case "first line":
            return facts.text.lstrip().partition("\n")[0]
        case "subaddress":
            return facts.route.subaddress
        case _:
            name = part.removeprefix(HEADER)
            return next((value for given, value in facts.message.header if given == name), "")


def _is_filled(fields: IssueFields, field: str) -> bool:
    if field.startswith(OWN):
        return field.removeprefix(OWN) in dict(fields.fields)
    return bool(getattr(fields, field))


def _filled(fields: IssueFields, field: str, value: str, project: Project) -> IssueFields | None:
    """`fields` with this value; None where the field can't have it."""
    value = value.lower() if field == "priority" else value
    if value_fault(project, field, value):
        return None
    if field == "tags":
        tags = [tag for tag in re.split(r"[\s,;]+", value) if 0 < len(tag) <= MAX_TAG][:MAX_TAGS]
        return replace(fields, tags=tuple(dict.fromkeys((*fields.tags, *tags)))) if tags else None
    if field.startswith(OWN):
        return replace(fields, fields=tuple({**dict(fields.fields), field.removeprefix(OWN): value}.items()))
    return replace(fields, **{field: value})  # type: ignore[arg-type]  # all of them are texts
