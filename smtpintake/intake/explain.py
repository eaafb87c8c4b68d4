"""What would happen to a mail, and why: the journey up to the judgement, and nothing recorded.

Contract: the same reading, the same facts and the same `judge` as for a mail that arrives; the database is only read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from smtpintake.decide.decision import AddComment, CreateIssue, Judgement, Outcome, Repeat
from smtpintake.decide.facts import Analysis, Facts, Finding
from smtpintake.decide.outcome import outcome_of, reply_to
from smtpintake.decide.policy import Policy
from smtpintake.intake.record import JudgedMail, Recorder
from smtpintake.intake.submission import Raw, Submission
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS, Reply
from smtpintake.store.database import Database


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of the mail for some of its recipients. `issue` is the key of an existing issue, or None."""

    recipients: tuple[Mailbox, ...]
    inbox: str | None
    outcome: Outcome
    reason: Reason
    reply: Reply
    issue: str | None
    policy_version: int
    findings: tuple[Finding, ...]


def explain(
    database: Database, recorder: Recorder, policy: Policy, envelope: Envelope, analysis: Analysis
) -> tuple[Explanation, ...]:
    """One Explanation for each inbox that the mail is for, and for the recipients that have none."""
    message = analysis.message
    submission = Submission(envelope, Raw(message.size, message.sha256), analysis, None, 0.0)
    with database.engine.connect() as connection:
        judged = recorder.judge(connection, policy, [submission], datetime.now(UTC))
    return tuple(_explanations(judged[envelope.transaction_id], policy))


def _explanations(mail: JudgedMail, policy: Policy) -> Iterator[Explanation]:
    for facts, judgement in mail.results:
        yield _judged(facts, judgement, policy)
    for lost in mail.lost:
        yield Explanation(
            recipients=(lost.recipient,),
            inbox=None,
            outcome=Outcome.REJECTED,
            reason=lost.reason,
            reply=REFUSALS[lost.reason],
            issue=None,
            policy_version=policy.version,
            findings=(Finding("route", lost.reason, f"{lost.recipient} leads to no inbox"),),
        )


def _judged(facts: Facts, judgement: Judgement, policy: Policy) -> Explanation:
    decision = judgement.decision
    issue: str | None = None
    match decision:
        case AddComment(candidate=candidate):
            issue = candidate.issue_key
        case Repeat(earlier=earlier):
            issue = earlier.issue_key
        case _:
            pass
    # A new issue has no number before it is recorded.
    shown = f"{facts.inbox.project}-?" if isinstance(decision, CreateIssue) else issue
    return Explanation(
        recipients=facts.recipients,
        inbox=facts.inbox.name,
        outcome=outcome_of(decision),
        reason=decision.reason,
        reply=reply_to(decision, shown),
        issue=issue,
        policy_version=policy.version,
        findings=judgement.findings,
    )
