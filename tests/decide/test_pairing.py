"""One issue for several inboxes: who makes it, who shares it, and who goes their own way."""

from typing import Any

import pytest

from smtpintake.decide.decision import AddComment, CreateIssue, Decision, Hold, Judgement, Reject, ShareIssue
from smtpintake.decide.facts import Facts
from smtpintake.decide.pairing import share
from smtpintake.decide.policy import Policy, PolicyError, Proof, read_document
from smtpintake.mail.reason import Reason
from tests import make

CREATE = CreateIssue(Reason.THREAD_NEW, new_person=False, fields=make.fields())
COMMENT = AddComment(Reason.THREAD_REFERENCE, make.candidate(), Proof.NONE)
HOLD, REJECT = Hold(Reason.SENDER_UNKNOWN), Reject(Reason.SENDER_UNKNOWN)


def document(*pairs: dict[str, Any]) -> dict[str, Any]:
    inboxes = [{"name": name, "addresses": [f"{name}@example.org"], "project": "SUP"} for name in "abcd"]
    return {"project": [{"key": "SUP", "name": "Support"}], "inbox": inboxes, "pair": list(pairs)}


def policy(*pairs: str, issues: str = "one") -> Policy:
    return Policy(1, read_document(document(*({"inboxes": list(pair), "issues": issues} for pair in pairs))))


def facts(rules: Policy, inbox: str, **values: Any) -> Facts:
    return make.facts(make.policy(), inbox=rules.inboxes[inbox], **values)


def shared(rules: Policy, **decisions: Decision) -> dict[str, str]:
    """What becomes of the mail in each inbox: `->x` where it shares the issue of inbox x."""
    judged = [(facts(rules, inbox), Judgement(decision, ())) for inbox, decision in decisions.items()]
    outcomes = (judgement.decision for judgement in share(judged, rules))
    return {
        inbox: f"->{decision.inbox}" if isinstance(decision, ShareIssue) else type(decision).__name__
        for inbox, decision in zip(decisions, outcomes, strict=True)
    }


@pytest.mark.parametrize(
    ("pairs", "decisions", "outcomes"),
    [
        (["ab"], {"a": CREATE, "b": CREATE}, {"a": "CreateIssue", "b": "->a"}),
        (["ab"], {"b": CREATE, "a": CREATE}, {"b": "->a", "a": "CreateIssue"}),
        (["ba"], {"a": CREATE, "b": CREATE}, {"a": "->b", "b": "CreateIssue"}),
        (["ab"], {"a": CREATE, "c": CREATE}, {"a": "CreateIssue", "c": "CreateIssue"}),
        (["ab"], {"a": HOLD, "b": CREATE}, {"a": "Hold", "b": "CreateIssue"}),
        (["ab"], {"a": REJECT, "b": CREATE}, {"a": "Reject", "b": "CreateIssue"}),
        (["ab"], {"a": COMMENT, "b": CREATE}, {"a": "AddComment", "b": "CreateIssue"}),
        (["ab", "bc"], {"a": CREATE, "b": CREATE, "c": CREATE}, {"a": "CreateIssue", "b": "->a", "c": "->a"}),
        (["ab", "bc"], {"a": HOLD, "b": CREATE, "c": CREATE}, {"a": "Hold", "b": "CreateIssue", "c": "->b"}),
        (["ab", "cd"], dict.fromkeys("dcba", CREATE), {"d": "->c", "c": "CreateIssue", "b": "->a", "a": "CreateIssue"}),
        (["ab", "bc", "ca"], dict.fromkeys("cba", CREATE), {"c": "->a", "b": "->a", "a": "CreateIssue"}),
        (["ab", "cd", "bd"], dict.fromkeys("dc", CREATE), {"d": "->c", "c": "CreateIssue"}),
        ([], {"a": CREATE, "b": CREATE}, {"a": "CreateIssue", "b": "CreateIssue"}),
    ],
)
def test_who_creates_and_who_shares(pairs: list[str], decisions: dict[str, Decision], outcomes: dict[str, str]) -> None:
    assert shared(policy(*pairs), **decisions) == outcomes


def test_linked_is_what_happens_without_a_pair() -> None:
    outcomes = {"a": "CreateIssue", "b": "CreateIssue"}
    assert shared(policy("ab", issues="linked"), a=CREATE, b=CREATE) == outcomes


def test_what_the_mail_made_before_is_shared() -> None:
    rules = policy("ab")
    (judgement,) = share([(facts(rules, "b", shared=make.earlier()), Judgement(CREATE, ()))], rules)
    assert judgement.decision == ShareIssue(Reason.THREAD_NEW, "b", "SUP", make.earlier())
    assert [finding.check for finding in judgement.findings] == ["pair"]


@pytest.mark.parametrize(
    ("pairs", "key"),
    [
        ([{"inboxes": ["a", "x"], "issues": "one"}], "pair[0].inboxes"),
        ([{"inboxes": ["a", "a"], "issues": "one"}], "pair[0].inboxes"),
        ([{"inboxes": ["a"], "issues": "one"}], "pair[0].inboxes"),
        ([{"inboxes": ["a", "b", "c"], "issues": "one"}], "pair[0].inboxes"),
        ([{"inboxes": ["a", "b"]}], "pair[0].issues"),
        ([{"inboxes": ["a", "b"], "issues": "two"}], "pair[0].issues"),
        ([{"inboxes": ["a", "b"], "issues": "one"}, {"inboxes": ["b", "a"], "issues": "linked"}], "pair.inboxes"),
    ],
)
def test_a_wrong_pair_says_where(pairs: list[dict[str, Any]], key: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_document(document(*pairs))
    assert [fault.key for fault in caught.value.faults] == [key]
