"""Field mapping: which part of a mail fills which field, and what a mail may not say."""

from typing import Any

import pytest

from smtpintake.decide.decision import CreateIssue
from smtpintake.decide.issuefields import IssueFields
from smtpintake.decide.judge import judge
from smtpintake.decide.policy import Policy, PolicyError, read_document
from smtpintake.decide.routing import Route
from tests import make

MAIL: dict[str, Any] = {
    "message": make.message(
        subject="Scanner [urgent] broken", header=(("x-priority", "1"), ("x-lang", "de"), ("x-asset", "x-2"))
    ),
    "text": "\nNo light at all\nasset: X-1, since noon",
    "route": Route("support", "subaddress", "support+night@example.org", "night"),
}


def policy(*mappings: dict[str, Any], rules: tuple[dict[str, Any], ...] = (), **inbox: Any) -> Policy:
    data = make.policy(**inbox).document.model_dump(mode="json")
    data["project"][0]["fields"] = [{"name": "asset", "type": "choice", "choices": ["x-1", "x-2"]}]
    data["inbox"][0]["field_mapping"] = mappings
    return Policy(1, read_document({**data, "rule": rules}))


def made(
    *mappings: dict[str, Any], rules: tuple[dict[str, Any], ...] = (), **inbox: Any
) -> tuple[IssueFields, list[str]]:
    """The issue's fields, and what the trace says of the mapping."""
    mapped = policy(*mappings, rules=rules, **inbox)
    judgement = judge(make.facts(mapped, **MAIL), mapped)
    assert isinstance(judgement.decision, CreateIssue)
    said = [f"{each.result}: {each.detail}" for each in judgement.findings if each.check == "field_mapping"]
    return judgement.decision.fields, said


@pytest.mark.setting("inbox.field_mapping.field", "inbox.field_mapping.part", "inbox.field_mapping.regex")
@pytest.mark.setting("inbox.field_mapping.values")
@pytest.mark.parametrize(
    ("mapping", "field", "value"),
    [
        ({"field": "title", "part": "first line"}, "title", "No light at all"),
        ({"field": "title", "part": "subject", "regex": r"^(\w+)"}, "title", "Scanner"),
        ({"field": "title", "part": "body", "regex": "light.*"}, "title", "light at all"),
        ({"field": "tags", "part": "subaddress"}, "tags", ("night",)),
        ({"field": "priority", "part": "subject", "regex": r"\[(\w+)\]"}, "priority", "urgent"),
        ({"field": "priority", "part": "header X-Priority", "values": {"1": "high", "5": "low"}}, "priority", "high"),
        ({"field": "language", "part": "header X-Lang"}, "language", "de"),
        ({"field": "issue_type", "part": "subaddress", "values": {"night": "task"}}, "issue_type", "task"),
        ({"field": "status", "part": "subaddress", "values": {"night": "closed"}}, "status", "closed"),
        ({"field": "fields.asset", "part": "header X-Asset"}, "fields", (("asset", "x-2"),)),
    ],
)
def test_a_part_of_the_mail_fills_a_field(mapping: dict[str, Any], field: str, value: object) -> None:
    fields, said = made(mapping)
    assert getattr(fields, field) == value
    assert [each.partition(":")[0] for each in said] == ["set"]


@pytest.mark.parametrize(
    ("mapping", "field", "value"),
    [
        ({"field": "priority", "part": "header X-Priority"}, "priority", "normal"),
        ({"field": "issue_type", "part": "subaddress"}, "issue_type", "incident"),
        ({"field": "status", "part": "subaddress"}, "status", "open"),
        ({"field": "language", "part": "first line"}, "language", "en"),
        ({"field": "fields.asset", "part": "subject"}, "fields", ()),
    ],
)
def test_a_value_that_the_field_cannot_have_is_ignored(mapping: dict[str, Any], field: str, value: object) -> None:
    fields, said = made(mapping)
    assert getattr(fields, field) == value
    assert [each.partition(":")[0] for each in said] == ["ignored"]


def test_what_is_not_there_leaves_the_field_alone() -> None:
    fields, said = made(
        {"field": "title", "part": "header X-None"}, {"field": "title", "part": "body", "regex": "nothing (like) it"}
    )
    assert (fields.title, said) == ("Scanner [urgent] broken", [])


@pytest.mark.setting("inbox.field_mapping.allow_override")
def test_the_sender_may_override_a_default_or_not() -> None:
    title = {"field": "title", "part": "first line"}
    assert made(title)[0].title == "No light at all"
    fields, said = made(title | {"allow_override": False})
    assert fields.title == "Scanner [urgent] broken"
    assert said[0].startswith("default stays: title")
    # There is nothing to be overridden.
    assert made({"field": "tags", "part": "subaddress", "allow_override": False})[0].tags == ("night",)
    tagged = {"defaults": {"tags": ["mail"]}}
    assert made({"field": "tags", "part": "subaddress", "allow_override": False}, **tagged)[0].tags == ("mail",)
    assert made({"field": "tags", "part": "subaddress"}, **tagged)[0].tags == ("mail", "night")


def test_rules_have_the_last_word() -> None:
    fields, _ = made(
        {"field": "priority", "part": "subject", "regex": r"\[(\w+)\]"},
        rules=({"name": "r", "then": {"priority": "low"}},),
    )
    assert fields.priority == "low"


def test_a_value_is_one_line_and_not_too_long() -> None:
    fields, _ = made({"field": "title", "part": "body"})
    assert fields.title == "No light at all asset: X-1, since noon"
    long = {**MAIL, "text": "x" * 1000}
    mapped = policy({"field": "title", "part": "body"})
    decision = judge(make.facts(mapped, **long), mapped).decision
    assert isinstance(decision, CreateIssue)
    assert decision.fields.title == "x" * 300


@pytest.mark.parametrize(
    ("mapping", "key", "what"),
    [
        ({"field": "project", "part": "subject"}, "field", "not filled from a mail"),
        ({"field": "assignee", "part": "subject"}, "field", "not filled from a mail"),
        ({"field": "title", "part": "footer"}, "part", "no part of a mail"),
        ({"field": "title", "part": "header X Y"}, "part", "no part of a mail"),
        ({"field": "title", "part": "body", "regex": "("}, "regex", "RE2"),
        ({"field": "fields.colour", "part": "body"}, "field", "asset"),
        ({"field": "priority", "part": "body", "values": {"1": "huge"}}, "values.1", "urgent"),
        ({"field": "status", "part": "body", "values": {"1": "asleep"}}, "values.1", "closed"),
    ],
)
def test_a_faulty_mapping_is_named(mapping: dict[str, Any], key: str, what: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(mapping)
    (fault,) = caught.value.faults
    assert fault.key == f"inbox[0].field_mapping[0].{key}"
    assert what in fault.what
