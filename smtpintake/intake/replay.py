"""Logged mail judged again: what another policy, or today's, would have made of it.

Contract: writes nothing. The raw mail is read again by analysers, and judged by the same `judge` with the facts of its
time (`decide.recall`). It is judged twice: under the policy that judged it then, which must say what the log says or
else `Difference.repeatable` is False, and under the one that is asked about. A recipient that no inbox takes any more
would be refused at RCPT. Every mail that cannot be judged again is named, with why.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, bindparam, select
from sqlmodel import Session

from smtpintake.decide.analysis import Analysis
from smtpintake.decide.decision import AddComment, Decision, NoteReport, Outcome, Repeat
from smtpintake.decide.facts import Candidate, Earlier, Facts, Finding, SentMail
from smtpintake.decide.issuefields import IssueFields
from smtpintake.decide.outcome import outcome_of
from smtpintake.decide.pastfacts import PastFacts
from smtpintake.decide.policy import Policy, PolicyError
from smtpintake.decide.prose import deciding
from smtpintake.decide.recall import Memory, Named
from smtpintake.decide.routing import separators
from smtpintake.intake.analyser import Analysers
from smtpintake.intake.analysis import Task
from smtpintake.intake.record import JudgedMail, Recorder
from smtpintake.intake.submission import Raw, Submission
from smtpintake.store import pastfacts
from smtpintake.store.blobs import Blobs
from smtpintake.store.database import Database
from smtpintake.store.directory import policy_of_version
from smtpintake.store.pastfacts import JudgedRow, envelope_of, judged_mails, judged_since
from smtpintake.store.schema import Issue

_issue = Issue.__table__.c
_MADE: Final = select(_issue.created_at).where(_issue.id == bindparam("issue"))
_TOGETHER: Final = 200  # mails that are read and judged in one go


class Why(StrEnum):
    """Why a mail could not be judged again."""

    NOT_KEPT = "its octets were not kept"
    FACTS = "what was known of it cannot be read"
    UNREADABLE = "no analyser could read it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mail for a recipient, or would. `issue` is the existing one that it was added to."""

    outcome: str
    reason: str
    inbox: str | None
    issue: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One recipient's. `decided_by` is the finding that would rule; `fields` says what else the issue or comment would
    be made with. `repeatable` is False where the log's verdict is not what the policy of then says: whatever differs,
    it is not for the policy alone.
    """

    row: JudgedRow
    was: Verdict
    would_be: Verdict
    decided_by: Finding
    fields: tuple[str, ...] = ()
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Passed:
    """A mail that could not be judged again."""

    row: JudgedRow
    why: Why
    detail: str = ""


@dataclass(slots=True)
class Replayed:
    """All of it. `mails` were judged again, for `recipients`."""

    mails: int = 0
    recipients: int = 0
    differences: list[Difference] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: a policy, and what it says of people."""

    policy: Policy
    named: Named = field(default_factory=Named)


@dataclass(frozen=True, slots=True)
class _Mail:
    """One that can be judged again. `policy_version` judged it then."""

    submission: Submission
    past: PastFacts
    rows: tuple[JudgedRow, ...]

    @property
    def policy_version(self) -> int:
        return self.rows[0].policy_version


class Replay:
    """`analysers` are running."""

    def __init__(
        self, database: Database, blobs: Blobs, recorder: Recorder, analysers: Analysers, asked: Asked
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._recorder = recorder
        self._analysers = analysers
        self._asked = asked
        self._policies: dict[int, Policy | None] = {}

    async def run(self, since: datetime, inbox: str | None = None) -> Replayed:
        """Every mail that was judged since then, or those of them that came to `inbox`."""
        replayed = Replayed()
        with self._database.engine.connect() as connection:
            transactions = judged_since(connection, since, inbox)
        for start in range(0, len(transactions), _TOGETHER):
            some = transactions[start : start + _TOGETHER]
            with self._database.engine.connect() as connection:
                mails = await self._read(judged_mails(connection, some), replayed)
                self._judge(connection, mails, replayed)
        return replayed

    # ---- reading ---------------------------------------------------------------------------------------------------

    async def _read(self, logged: Sequence[pastfacts.JudgedMail], replayed: Replayed) -> list[_Mail]:
        """Those that can be judged again; the others are added to `replayed`."""
        found = await asyncio.gather(*(self._read_one(mail) for mail in logged if mail.rows))
        replayed.passed += [passed for passed in found if isinstance(passed, Passed)]
        return [mail for mail in found if isinstance(mail, _Mail)]

    async def _read_one(self, mail: pastfacts.JudgedMail) -> _Mail | Passed:
        row = mail.rows[0]
        if mail.facts is None:
            return Passed(row, Why.FACTS, mail.fault)
        if mail.kept is None:
            return Passed(row, Why.NOT_KEPT)
        envelope, kept = envelope_of(row, mail.facts), mail.kept
        lines = separators(self._asked.policy, envelope.rcpt_to)
        try:
            path = await asyncio.to_thread(self._blobs.path, kept.blob) if kept.blob is not None else None
            null = envelope.mail_from.is_null
            task = Task(kept.octets, path, kept.sha256, lines, null_reverse_path=null)
            analysis = await self._analysers.analyse(task)
        except FileNotFoundError:
            return Passed(row, Why.NOT_KEPT, "its blob is gone")
        if analysis is None:
            return Passed(row, Why.UNREADABLE)
        raw = Raw(kept.size, kept.sha256, kept.octets, kept.blob)
        return _Mail(Submission(envelope, raw, _verified(analysis, mail.facts), None, 0.0), mail.facts, mail.rows)

    # ---- judging ---------------------------------------------------------------------------------------------------

    def _judge(self, connection: Connection, mails: Sequence[_Mail], replayed: Replayed) -> None:
        of_version: dict[int, list[_Mail]] = defaultdict(list)
        for mail in mails:
            of_version[mail.policy_version].append(mail)
        for version, several in of_version.items():
            then = self._policy_then(connection, version)
            before = self._judged(connection, Asked(then), several, then) if then is not None else {}
            after = self._judged(connection, self._asked, several, then)
            for mail in several:
                name = mail.submission.transaction_id
                replayed.mails += 1
                replayed.recipients += len(mail.rows)
                replayed.differences += _differences(mail, before.get(name), after[name])

    def _judged(
        self, connection: Connection, asked: Asked, mails: Sequence[_Mail], then: Policy | None
    ) -> dict[str, JudgedMail]:
        """By transaction."""

        def made(issue_id: int) -> datetime | None:
            return connection.execute(_MADE, {"issue": issue_id}).scalar()

        memories = {
            mail.submission.transaction_id: Memory(mail.past, asked.policy, then, made, asked.named) for mail in mails
        }

        def recall(facts: Facts) -> Facts:
            return memories[facts.envelope.transaction_id].recall(facts)

        submissions = [mail.submission for mail in mails]
        return self._recorder.judge(connection, asked.policy, submissions, submissions[0].envelope.received_at, recall)

    def _policy_then(self, connection: Connection, version: int) -> Policy | None:
        """The policy of that version; None where this version of smtpintake cannot read it."""
        if version not in self._policies:
            with Session(connection, join_transaction_mode="rollback_only") as session:
                try:
                    self._policies[version] = policy_of_version(session, version)
                except PolicyError:
                    self._policies[version] = None
        return self._policies[version]


def _verified(analysis: Analysis, past: PastFacts) -> Analysis:
    """DNS and the scanners say something else today: what they said then holds."""
    return replace(analysis, auth=past.auth, scans=past.scans)


# ---- comparing -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """What a judgement says for one recipient: the verdict, what rules, and what a decision holds besides, in words."""

    verdict: Verdict
    decided_by: Finding
    said: dict[str, str]


def _differences(mail: _Mail, before: JudgedMail | None, after: JudgedMail) -> Iterator[Difference]:
    then = _told(before) if before is not None else {}
    now = _told(after)
    for row in mail.rows:
        was = Verdict(row.outcome, row.reason, row.inbox, row.issue if row.outcome in _ADDED else None)
        would_be, by_then = now[row.rcpt_to or ""], then.get(row.rcpt_to or "")
        repeatable = by_then is None or by_then.verdict == was
        changed = tuple(_changed(by_then.said, would_be.said)) if by_then is not None and repeatable else ()
        if would_be.verdict != was or changed:
            yield Difference(row, was, would_be.verdict, would_be.decided_by, changed, repeatable)


_ADDED: Final = (Outcome.COMMENTED, Outcome.DUPLICATE)


def _told(judged: JudgedMail) -> dict[str, _Told]:
    """By recipient."""
    told: dict[str, _Told] = {}
    for facts, judgement in judged.results:
        decision = judgement.decision
        verdict = Verdict(outcome_of(decision), decision.reason, facts.inbox.name, _existing(decision))
        said = _said(decision) | {"forward": _in_words(judgement.forward)}
        one = _Told(verdict, deciding(judgement.findings), said)
        told |= {str(recipient): one for recipient in facts.recipients}
    for lost in judged.lost:
        verdict = Verdict(Outcome.REJECTED, lost.reason, None)
        told[str(lost.recipient)] = _Told(verdict, Finding("route", lost.reason, "refused at RCPT"), {})
    return told


def _existing(decision: Decision) -> str | None:
    match decision:
        case AddComment(candidate=candidate):
            return candidate.issue_key
        case NoteReport(sent=sent):
            return sent.issue_key
        case Repeat(earlier=earlier):
            return earlier.issue_key
        case _:
            return None


def _said(decision: object) -> dict[str, str]:
    """What a decision holds, by name, in words; those of an issue's fields one by one."""
    said: dict[str, str] = {}
    for one in fields(decision):  # type: ignore[arg-type]
        value = getattr(decision, one.name)
        if isinstance(value, IssueFields):
            said |= _said(value)
        elif one.name != "reason":
            said[one.name] = _in_words(value)
    return said


def _in_words(value: object) -> str:
    match value:
        case Candidate():
            return value.issue_key
        case Earlier():
            return value.issue_key or value.log_id
        case SentMail():
            return f"outgoing mail {value.id}"
        case tuple():
            return ", ".join(map(_in_words, value)) or "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value) if value not in (None, "") else "none"


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Only what both decisions have: what makes them of another kind, the outcome says."""
    for name, value in before.items():
        if name in after and after[name] != value:
            yield f"{name} {value} -> {after[name]}"
