"""A trace in sentences, and what would have changed the outcome."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import smtpintake
from smtpintake.decide.alternatives import alternatives
from smtpintake.decide.facts import Finding
from smtpintake.decide.judge import judge
from smtpintake.decide.policy import Policy, read_document
from smtpintake.decide.prose import conclusion, deciding, sentences
from smtpintake.mail.message import Origin
from tests import make
from tests.decide.verdicts import sealed, verdict

RULES = make.policy(unknown_senders="reject")


def test_a_trace_reads_as_a_person_would_say_it() -> None:
    facts = make.facts(RULES, auth=verdict("pass", "pass", "reject", aligned="spf"))
    said = sentences(judge(facts, RULES).findings)
    assert said[0] == "The recipient is an address of the inbox: support@example.org is inbox support."
    assert "SPF passes: the client may send for customer.example." in said
    assert "So the author's domain is proved: SPF of customer.example." in said
    assert "The author is not among the denied senders." in said
    assert said[-1] == (
        "The inbox refuses mail of unknown senders: cara@customer.example is not registered; inbox support says reject."
    )


def test_what_decided_is_named_with_its_policy() -> None:
    findings = (Finding("require", "met"), Finding("unmatched", "create"), Finding("auto_reply", "none", "x"))
    assert deciding(findings).check == "unmatched"
    assert conclusion(findings, "created", "thread.new", 7) == (
        "The mail became a new issue (thread.new). Decided by unmatched, under policy version 7."
    )


def test_every_check_of_the_code_has_a_sentence() -> None:
    """A finding that the sentences do not know is told all the same, but as a machine would."""
    source = "".join(path.read_text() for path in Path(smtpintake.__file__).parent.rglob("*.py"))
    named = set(re.findall(r'(?:Finding|ruled)\(\s*"([a-z_]+)"', source))
    named |= set(re.findall(r'^_?CHECK(?:: Final)? = "([a-z_]+)"', source, re.MULTILINE))
    unknown = {check for check in named - {"trace"} if f'    "{check}": {{' not in _prose()}
    assert unknown == set(), "decide/prose.py has no sentence for these checks"
    assert len(named) > 25


def _prose() -> str:
    return (Path(smtpintake.__file__).parent / "decide" / "prose.py").read_text()


@given(st.text(), st.text(), st.text())
def test_any_finding_is_one_sentence(check: str, result: str, detail: str) -> None:
    (said,) = sentences([Finding(check, result, detail)])
    assert said
    assert detail in said


@given(st.sampled_from(["route", "spf", "rule", "require", "session"]), st.text())
def test_evidence_stays_as_it_is(check: str, detail: str) -> None:
    (said,) = sentences([Finding(check, "match", detail)])
    assert detail in said


# ---- the nearest setting -------------------------------------------------------------------------------------------


def nearest(rules: Policy, **facts: Any) -> list[str]:
    return [str(one) for one in alternatives(make.facts(rules, **facts), rules)]


def test_the_setting_that_decided_comes_first() -> None:
    assert nearest(RULES, auth=verdict("pass", aligned="spf")) == [
        "With unknown_senders = 'hold' it would be held for an operator (sender.unknown).",
        "With unknown_senders = 'create' it would become a new issue (thread.new).",
        "With the author registered as a person, it would become a new issue (thread.new).",
        "With the author as an agent of SUP, it would become a new issue (thread.new).",
    ]


@pytest.mark.parametrize(
    ("inbox", "facts", "first"),
    [
        (
            {"denied_senders": ["@other.example", "@customer.example"]},
            {},
            "With denied_senders without '@customer.example' it would become a new issue (thread.new).",
        ),
        (
            {"allowed_domains": ["partner.example"]},
            {},
            "With allowed_domains without 'partner.example' it would become a new issue (thread.new).",
        ),
        (
            {},
            {"auth": verdict("fail", policy="reject")},
            "With obey_dmarc = false it would become a new issue (thread.new).",
        ),
        (
            {},
            {"auth": verdict("fail", policy="quarantine", arc=sealed(dmarc="pass"))},
            "With obey_dmarc = false it would become a new issue (thread.new).",
        ),
        (
            {"unmatched": "hold"},
            {},
            "With unmatched = 'create' it would become a new issue (thread.new).",
        ),
        (
            {},
            {"sender": make.sender(active=False)},
            "With the author active again, it would become a new issue (thread.new).",
        ),
    ],
)
def test_what_would_have_changed_it(inbox: dict[str, Any], facts: dict[str, Any], first: str) -> None:
    assert nearest(make.policy(**inbox), **facts)[0] == first


def test_a_sealer_that_might_be_trusted_is_named() -> None:
    auth = verdict("fail", policy="quarantine", arc=sealed(dmarc="pass"))
    assert any("'lists.example.net' among the trusted_sealers" in one for one in nearest(make.policy(), auth=auth))


def test_an_issue_that_it_would_be_added_to_is_named() -> None:
    found = nearest(
        make.policy(), candidates=(make.candidate(participates=False),), auth=verdict("pass", aligned="spf")
    )
    assert "With the author as an agent of SUP, it would be added to SUP-3 (thread.reference)." in found


def test_a_rule_that_held_is_switched_off() -> None:
    document = make.policy().document.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    rule = {"name": "fire", "when": {"subject": ["fire"]}, "then": {"hold": True}}
    rules = Policy(1, read_document(document | {"rule": [rule]}))
    assert nearest(rules)[0] == "With the rule 'fire' switched off, it would become a new issue (thread.new)."


def test_where_nothing_would_change_it_nothing_is_said() -> None:
    assert nearest(make.policy(), message=make.message(origin=Origin.BOUNCE)) == []


def test_an_allowed_domain_that_asks_for_less_is_proposed() -> None:
    rules = make.policy(allowed_domains=[{"domain": "customer.example", "proof": "aligned"}])
    assert "With 'customer.example' among the allowed_domains it would become a new issue (thread.new)." in nearest(
        rules
    )
