"""How much mail a machine may write for us."""

from datetime import timedelta

import pytest

from smtpintake.compose.budget import (
    NOTHING_SPENT,
    Budget,
    Ledger,
    Spent,
    is_exhausted,
    why_no_answer,
    why_no_notice,
    why_paused,
)
from tests.make import NOW

CARA = "cara@customer.example"
BUDGET = Budget(timedelta(hours=3), per_address=5, per_thread=3, per_domain=20, total=100, pause=timedelta(minutes=10))
LONG_AGO, JUST_NOW = NOW - timedelta(minutes=10), NOW - timedelta(minutes=9, seconds=59)


@pytest.mark.parametrize(
    ("spent", "why"),
    [
        (NOTHING_SPENT, None),
        (Spent(answers=4, last_answer=LONG_AGO), None),
        (Spent(answers=5, last_answer=LONG_AGO), f"{CARA} was sent 5 answers within 3 h"),
        (Spent(threads={7: 2, 8: 3}), None),
        (Spent(threads={7: 3}), f"{CARA} was sent 3 automatic mails about this issue within 3 h"),
        (Spent(domain=19), None),
        (Spent(domain=20), "customer.example was sent 20 answers within 3 h"),
        (Spent(total=99), None),
        (Spent(total=100), "100 answers were sent within 3 h"),
    ],
)
def test_what_is_spent_silences(spent: Spent, why: str | None) -> None:
    silence = why_no_answer(BUDGET, spent, CARA, issue_id=7)
    assert (silence and silence.said) == why
    assert is_exhausted(BUDGET, spent) or why is None


def test_a_pause_is_no_silence() -> None:
    assert why_paused(BUDGET, Spent(answers=1, last_answer=JUST_NOW), CARA, NOW) == f"{CARA} was answered 599 s ago"
    assert why_paused(BUDGET, Spent(answers=1, last_answer=LONG_AGO), CARA, NOW) is None
    assert why_no_answer(BUDGET, Spent(answers=1, last_answer=NOW), CARA) is None


def test_a_silence_has_one_name_for_all_the_mails_that_it_keeps_back() -> None:
    names = [
        silence.name
        for spent in (Spent(answers=5), Spent(answers=6), Spent(threads={7: 3}), Spent(domain=20), Spent(total=100))
        if (silence := why_no_answer(BUDGET, spent, CARA, issue_id=7))
    ]
    assert names == [
        *[f"budget.address {CARA}"] * 2,
        f"budget.thread {CARA} 7",
        "budget.domain @customer.example",
        "budget.total *",
    ]


def test_a_notice_counts_for_its_issue_alone() -> None:
    spent = Spent(answers=5, last_answer=NOW, threads={7: 2, 8: 3}, domain=20, total=100)
    assert why_no_notice(BUDGET, spent, CARA, 7) is None
    assert why_no_notice(BUDGET, spent, CARA, 8)
    assert why_no_notice(BUDGET, spent, CARA, None) is None


def test_no_limit_is_0() -> None:
    unlimited = Budget(per_address=0, per_thread=0, per_domain=0, total=0, pause=timedelta())
    spent = Spent(answers=10**6, last_answer=NOW, threads={7: 10**6}, domain=10**6, total=10**6)
    assert why_no_answer(unlimited, spent, CARA, issue_id=7) is None
    assert not is_exhausted(unlimited, spent)


def test_what_a_transaction_sends_counts_at_once() -> None:
    ledger = Ledger()
    assert ledger.on_top_of(NOTHING_SPENT, CARA, NOW) is NOTHING_SPENT
    ledger.add(CARA, 7)
    ledger.add("ben@customer.example", 8)
    before = Spent(answers=1, last_answer=LONG_AGO, threads={7: 1, 9: 1}, domain=1, total=1)
    assert ledger.on_top_of(before, CARA, NOW) == Spent(2, NOW, {7: 2, 9: 1}, domain=3, total=3)
    assert ledger.on_top_of(before, "dan@customer.example", NOW) == Spent(1, LONG_AGO, {7: 1, 9: 1}, domain=3, total=3)
