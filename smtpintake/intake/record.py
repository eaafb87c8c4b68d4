"""The recorder: judges the mails of a batch and turns each judgement into rows, inside the writer's transaction.

Contract: `record` is called with an open writing transaction and commits nothing itself. It gives one reply a job, in
order. Mails that may depend on each other (a reply beside the mail it answers, a second delivery beside the first) are
never judged against the same state: the earlier one's rows are written before the later one's facts are read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, case, func, select, update

from smtpintake.decide.decision import AddComment, CreateIssue, Judgement
from smtpintake.decide.delivery import Delivery, Unroutable, deliveries
from smtpintake.decide.facts import Facts
from smtpintake.decide.judge import judge
from smtpintake.decide.outcome import reconcile
from smtpintake.decide.pairing import share
from smtpintake.decide.policy import Policy
from smtpintake.intake.effects import Answer, Drawn, Effects
from smtpintake.intake.logrows import LogRows
from smtpintake.intake.snapshot import Snapshot, Snapshots
from smtpintake.intake.submission import Refusal, Submission
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import Replies
from smtpintake.store.database import allocate
from smtpintake.store.evidence import gather
from smtpintake.store.prepared import Prepared
from smtpintake.store.rows import Rows
from smtpintake.store.schema import Comment, Issue, Person, Project, RawMail

Job = Submission | Refusal

_project, _issue = Project.__table__, Issue.__table__
_TAKE_NUMBERS: Final = Prepared(
    update(_project)
    .where(_project.c.id == bindparam("project"))
    .values(last_number=_project.c.last_number + bindparam("count"))
    .returning(_project.c.last_number)
)
# A reply is news whatever its status; a closed issue is opened again where the decision says so.
_TOUCH: Final = Prepared(
    update(_issue)
    .where(_issue.c.id == bindparam("issue"))
    .values(
        updated_at=bindparam("moment"),
        status=case((_issue.c.status == "closed", bindparam("reopened")), else_=_issue.c.status),
    )
)
_raw = RawMail.__table__
_SAME_OCTETS: Final = Prepared(select(func.min(_raw.c.id)).where(_raw.c.unread == bindparam("sha256")))


@dataclass(frozen=True, slots=True)
class JudgedMail:
    """One mail, judged: for each inbox its facts and judgement, and the recipients that no inbox takes any more."""

    results: tuple[tuple[Facts, Judgement], ...]
    lost: tuple[Unroutable, ...]


class Recorder:
    """Holds what one mail does not change: the policy in force, how answers are written, and the name under which we
    say what was verified.
    """

    def __init__(
        self, snapshots: Snapshots, answer: Answer, returned: Callable[[Delivery], bool], authserv_id: str
    ) -> None:
        self._snapshots = snapshots
        self._answer = answer
        self._returned = returned
        self._authserv_id = authserv_id

    def record(self, connection: Connection, jobs: Sequence[Job]) -> list[Replies]:
        """The replies to `jobs`, whose rows are written when this returns and durable when the caller commits."""
        snapshot = self._snapshots.refresh(connection)
        return [replies for group in independent(jobs) for replies in self._record_group(connection, snapshot, group)]

    def record_fault(self, connection: Connection, job: Job, reason: Reason, detail: str) -> Replies:
        """The log rows of a job that `record` failed on, and nothing else of it."""
        rows = Rows()
        reply = LogRows(rows, self._snapshots.newest, datetime.now(UTC), self._authserv_id).fault(job, reason, detail)
        rows.insert(connection)
        return (reply,)

    def _record_group(self, connection: Connection, snapshot: Snapshot, group: Sequence[Job]) -> list[Replies]:
        now = datetime.now(UTC)
        judged = self.judge(connection, snapshot.policy, [job for job in group if isinstance(job, Submission)], now)
        rows = Rows()
        log = LogRows(rows, snapshot, now, self._authserv_id)
        effects = Effects(snapshot, _draw(connection, snapshot, judged.values()), self._answer, rows)
        replies: list[Replies] = []
        for job in group:
            if isinstance(job, Refusal):
                replies.append((log.refusal(job),))
            elif job.analysis is None:
                replies.append((log.unread(job, _same_octets(connection, job.raw.sha256)),))
            else:
                mail = judged[job.envelope.transaction_id]
                places = effects.place(job, job.analysis.draft, mail.results)
                replies.append(log.mail(job, job.analysis, places, mail.lost))
        rows.insert(connection)
        if effects.touched:
            _TOUCH.many(connection, effects.touched)
        return replies

    def judge(
        self, connection: Connection, policy: Policy, submissions: Sequence[Submission], now: datetime
    ) -> dict[str, JudgedMail]:
        """Each read mail judged under `policy` against the database as it stands, by transaction id. Writes nothing."""
        split = [
            (submission, *deliveries(submission.envelope, submission.analysis, policy))
            for submission in submissions
            if submission.analysis is not None
        ]
        every = [delivery for _, several, _ in split for delivery in several]
        facts = iter(gather(connection, every, policy, self._returned, now)) if every else iter(())
        judged = {}
        for submission, several, lost in split:
            of_mail = [next(facts) for _ in several]
            judgements = tuple(judge(each, policy) for each in of_mail)
            if not submission.envelope.lmtp:
                judgements = reconcile(judgements)
            judgements = share(tuple(zip(of_mail, judgements, strict=True)), policy)
            results = tuple(zip(of_mail, judgements, strict=True))
            judged[submission.envelope.transaction_id] = JudgedMail(results, lost)
        return judged


def independent(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """`jobs` cut, in order, into groups of which no two mails name the same Message-ID or are the same mail."""
    group: list[Job] = []
    named: set[str] = set()
    for job in jobs:
        names = _names(job)
        if not named.isdisjoint(names):
            yield group
            group, named = [], set()
        group.append(job)
        named |= names
    if group:
        yield group


def _names(job: Job) -> set[str]:
    if isinstance(job, Refusal) or job.analysis is None:
        return set()
    message = job.analysis.message
    return {message.message_id or message.body_sha256, *message.thread_ids}


def _draw(connection: Connection, snapshot: Snapshot, judged: Iterable[JudgedMail]) -> Drawn:
    """Ids for what the judgements will add, and issue numbers: without gaps, as this transaction holds the project's
    row.
    """
    made: Counter[str] = Counter()
    comments = people = 0
    for _, judgement in (result for mail in judged for result in mail.results):
        match judgement.decision:
            case CreateIssue(new_person=new, fields=fields):
                made[fields.project] += 1
                people += new
            case AddComment(new_person=new):
                comments += 1
                people += new
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
