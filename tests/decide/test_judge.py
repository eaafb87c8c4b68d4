"""The policy's order, row by row: which check rules, what the mail becomes, and that the trace says so."""

from typing import Any

import pytest

from smtpintake.decide.decision import AddComment, CreateIssue, Decision, Discard, Hold, Reject, Repeat
from smtpintake.decide.judge import judge
from smtpintake.decide.policy import Proof, Role
from smtpintake.mail.message import Defect, Origin
from smtpintake.mail.reason import Reason
from tests import make

BOB = make.author("bob@spam.example", "Bob")


@pytest.mark.parametrize(
    ("inbox", "facts", "kind", "reason"),
    [
        ({}, {}, CreateIssue, Reason.THREAD_NEW),
        ({}, {"earlier": make.earlier()}, Repeat, Reason.DELIVERY_DUPLICATE),
        ({}, {"message": make.message(refusal=Reason.MESSAGE_COMPLEX)}, Reject, Reason.MESSAGE_COMPLEX),
        ({}, {"message": make.message(refusal=Reason.LOOP_RECEIVED)}, Reject, Reason.LOOP_RECEIVED),
        ({}, {"returned": True}, Discard, Reason.LOOP_OWN),
        ({}, {"message": make.message(authors=(make.author("support@example.org"),))}, Hold, Reason.LOOP_OWN),
        ({}, {"message": make.message(origin=Origin.BOUNCE)}, Discard, Reason.REPORT_UNPROVED),
        ({}, {"message": make.message(from_fields=0, authors=())}, Reject, Reason.AUTHOR_MISSING),
        ({}, {"message": make.message(from_fields=2, authors=(make.author(), BOB))}, Reject, Reason.AUTHOR_SEVERAL),
        ({}, {"message": make.message(from_fields=1, authors=(make.author(), BOB))}, Reject, Reason.AUTHOR_SEVERAL),
        ({}, {"message": make.message(from_fields=2, authors=(make.author(),))}, Reject, Reason.AUTHOR_SEVERAL),
        ({}, {"message": make.message(authors=())}, Reject, Reason.AUTHOR_INVALID),
        ({"ignored_senders": ["@customer.example"]}, {}, Discard, Reason.SENDER_IGNORED),
        ({"denied_senders": ["@customer.example"]}, {}, Reject, Reason.SENDER_DENIED),
        ({"denied_senders": ["cara@customer.example"]}, {}, Reject, Reason.SENDER_DENIED),
        ({"denied_senders": ["ra@cust"]}, {}, CreateIssue, Reason.THREAD_NEW),
        ({"denied_senders": ["noreply"]}, {}, CreateIssue, Reason.THREAD_NEW),
        ({"denied_senders": ["customer"]}, {}, Reject, Reason.SENDER_DENIED),
        ({"denied_senders": ["@omer.example"]}, {}, CreateIssue, Reason.THREAD_NEW),
        ({"allowed_domains": ["customer.example"]}, {}, CreateIssue, Reason.THREAD_NEW),
        ({"allowed_domains": ["*.example"]}, {}, CreateIssue, Reason.THREAD_NEW),
        ({"allowed_domains": ["other.example"]}, {}, Reject, Reason.SENDER_DOMAIN),
        ({"allowed_domains": ["*.customer.example"]}, {}, Reject, Reason.SENDER_DOMAIN),
        ({}, {"sender": make.sender(active=False)}, Reject, Reason.SENDER_DENIED),
        ({"unknown_senders": "reject"}, {}, Reject, Reason.SENDER_UNKNOWN),
        ({"unknown_senders": "hold"}, {}, Hold, Reason.SENDER_UNKNOWN),
        ({"unknown_senders": "reject"}, {"sender": make.sender()}, CreateIssue, Reason.THREAD_NEW),
        # Who was let in by another inbox is no more registered than before.
        ({"unknown_senders": "reject"}, {"sender": make.sender(registered=False)}, Reject, Reason.SENDER_UNKNOWN),
        ({"unknown_senders": "create"}, {"sender": make.sender(registered=False)}, CreateIssue, Reason.THREAD_NEW),
        ({"unmatched": "reject"}, {}, Reject, Reason.THREAD_UNMATCHED),
        ({"unmatched": "hold"}, {}, Hold, Reason.THREAD_UNMATCHED),
        ({"unmatched": "discard"}, {}, Discard, Reason.THREAD_UNMATCHED),
        ({}, {"candidates": (make.candidate(),)}, AddComment, Reason.THREAD_REFERENCE),
        ({"unmatched": "reject"}, {"candidates": (make.candidate(),)}, AddComment, Reason.THREAD_REFERENCE),
        # Who takes part in an issue was let in by its reporter, whoever the inbox knows.
        ({"unknown_senders": "reject"}, {"candidates": (make.candidate(),)}, AddComment, Reason.THREAD_REFERENCE),
        ({}, {"message": make.message(origin=Origin.AUTO_REPLY)}, Discard, Reason.ORIGIN_AUTOMATIC),
        ({}, {"message": make.message(origin=Origin.AUTO_GENERATED)}, CreateIssue, Reason.THREAD_NEW),
        ({}, {"message": make.message(origin=Origin.LIST)}, CreateIssue, Reason.THREAD_NEW),
    ],
)
def test_each_rule_of_the_order(inbox: dict[str, Any], facts: dict[str, Any], kind: type, reason: Reason) -> None:
    rules = make.policy(**inbox)
    judgement = judge(make.facts(rules, **facts), rules)
    assert (type(judgement.decision), judgement.decision.reason) == (kind, reason)


def decide(**facts: Any) -> Decision:
    rules = make.policy()
    return judge(make.facts(rules, **facts), rules).decision


def test_the_trace_names_every_check_up_to_the_one_that_ruled_and_none_after_it() -> None:
    rules = make.policy(denied_senders=["@customer.example"])
    odd = make.message(defects=(Defect("date", "no Date field"),))
    trace = judge(make.facts(rules, message=odd), rules).findings
    assert [finding.check for finding in trace] == [
        "route",
        "origin",
        "defect",
        "spf",
        "helo",
        "dkim",
        "dmarc",
        "arc",
        "proof",
        "delivery",
        "message",
        "max_size",
        "bounce",
        "loop",
        "author",
        "ignored_senders",
        "denied_senders",
    ]
    assert trace[-1].result == "match"
    assert "@customer.example" in trace[-1].detail


def test_a_stranger_with_a_guessed_token_makes_an_issue_of_their_own_that_mentions_it() -> None:
    found = make.candidate(Reason.THREAD_TOKEN, participates=False)
    assert decide(candidates=(found,)) == CreateIssue(
        Reason.THREAD_NEW, new_person=True, fields=make.fields(), mentions=(found,)
    )


def test_a_participant_may_use_the_token() -> None:
    found = make.candidate(Reason.THREAD_TOKEN)
    assert decide(candidates=(found,)) == AddComment(Reason.THREAD_TOKEN, found, Proof.NONE, new_person=True)


def test_a_customer_role_is_no_right_to_other_peoples_issues() -> None:
    found = make.candidate(participates=False)
    assert isinstance(decide(candidates=(found,), sender=make.sender(Role.CUSTOMER)), CreateIssue)


def test_a_reply_key_proves_its_owner_and_nobody_else() -> None:
    own = make.candidate(Reason.THREAD_KEY, participates=False, key_owner="cara@customer.example")
    assert decide(candidates=(own,)) == AddComment(Reason.THREAD_KEY, own, Proof.KEY, new_person=True)
    stolen = make.candidate(Reason.THREAD_KEY, participates=False, key_owner="dora@customer.example")
    assert isinstance(decide(candidates=(stolen,)), CreateIssue)


def test_the_first_candidate_that_may_be_appended_to_wins() -> None:
    key = make.candidate(Reason.THREAD_KEY, participates=False, key_owner="dora@customer.example", issue_id=1)
    reference = make.candidate(Reason.THREAD_REFERENCE, issue_id=2, issue_key="SUP-2")
    token = make.candidate(Reason.THREAD_TOKEN, issue_id=3)
    decision = decide(candidates=(key, reference, token))
    assert isinstance(decision, AddComment)
    assert decision.candidate == reference


def test_an_absence_note_never_reopens() -> None:
    decision = decide(candidates=(make.candidate(closed_at=make.NOW),), message=make.message(origin=Origin.AUTO_REPLY))
    assert isinstance(decision, AddComment)
    assert decision.status == ""
