"""What a report counts for: proof, severity, and how an address's score goes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from smtpintake.decide.decision import Discard, Judgement, NoteReport, Outcome
from smtpintake.decide.facts import SentMail
from smtpintake.decide.judge import judge
from smtpintake.decide.outcome import outcome_of
from smtpintake.decide.reports import MAX_AGE, severity_of
from smtpintake.decide.scores import HALVING, STOPS_AT, Score, Severity
from smtpintake.mail.message import Origin
from smtpintake.mail.reason import Reason
from smtpintake.mail.report import Action, Report, Reported
from tests import make

RULES = make.policy()
BOB = "bob@example.com"
SENT = SentMail(12, BOB, make.NOW - timedelta(hours=1), 3, "SUP-3")
GONE = Reported((BOB,), Action.FAILED, "5.1.1", "550 5.1.1 user unknown")


def judged(
    *reported: Reported, sent: SentMail | None = SENT, origin: Origin = Origin.BOUNCE, null: bool = True, **inbox: Any
) -> Judgement:
    rules = make.policy(**inbox) if inbox else RULES
    report = Report(reported, ("x@example.org",)) if origin is Origin.BOUNCE else None
    envelope = make.envelope(mail_from=None if null else "cara@customer.example")
    message = make.message(origin=origin, report=report)
    return judge(make.facts(rules, envelope=envelope, message=message, sent=sent), rules)


def test_a_hard_bounce_is_a_note_on_the_issue() -> None:
    judgement = judged(GONE)
    assert judgement.decision == NoteReport(
        Reason.REPORT_BOUNCE, SENT, Severity.HARD, "failed 5.1.1 550 5.1.1 user unknown"
    )
    assert outcome_of(judgement.decision) is Outcome.COMMENTED
    assert judgement.findings[-1].result == "hard"


def test_a_mail_about_no_issue_is_marked_all_the_same() -> None:
    decision = judged(GONE, sent=replace(SENT, issue_id=None, issue_key=None)).decision
    assert isinstance(decision, NoteReport)
    assert outcome_of(decision) is Outcome.DISCARDED


@pytest.mark.parametrize(
    ("reported", "sent", "why"),
    [
        ((GONE,), None, "names no mail that we sent: x@example.org"),
        ((replace(GONE, addresses=("ana@example.com",)),), SENT, "went to bob@example.com, and it is about ana@"),
        ((), SENT, "about nobody"),
        ((GONE,), replace(SENT, sent_at=make.NOW - MAX_AGE - timedelta(seconds=1)), "too old to come back"),
    ],
)
@pytest.mark.parametrize("by_key", [False, True])
def test_a_report_that_is_not_proved_changes_nothing(
    reported: tuple[Reported, ...], sent: SentMail | None, why: str, *, by_key: bool
) -> None:
    if by_key and (sent is None or not reported):
        return  # a key says by itself which mail it is, and whose
    judgement = judged(*reported, sent=replace(sent, by_key=by_key) if sent else None)
    assert judgement.decision == Discard(Reason.REPORT_UNPROVED)
    assert judgement.findings[-1].result == "unproved"
    assert why in judgement.findings[-1].detail


def test_where_the_recipient_has_written_since_a_message_id_is_no_ground_to_stop_mail() -> None:
    alive = replace(SENT, heard_since=True)
    for reported in (GONE, replace(GONE, action=Action.COMPLAINED)):
        decision = judged(reported, sent=alive).decision
        assert isinstance(decision, NoteReport)
        assert decision.severity is Severity.SOFT
    decision = judged(GONE, sent=replace(alive, by_key=True)).decision
    assert isinstance(decision, NoteReport)
    assert decision.severity is Severity.HARD


@pytest.mark.parametrize(
    ("before", "reported", "noted"),
    [
        (Severity.SOFT, GONE, True),
        (Severity.SOFT, replace(GONE, status="5.2.2"), False),
        (Severity.HARD, GONE, False),
        (Severity.HARD, replace(GONE, action=Action.COMPLAINED), True),
        (Severity.COMPLAINT, GONE, False),
    ],
)
def test_only_what_is_worse_than_before_is_noted(before: Severity, reported: Reported, *, noted: bool) -> None:
    decision = judged(reported, sent=replace(SENT, bounced=before)).decision
    assert isinstance(decision, NoteReport if noted else Discard)


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "severity"),
    [
        ("failed", "5.1.1", "", "hard"),
        ("failed", "5.1.10", "null MX", "hard"),
        ("failed", "5.2.1", "disabled", "hard"),
        ("failed", "5.2.2", "550 user unknown? no: mailbox full", "soft"),
        ("failed", "5.7.1", "no such user, says the spam filter", "soft"),
        ("failed", "4.4.7", "expired", "soft"),
        ("failed", "5.0.0", "554 delivery error: This user doesn't have a yahoo.com account", "hard"),
        ("failed", "5.0.0", "550 we do not like you", "soft"),
        ("failed", "", "User bob (bob@example.com) not listed in Domino Directory", "hard"),
        ("failed", "", "", "soft"),
        ("delayed", "4.4.1", "", None),
        ("delivered", "2.0.0", "", None),
        ("relayed", "", "", None),
        ("expanded", "", "", None),
        ("noted", "", "not-spam", None),
        ("complained", "", "abuse", "complaint"),
    ],
)
def test_how_bad_it_is(action: str, status: str, diagnostic: str, severity: str | None) -> None:
    assert severity_of(Reported((BOB,), Action(action), status, diagnostic)) == severity


@pytest.mark.parametrize(
    "settings", [{"denied_senders": ["customer.example"]}, {"unknown_senders": "hold"}, {"require": "dmarc"}, {}]
)
def test_no_setting_of_the_inbox_makes_anything_else_of_a_report(settings: dict[str, Any]) -> None:
    assert isinstance(judged(GONE, **settings).decision, NoteReport)
    assert judged(GONE, sent=None, **settings).decision == Discard(Reason.REPORT_UNPROVED)


def test_what_comes_back_to_a_bounce_key_is_a_report_whatever_it_looks_like() -> None:
    keyed = replace(SENT, by_key=True)
    decision = judged(sent=keyed, origin=Origin.HUMAN).decision
    assert isinstance(decision, NoteReport)
    assert decision.severity is Severity.SOFT
    assert not isinstance(judged(sent=keyed, origin=Origin.HUMAN, null=False).decision, NoteReport)
    assert not isinstance(judged(sent=keyed, origin=Origin.AUTO_REPLY).decision, NoteReport)


def test_a_report_says_it_is_from_one_of_our_addresses_and_is_read_all_the_same() -> None:
    assert isinstance(judged(GONE, addresses=["support@example.org", "cara@customer.example"]).decision, NoteReport)


def test_a_hard_bounce_stops_mail_at_once_and_not_for_ever() -> None:
    score = Score(0, make.NOW).after(Severity.HARD, make.NOW, "gone")
    assert score.stops(make.NOW)
    assert score.stops(make.NOW + HALVING)
    assert not score.stops(make.NOW + 3 * HALVING)


def test_soft_bounces_add_up_within_days_only() -> None:
    score, now = Score(0, make.NOW), make.NOW
    for _ in range(5):
        assert not score.stops(now)
        now += timedelta(hours=12)
        score = score.after(Severity.SOFT, now, "full")
    assert score.stops(now)
    for _ in range(20):
        now += HALVING * 2
        score = score.after(Severity.SOFT, now, "full")
    assert score.value_at(now) < STOPS_AT


def test_a_clock_that_was_set_back_makes_no_score_larger() -> None:
    score = Score(16, make.NOW)
    earlier = make.NOW - 10 * HALVING
    assert score.value_at(earlier) == 16
    assert score.after(Severity.SOFT, earlier, "").at == make.NOW
