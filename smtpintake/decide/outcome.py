"""From decisions to outcomes: what the log says, what the client hears, and how several recipients share one reply.

Contract: pure. After DATA one reply serves all recipients (RFC 5321 s4.2.5), so where some inboxes accept and others
refuse or defer, those are held for the operator: the sender is told of success, and nothing is lost. Over LMTP each
recipient has a reply, so there is nothing to reconcile.
"""

from collections.abc import Sequence
from typing import Final

from smtpintake.decide.decision import (
    AddComment,
    CreateIssue,
    Decision,
    Defer,
    Discard,
    Hold,
    Judgement,
    NoteReport,
    Outcome,
    Reject,
    Repeat,
    ShareIssue,
)
from smtpintake.decide.facts import Finding
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import DISCARDED, HELD, OK, REFUSALS, Reply, commented, created

_OUTCOMES: Final[dict[type, Outcome]] = {
    CreateIssue: Outcome.CREATED,
    ShareIssue: Outcome.CREATED,
    AddComment: Outcome.COMMENTED,
    Hold: Outcome.HELD,
    Discard: Outcome.DISCARDED,
    Reject: Outcome.REJECTED,
    Defer: Outcome.DEFERRED,
    Repeat: Outcome.DUPLICATE,
}
# The reply to a transaction is that of the recipient for whom most was done.
_PRECEDENCE: Final = (
    Outcome.CREATED,
    Outcome.COMMENTED,
    Outcome.DUPLICATE,
    Outcome.HELD,
    Outcome.DISCARDED,
    Outcome.DEFERRED,
    Outcome.REJECTED,
)


def outcome_of(decision: Decision) -> Outcome:
    if isinstance(decision, NoteReport):
        return Outcome.DISCARDED if decision.sent.issue_id is None else Outcome.COMMENTED
    return _OUTCOMES[type(decision)]


def is_accepted(outcome: Outcome) -> bool:
    """True where the client hears 250."""
    return outcome not in (Outcome.REJECTED, Outcome.DEFERRED)


def reply_to(decision: Decision, issue_key: str | None) -> Reply:
    """What the client hears of `decision`, without the log id. `issue_key` is set where an issue was made or added
    to.
    """
    match decision:
        case Reject(reason, reply) | Defer(reason, reply):
            return reply or REFUSALS[reason]
        case Repeat(earlier=earlier):
            return _accepted(Outcome(earlier.outcome), earlier.issue_key)
        case _:
            return _accepted(outcome_of(decision), issue_key)


def _accepted(outcome: Outcome, issue_key: str | None) -> Reply:
    match outcome:
        case Outcome.CREATED if issue_key:
            return created(issue_key)
        case Outcome.COMMENTED if issue_key:
            return commented(issue_key)
        case Outcome.HELD:
            return HELD
        case Outcome.DISCARDED:
            return DISCARDED
        case _:
            return OK


def reconcile(judgements: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """The judgements of one transaction's deliveries, made compatible with the one reply that all of them get."""
    if not any(is_accepted(outcome_of(judgement.decision)) for judgement in judgements):
        return tuple(judgements)
    return tuple(
        _held_instead(judgement, judgement.decision.reason) if _is_sent_back(judgement) else judgement
        for judgement in judgements
    )


def _is_sent_back(judgement: Judgement) -> bool:
    return isinstance(judgement.decision, Reject | Defer)


def _held_instead(judgement: Judgement, reason: Reason) -> Judgement:
    why = Finding("recipients", "mixed", "another recipient of this mail accepted it: held instead of sent back")
    return Judgement(Hold(reason), (*judgement.findings, why))


def most_done(outcomes: Sequence[Outcome]) -> int:
    """The index of the outcome whose reply the transaction gets; the first among equals."""
    return min(range(len(outcomes)), key=lambda i: _PRECEDENCE.index(outcomes[i]))
