"""What the verdicts of scanners cost a mail, by the settings of its inbox."""

from typing import Any

import pytest

from smtpintake.decide.alternatives import alternatives
from smtpintake.decide.judge import judge
from smtpintake.decide.outcome import outcome_of
from smtpintake.decide.policy import Inbox, PolicyError
from smtpintake.decide.prose import sentences
from smtpintake.decide.scan import Scan, Verdict
from tests import make

CLEAN = Scan("clamd", Verdict.CLEAN)
VIRUS = Scan("clamd", Verdict.VIRUS, "Eicar-Test-Signature")
DOWN = Scan("clamd", Verdict.FAILED, "connection refused")
LARGE = Scan("clamd", Verdict.OVERSIZE, "INSTREAM size limit exceeded. ERROR")
HAM = Scan("rspamd", Verdict.CLEAN, "no action: ", 0.5)
SUSPECT = Scan("rspamd", Verdict.SUSPECT, "add header: BAYES_SPAM 5.1", 7.5)
SPAM = Scan("rspamd", Verdict.SPAM, "reject: BAYES_SPAM 5.1", 21.0)
LATER = Scan("rspamd", Verdict.LATER, "soft reject: GREYLIST 0", 4.2)


def judged(*scans: Scan, waived: str = "", **settings: Any) -> tuple[str, str, str]:
    """Outcome, reason, and the result of the check."""
    policy = make.policy(scan=settings)
    judgement = judge(make.facts(policy, scans=scans, waived=waived), policy)
    (found,) = [one for one in judgement.findings if one.check.split(".")[0] == "scan"]
    return outcome_of(judgement.decision), judgement.decision.reason, found.result


TAKEN = ("created", "thread.new")


@pytest.mark.parametrize(
    ("scan", "settings", "expected"),
    [
        pytest.param(None, {}, (*TAKEN, "none")),
        pytest.param(CLEAN, {}, (*TAKEN, "clean")),
        pytest.param(VIRUS, {}, ("rejected", "scan.virus", "reject")),
        pytest.param(VIRUS, {"virus": "hold"}, ("held", "scan.virus", "hold")),
        pytest.param(SPAM, {}, ("rejected", "scan.spam", "reject")),
        pytest.param(SPAM, {"spam": "hold"}, ("held", "scan.spam", "hold")),
        pytest.param(SPAM, {"spam": "mark"}, (*TAKEN, "mark")),
        pytest.param(SUSPECT, {}, (*TAKEN, "mark")),
        pytest.param(SUSPECT, {"suspect": "hold"}, ("held", "scan.suspect", "hold")),
        pytest.param(SUSPECT, {"suspect": "reject"}, ("rejected", "scan.suspect", "reject")),
        pytest.param(LATER, {}, ("deferred", "scan.later", "defer")),
        pytest.param(LATER, {"later": "mark"}, (*TAKEN, "mark")),
        pytest.param(LARGE, {}, ("held", "scan.oversize", "hold")),
        pytest.param(LARGE, {"oversize": "reject"}, ("rejected", "scan.oversize", "reject")),
        pytest.param(LARGE, {"oversize": "mark"}, (*TAKEN, "mark")),
        pytest.param(DOWN, {}, ("deferred", "scan.failed", "defer")),
        pytest.param(DOWN, {"failed": "mark"}, (*TAKEN, "mark")),
        pytest.param(SUSPECT, {"spam_score": 7.5}, ("rejected", "scan.spam", "reject")),
        pytest.param(SUSPECT, {"spam_score": 7.6}, (*TAKEN, "mark")),
        pytest.param(HAM, {"spam_score": 0, "spam": "hold"}, ("held", "scan.spam", "hold")),
        pytest.param(HAM, {"suspect_score": 0.5, "suspect": "hold"}, ("held", "scan.suspect", "hold")),
        pytest.param(HAM, {"suspect_score": 1, "suspect": "hold"}, (*TAKEN, "clean")),
        # Scores make nothing better.
        pytest.param(SPAM, {"spam_score": 50}, ("rejected", "scan.spam", "reject")),
        pytest.param(LATER, {"suspect_score": 1, "suspect": "mark"}, ("deferred", "scan.later", "defer")),
    ],
)
@pytest.mark.setting(
    "inbox.scan.virus",
    "inbox.scan.spam",
    "inbox.scan.suspect",
    "inbox.scan.later",
    "inbox.scan.oversize",
    "inbox.scan.failed",
    "inbox.scan.spam_score",
    "inbox.scan.suspect_score",
)
def test_an_inbox_says_what_a_verdict_costs(
    scan: Scan | None, settings: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert judged(*((scan,) if scan else ()), **settings) == expected


@pytest.mark.parametrize(
    ("scans", "settings", "reason"),
    [
        ((CLEAN, SPAM), {}, "scan.spam"),
        ((VIRUS, HAM), {}, "scan.virus"),
        ((DOWN, SPAM), {}, "scan.spam"),  # refused, whatever the other would have said
        ((VIRUS, LATER), {}, "scan.virus"),
        ((DOWN, SUSPECT), {"suspect": "hold"}, "scan.failed"),  # to be held it must have been looked at
        ((LARGE, LATER), {}, "scan.later"),
        ((LARGE, SUSPECT), {"suspect": "hold"}, "scan.oversize"),
        ((VIRUS, SPAM), {"virus": "hold"}, "scan.spam"),
    ],
)
def test_of_several_verdicts_the_dearest_counts(scans: tuple[Scan, ...], settings: dict[str, Any], reason: str) -> None:
    assert judged(*scans, **settings)[1] == reason


def test_an_operator_may_overrule_the_scanner() -> None:
    assert judged(VIRUS, virus="hold", waived="scan.virus") == (*TAKEN, "waived")


def test_who_may_not_write_hears_that_first() -> None:
    policy = make.policy(denied_senders=["@customer.example"])
    judgement = judge(make.facts(policy, scans=(VIRUS,)), policy)
    assert judgement.decision.reason == "sender.denied"


def test_the_trace_tells_what_each_said() -> None:
    policy = make.policy()
    findings = judge(make.facts(policy, scans=(CLEAN, SUSPECT)), policy).findings
    told = [one for one in findings if one.check in ("clamd", "rspamd", "scan")]
    assert sentences(told) == (
        "clamd found nothing.",
        "rspamd suspects that it is spam: score 7.5; add header: BAYES_SPAM 5.1.",
        "What the scanners say costs it nothing in this inbox: suspect by rspamd.",
    )


def test_what_another_setting_would_make_of_it_is_nearest() -> None:
    policy = make.policy(denied_senders=["@evil.example"])
    found = alternatives(make.facts(policy, scans=(SPAM,)), policy)
    assert [str(one) for one in found[:2]] == [
        "With scan.spam = 'mark' it would become a new issue (thread.new).",
        "With scan.spam = 'hold' it would be held for an operator (scan.spam).",
    ]


@pytest.mark.parametrize(
    "scan", [{"virus": "mark"}, {"failed": "hold"}, {"later": "reject"}, {"spam_score": "nan"}, {"spam_score": 1e9}]
)
def test_what_makes_no_sense_cannot_be_written(scan: dict[str, Any]) -> None:
    with pytest.raises((PolicyError, ValueError)):
        Inbox.model_validate({"name": "support", "addresses": ["support@example.org"], "scan": scan})
