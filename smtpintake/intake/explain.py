"""What would happen to a mail, and why: the journey up to the judgement, and nothing recorded.

Contract: the same reading, the same facts and the same `judge` as for a mail that arrives; the database is only read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from smtpintake.auth.answers import Answer
from smtpintake.auth.results import AuthVerdict
from smtpintake.decide.alternatives import Alternative, alternatives
from smtpintake.decide.analysis import Analysis
from smtpintake.decide.decision import (
    AddComment,
    CreateIssue,
    Decision,
    Judgement,
    NoteReport,
    Outcome,
    Repeat,
    ShareIssue,
)
from smtpintake.decide.facts import Earlier, Facts, Finding
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
    """What would become of the mail for some of its recipients. `issue` is the key of an existing issue, or None.

    `auth` is what was verified, from `lookups`: every question that was asked of DNS for it, in order. `nearest` is
    what would have changed the outcome.
    """

    recipients: tuple[Mailbox, ...]
    inbox: str | None
    outcome: Outcome
    reason: Reason
    reply: Reply
    issue: str | None
    policy_version: int
    findings: tuple[Finding, ...]
    auth: AuthVerdict
    lookups: tuple[Answer, ...]
    nearest: tuple[Alternative, ...] = ()


def explain(
    database: Database,
    recorder: Recorder,
    policy: Policy,
    envelope: Envelope,
    analysis: Analysis,
    *,
    lookups: tuple[Answer, ...] = (),
) -> tuple[Explanation, ...]:
    """One Explanation for each inbox that the mail is for, and for the recipients that have none. `lookups` are those
    that `analysis` was verified with.
    """
    message = analysis.message
    submission = Submission(envelope, Raw(message.size, message.sha256), analysis, None, 0.0)
    with database.engine.connect() as connection:
        judged = recorder.judge(connection, policy, [submission], datetime.now(UTC))
    return tuple(_explanations(judged[envelope.transaction_id], policy, analysis.auth, lookups))


def _explanations(
    mail: JudgedMail, policy: Policy, auth: AuthVerdict, lookups: tuple[Answer, ...]
) -> Iterator[Explanation]:
    for facts, judgement in mail.results:
        yield _judged(facts, judgement, policy, lookups)
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
            auth=auth,
            lookups=lookups,
        )


def _judged(facts: Facts, judgement: Judgement, policy: Policy, lookups: tuple[Answer, ...]) -> Explanation:
    decision = judgement.decision
    issue: str | None = None
    match decision:
        case AddComment(candidate=candidate):
            issue = candidate.issue_key
        case NoteReport(sent=sent):
            issue = sent.issue_key
        case Repeat(earlier=earlier) | ShareIssue(earlier=Earlier() as earlier):
            issue = earlier.issue_key
        case _:
            pass
    shown = issue or _to_be(decision)
    return Explanation(
        recipients=facts.recipients,
        inbox=facts.inbox.name,
        outcome=outcome_of(decision),
        reason=decision.reason,
        reply=reply_to(decision, shown),
        issue=issue,
        policy_version=policy.version,
        findings=judgement.findings,
        auth=facts.auth,
        lookups=lookups,
        nearest=alternatives(facts, policy),
    )


def _to_be(decision: Decision) -> str | None:
    """A new issue has no number before it is recorded."""
    match decision:
        case CreateIssue(fields=fields):
            return f"{fields.project}-?"
        case ShareIssue(project=project):
            return f"{project}-?"
        case _:
            return None
