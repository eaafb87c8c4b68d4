"""`Answering`: the mail to the author a mail causes, as rows of the outbox, and the keys by which they reply to it.

Contract: builds rows and writes none. One instance serves one group of mails, and counts what the group has queued on
top of what `spent_on` found. One incoming mail has at most one answer, however many issues it makes. Each answer, and
each reason for none, is in the trace; a budget that is used up has a row of the log besides, once.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Final

from smtpintake.compose.autoreply import KIND, REPORT
from smtpintake.compose.budget import NOTHING_SPENT, Ledger, Silence, Spent
from smtpintake.compose.outgoing import Outgoing
from smtpintake.decide.decision import AddComment, CreateIssue, Judgement
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.orders import Orders
from smtpintake.intake.answer import Answerer, author_of, queued
from smtpintake.intake.place import Place
from smtpintake.mail.address import Mailbox
from smtpintake.store.outbox import enqueue, expect_replies
from smtpintake.store.rows import Rows
from smtpintake.store.silences import log_silence
from smtpintake.store.snapshot import Snapshot

MAX_COPIES: Final = 10

_CHECKS: Final = {KIND: "auto_reply", REPORT: "commands"}


def expecting(judged: Iterable[tuple[Facts, Judgement]]) -> set[str]:
    """The folded addresses of those who may be answered: of whose budgets `Answering` wants to know."""
    return {author_of(facts) for facts, judgement in judged if _may_be_answered(facts, judgement)}


def copied(judged: Iterable[tuple[Facts, Judgement]]) -> set[str]:
    """The folded addresses of those who may be answered besides: of whom `Answering` wants to know whether they can be
    written to.
    """
    return {mailbox.folded for facts, judgement in judged for mailbox in _copied(facts, judgement)}


def _copied(facts: Facts, judgement: Judgement) -> tuple[Mailbox, ...]:
    """Those to whom the mail went besides us, and who take part in the issue that it made."""
    match judgement.decision:
        case CreateIssue(extent=extent) if facts.inbox.auto_reply.to_cc and extent.copied:
            others = {each.mailbox.folded: each.mailbox for each in (*facts.message.to, *facts.message.cc)}
            others.pop(author_of(facts), None)
            return tuple(others.values())
        case _:
            return ()


def _may_be_answered(facts: Facts, judgement: Judgement) -> bool:
    match judgement.decision:
        case CreateIssue(orders=orders):
            return bool(orders.refused) or facts.inbox.auto_reply.enabled
        case AddComment(orders=orders):
            return bool(orders.refused) or not facts.inbox.auto_reply.first_only
        case _:
            return False


@dataclass(slots=True)
class Answering:
    """What is sent for one group of mails. `spent` and `reachable`, the customers to whom mail may be sent, are about
    whom `expecting` and `copied` named.
    """

    snapshot: Snapshot
    answerer: Answerer
    spent: Mapping[str, Spent]
    reachable: Set[str]
    rows: Rows
    _ledger: Ledger = field(default_factory=Ledger)
    _answered: set[str] = field(default_factory=set)  # transactions
    _silences: set[str] = field(default_factory=set)  # whose rows this group has

    def answered(self, place: Place, issue_id: int, orders: Orders) -> Place:
        """Tell the author that their mail has arrived at an issue; or which of their commands were not obeyed, which
        names the issue as well.
        """
        if orders.refused:
            return self.reported(place, issue_id, orders)
        if place.comment_id is not None and place.facts.inbox.auto_reply.first_only:
            return place
        policy, author = self.snapshot.policy, author_of(place.facts)
        answer = self._second(place, KIND) or self.answerer.answer(place, policy, self._spent(author, place.facts))
        copies = self._copies(place) if isinstance(answer, Outgoing) else ()
        return self._queued(place, issue_id, KIND, answer, *copies)

    def reported(self, place: Place, issue_id: int, orders: Orders) -> Place:
        """Tell the author which of their commands were not obeyed."""
        if not orders.refused:
            return place
        refused, policy = orders.refused, self.snapshot.policy
        spent = self._spent(author_of(place.facts), place.facts)
        answer = self._second(place, REPORT) or self.answerer.report(place, policy, refused, spent)
        return self._queued(place, issue_id, REPORT, answer)

    def _copies(self, place: Place) -> Iterator[Outgoing | Finding | Silence]:
        """The answer once more, to others who take part."""
        several = [each for each in _copied(place.facts, place.judgement) if each.folded in self.reachable]
        for number, mailbox in enumerate(several[:MAX_COPIES], 1):
            spent = self._spent(mailbox.folded, place.facts)
            yield self.answerer.copy(place, self.snapshot.policy, mailbox, number, spent)

    def _queued(self, place: Place, issue_id: int, kind: str, *answers: Outgoing | Finding | Silence) -> Place:
        """The place where these answers of one kind are sent, or where it was found why not."""
        found: list[Finding] = []
        for each in answers:
            match each:
                case Outgoing():
                    found.append(self._queue(place, issue_id, each))
                case Silence():
                    found.append(Finding(_CHECKS[kind], "none", each.said))
                    self._log(place, each)
                case Finding():
                    found.append(each)
        judgement = replace(place.judgement, findings=(*place.judgement.findings, *found))
        return replace(place, judgement=judgement)

    def _log(self, place: Place, silence: Silence) -> None:
        """Let operators know of a silence, once."""
        known = any(silence.name in spent.logged for spent in self.spent.values())
        if not known and silence.name not in self._silences:
            self._silences.add(silence.name)
            inbox, version = place.facts.inbox.name, self.snapshot.policy.version
            log_silence(self.rows, silence, place.facts.now, inbox=inbox, policy_version=version)

    def _second(self, place: Place, kind: str) -> Finding | None:
        """Why not, where the mail of `place` has been answered."""
        if place.facts.envelope.transaction_id not in self._answered:
            return None
        return Finding(_CHECKS[kind], "none", "this mail has been answered from another inbox")

    def _queue(self, place: Place, issue_id: int, answer: Outgoing) -> Finding:
        """Put an answer into the outbox."""
        facts = place.facts
        enqueue(self.rows, answer, facts.now, issue_id=issue_id, comment_id=place.comment_id, log_id=place.log_id)
        self._answered.add(facts.envelope.transaction_id)
        self._ledger.add(answer.rcpt_to, issue_id)
        expect_replies(self.rows, answer, issue_id)
        return queued(_CHECKS[answer.kind], answer)

    def _spent(self, address: str, facts: Facts) -> Spent:
        """What somebody was sent of late, with what this very group has queued for them."""
        return self._ledger.on_top_of(self.spent.get(address, NOTHING_SPENT), address, facts.now)
