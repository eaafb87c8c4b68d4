"""The recorder: judges the mails of a batch and turns each judgement into rows, inside the writer's transaction.

Contract: `record` is called with an open writing transaction and commits nothing itself. It gives one reply a job, in
order. Mails that may depend on each other (a reply beside the mail it answers, a second delivery beside the first) are
never judged against the same state: the earlier one's rows are written before the later one's facts are read.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, update

from smtpintake.decide.decision import AddComment, CreateIssue, Judgement, NoteReport, Outcome
from smtpintake.decide.delivery import Unroutable, deliveries
from smtpintake.decide.facts import Facts
from smtpintake.decide.judge import judge
from smtpintake.decide.outcome import outcome_of, reconcile
from smtpintake.decide.pairing import share
from smtpintake.decide.policy import Policy
from smtpintake.intake.answer import Answerer
from smtpintake.intake.answering import Answering, copied, expecting
from smtpintake.intake.bounced import Bounced
from smtpintake.intake.effects import Drawn, Effects
from smtpintake.intake.forwarding import Forwarding
from smtpintake.intake.hearing import Hearing
from smtpintake.intake.logrows import LogRows
from smtpintake.intake.place import Place
from smtpintake.intake.submission import Refusal, Release, Submission
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import Replies
from smtpintake.store.addresses import mark, stopped
from smtpintake.store.changing import change_issues
from smtpintake.store.database import allocate
from smtpintake.store.evidence import gather
from smtpintake.store.known import customers
from smtpintake.store.prepared import Prepared
from smtpintake.store.rows import Rows
from smtpintake.store.schema import Comment, Issue, LogRow, Person, Project, RawMail
from smtpintake.store.snapshot import Snapshot, Snapshots
from smtpintake.store.spent import spent_on
from smtpintake.store.watching import watch

Job = Submission | Refusal

_project, _issue = Project.__table__, Issue.__table__
_TAKE_NUMBERS: Final = Prepared(
    update(_project)
    .where(_project.c.id == bindparam("project"))
    .values(last_number=_project.c.last_number + bindparam("count"))
    .returning(_project.c.last_number)
)
# A reply is news whatever it does to the status.
_TOUCH: Final = Prepared(update(_issue).where(_issue.c.id == bindparam("issue")).values(updated_at=bindparam("moment")))
_raw = RawMail.__table__
_SAME_OCTETS: Final = Prepared(select(func.min(_raw.c.id)).where(_raw.c.unread == bindparam("sha256")))
# The issues that a transaction has made already, in other inboxes.
_log = LogRow.__table__
_SAME_MAIL: Final = Prepared(
    select(_log.c.issue_id)
    .distinct()
    .where(_log.c.transaction_id == bindparam("transaction"), _log.c.outcome == "created")
)


@dataclass(frozen=True, slots=True)
class JudgedMail:
    """One mail, judged: for each inbox its facts and judgement, and the recipients that no inbox takes any more."""

    results: tuple[tuple[Facts, Judgement], ...]
    lost: tuple[Unroutable, ...]

    def is_released(self, *, by_itself: bool) -> bool:
        """True where a held mail may go. What would be discarded goes only where an operator says so."""
        ends = {outcome_of(judgement.decision) for _, judgement in self.results}
        done = {Outcome.CREATED, Outcome.COMMENTED}
        if not by_itself:
            done |= {Outcome.DISCARDED, Outcome.DUPLICATE}
        return bool(ends) and ends <= done and not self.lost


@dataclass(frozen=True, slots=True)
class Released:
    """What became of a held mail: its judgements, and the log rows that say so; none where it stays held."""

    mail: JudgedMail
    log_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """What makes the rows of mails that are judged against the same state, and writes them."""

    connection: Connection
    rows: Rows
    log: LogRows
    effects: Effects
    forwarding: Forwarding

    def places(self, submission: Submission, mail: JudgedMail) -> list[Place]:
        """Add the rows of one mail, but for those of the log, and say where each of its judgements ended."""
        draft = submission.analysis.draft if submission.analysis is not None else None
        return self.forwarding.sent_on(self.effects.place(submission, draft, mail.results), submission)

    def write(self) -> None:
        """Insert what is new, then update the issues that were there."""
        self.rows.insert(self.connection)
        if self.effects.touched:
            _TOUCH.many(self.connection, self.effects.touched)
        change_issues(self.connection, self.effects.changed)
        for one in self.effects.watching:
            watch(self.connection, one)
        mark(self.connection, self.effects.bounced.marks.values())


class Recorder:
    """Holds what one mail does not change: the policy in force, how answers are written, and the name under which we
    say what was verified.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        answerer: Answerer,
        authserv_id: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._snapshots = snapshots
        self._answerer = answerer
        self._authserv_id = authserv_id
        self._clock = clock

    def record(self, connection: Connection, jobs: Sequence[Job]) -> list[Replies]:
        """The replies to `jobs`, whose rows are written when this returns and durable when the caller commits."""
        snapshot = self._snapshots.refresh(connection)
        return [replies for group in independent(jobs) for replies in self._record_group(connection, snapshot, group)]

    def _record_group(self, connection: Connection, snapshot: Snapshot, jobs: Sequence[Job]) -> list[Replies]:
        now = self._clock()
        judged = self.judge(connection, snapshot.policy, [job for job in jobs if isinstance(job, Submission)], now)
        group = self._group(connection, snapshot, judged.values(), now)
        replies: list[Replies] = []
        for job in jobs:
            if isinstance(job, Refusal):
                replies.append((group.log.refusal(job),))
            elif job.analysis is None:
                replies.append((group.log.unread(job, _same_octets(connection, job.raw.sha256)),))
            else:
                mail = judged[job.envelope.transaction_id]
                replies.append(group.log.mail(job, job.analysis, group.places(job, mail), mail.lost))
        group.write()
        return replies

    def _group(
        self, connection: Connection, snapshot: Snapshot, judged: Collection[JudgedMail], now: datetime
    ) -> "_Group":
        """What makes rows of `judged`, with the ids and numbers that they need."""
        results = [result for mail in judged for result in mail.results]
        besides = copied(results)
        reachable = customers(connection, besides) - stopped(connection, besides, now).keys()
        spent = spent_on(connection, expecting(results) | reachable, self._answerer.budget, now)
        rows = Rows()
        answering = Answering(snapshot, self._answerer, spent, reachable, rows)
        return _Group(
            connection,
            rows,
            LogRows(rows, snapshot, now, self._authserv_id),
            Effects(snapshot, _draw(connection, snapshot, judged), answering, Hearing(connection), Bounced(rows), rows),
            Forwarding(connection, self._answerer, snapshot.policy, rows),
        )

    def judge(
        self,
        connection: Connection,
        policy: Policy,
        submissions: Sequence[Submission],
        now: datetime,
        recall: Callable[[Facts], Facts] = lambda facts: facts,
    ) -> dict[str, JudgedMail]:
        """Each read mail judged under `policy` against the database as it stands, by transaction id. Writes nothing.

        `recall` puts other facts in the place of today's.
        """
        split = [
            (submission, *deliveries(submission.envelope, submission.analysis, policy))
            for submission in submissions
            if submission.analysis is not None
        ]
        every = [delivery for _, several, _ in split for delivery in several]
        facts = map(recall, gather(connection, every, policy, self._answerer.returned, now) if every else ())
        judged = {}
        for submission, several, lost in split:
            of_mail = [_of_release(next(facts), submission.release) for _ in several]
            judgements = tuple(judge(each, policy) for each in of_mail)
            if submission.release is not None:
                judgements = tuple(_told(judgement, submission.release) for judgement in judgements)
            if not submission.envelope.lmtp:
                judgements = reconcile(judgements)
            judgements = share(tuple(zip(of_mail, judgements, strict=True)), policy)
            results = tuple(zip(of_mail, judgements, strict=True))
            judged[submission.envelope.transaction_id] = JudgedMail(results, lost)
        return judged

    def release(self, connection: Connection, submission: Submission) -> Released:
        """Take a held mail on its way again: what it becomes is written, but for a mail that would not be accepted.

        Its held rows must have given up their delivery keys before, in the same transaction.
        """
        if submission.analysis is None or submission.release is None:
            raise ValueError("a held mail is read before it is released")
        snapshot, now = self._snapshots.refresh(connection), self._clock()
        mail = self.judge(connection, snapshot.policy, [submission], now)[submission.transaction_id]
        if not mail.is_released(by_itself=not submission.release.waived):
            return Released(mail, ())
        group = self._group(connection, snapshot, [mail], now)
        places = group.places(submission, mail)
        group.log.mail(submission, submission.analysis, places, ())
        for (issue_id,) in _SAME_MAIL.rows(connection, transaction=submission.transaction_id):
            group.effects.link_to(issue_id, places)
        group.write()
        return Released(mail, tuple(place.log_id for place in places))

    def record_fault(self, connection: Connection, job: Job, reason: Reason, detail: str) -> Replies:
        """The log rows of a job that `record` failed on, and nothing else of it."""
        rows = Rows()
        reply = LogRows(rows, self._snapshots.newest, self._clock(), self._authserv_id).fault(job, reason, detail)
        rows.insert(connection)
        return (reply,)


def _of_release(facts: Facts, release: Release | None) -> Facts:
    """The facts for a held mail that comes again: it is not its own repetition, and what held it may be waived."""
    if release is None:
        return facts
    earlier = facts.earlier if facts.earlier is None or facts.earlier.log_id not in release.held else None
    return replace(facts, earlier=earlier, waived=release.waived, as_new=release.as_new)


def _told(judgement: Judgement, release: Release) -> Judgement:
    return replace(judgement, findings=(release.finding, *judgement.findings))


def independent(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """`jobs` cut, in order, into groups of which no two mails name the same Message-ID or are the same mail. A mail
    with commands has a group of its own: what it changes depends on how the others left it.
    """
    group: list[Job] = []
    named: set[str] = set()
    for job in jobs:
        names = _names(job)
        if group and (_is_commanding(job) or _is_commanding(group[-1]) or not named.isdisjoint(names)):
            yield group
            group, named = [], set()
        group.append(job)
        named |= names
    if group:
        yield group


def _is_commanding(job: Job) -> bool:
    analysis = None if isinstance(job, Refusal) else job.analysis
    return analysis is not None and analysis.draft is not None and analysis.draft.commands is not None


def _names(job: Job) -> set[str]:
    if isinstance(job, Refusal) or job.analysis is None:
        return set()
    message = job.analysis.message
    names = {message.message_id or message.body_sha256, *message.thread_ids}
    if message.report is not None:  # two about one mail of ours: the second may say nothing new
        names |= {*message.report.message_ids, *map(str, job.envelope.rcpt_to)}
    return names


def _draw(connection: Connection, snapshot: Snapshot, judged: Iterable[JudgedMail]) -> Drawn:
    """Ids for what the judgements will add, and issue numbers: without gaps, as this transaction holds the project's
    row.
    """
    made: Counter[str] = Counter()
    comments = people = 0
    for _, judgement in (result for mail in judged for result in mail.results):
        match judgement.decision:
            case CreateIssue(new_person=new, fields=fields, owner=owner):
                made[fields.project] += 1
                comments += owner is not None
                people += new
            case AddComment(new_person=new, orders=orders):
                comments += 1 + orders.has_note_apart
                people += new
            case NoteReport(sent=sent):
                comments += sent.issue_id is not None
            case _:
                pass
    return Drawn(
        issues=iter(allocate(connection, Issue.__table__, made.total())),
        comments=iter(allocate(connection, Comment.__table__, comments)),
        people=iter(allocate(connection, Person.__table__, people)),
        numbers={key: iter(_numbers(connection, snapshot.project_ids[key], count)) for key, count in made.items()},
    )


def _numbers(connection: Connection, project_id: int, count: int) -> range:
    ((last,),) = _TAKE_NUMBERS.rows(connection, project=project_id, count=count)
    return range(last - count + 1, last + 1)


def _same_octets(connection: Connection, sha256: str) -> str | None:
    """The id of a raw mail with these octets: a mail that cannot be read is sent again and again, and kept once."""
    ((raw_id,),) = _SAME_OCTETS.rows(connection, sha256=sha256)
    return raw_id if isinstance(raw_id, str) else None
