"""One reply for several recipients."""

import pytest

from smtpintake.decide.decision import (
    AddComment,
    CreateIssue,
    Decision,
    Discard,
    Hold,
    Judgement,
    Outcome,
    Reject,
    Repeat,
)
from smtpintake.decide.outcome import most_done, outcome_of, reconcile, reply_to
from smtpintake.decide.policy import Proof
from smtpintake.mail.reason import Reason
from tests import make

CREATE = CreateIssue(Reason.THREAD_NEW, new_person=False, fields=make.fields())
REFUSE = Reject(Reason.SENDER_UNKNOWN)
HOLD = Hold(Reason.SENDER_UNKNOWN)


@pytest.mark.parametrize(
    ("decisions", "outcomes"),
    [
        ([CREATE, REFUSE], [Outcome.CREATED, Outcome.HELD]),
        ([REFUSE, CREATE], [Outcome.HELD, Outcome.CREATED]),
        ([REFUSE, REFUSE], [Outcome.REJECTED, Outcome.REJECTED]),
        ([REFUSE, HOLD], [Outcome.HELD, Outcome.HELD]),
        ([REFUSE, Discard(Reason.SENDER_IGNORED)], [Outcome.HELD, Outcome.DISCARDED]),
    ],
)
def test_where_one_accepts_the_refused_are_held(decisions: list[Decision], outcomes: list[Outcome]) -> None:
    settled = reconcile([Judgement(decision, ()) for decision in decisions])
    assert [outcome_of(judgement.decision) for judgement in settled] == outcomes


def test_a_hold_instead_of_a_refusal_keeps_the_reason_and_says_why() -> None:
    _, held = reconcile([Judgement(CREATE, ()), Judgement(REFUSE, ())])
    assert held.decision == HOLD
    assert [finding.result for finding in held.findings] == ["mixed"]


@pytest.mark.parametrize(
    ("decision", "key", "line"),
    [
        (CREATE, "SUP-1", "250 2.0.0 SUP-1 created"),
        (AddComment(Reason.THREAD_KEY, make.candidate(), Proof.KEY), "SUP-3", "250 2.0.0 SUP-3 commented"),
        (HOLD, None, "250 2.0.0 held for review"),
        (Discard(Reason.SENDER_IGNORED), None, "250 2.0.0 accepted, not processed"),
        (Repeat(Reason.DELIVERY_DUPLICATE, make.earlier()), "SUP-3", "250 2.0.0 SUP-3 created"),
        (REFUSE, None, "550 5.7.1 sender.unknown: this address takes mail from registered senders only"),
    ],
)
def test_what_the_client_hears(decision: Decision, key: str | None, line: str) -> None:
    assert str(reply_to(decision, key)) == line


def test_the_reply_is_that_of_the_recipient_for_whom_most_was_done() -> None:
    assert most_done([Outcome.HELD, Outcome.CREATED, Outcome.COMMENTED]) == 1
    assert most_done([Outcome.REJECTED, Outcome.DEFERRED]) == 1
    assert most_done([Outcome.CREATED, Outcome.CREATED]) == 0
