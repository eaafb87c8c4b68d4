"""`Answering`: the mail to the author a mail causes, as rows of the outbox, and the keys by which they reply to it.

Contract: builds rows and writes none. One instance serves one group of mails, so that what the group has queued for
somebody counts when the next of their mails is answered. Each answer, and each reason for none, is in the trace.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from smtpintake.compose.autoreply import KIND, REPORT
from smtpintake.compose.outgoing import Outgoing
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.orders import Orders
from smtpintake.intake.answer import Answerer
from smtpintake.intake.place import Place
from smtpintake.store.snapshot import Snapshot
from smtpintake.store.evidence import MESSAGE_ID, REPLY_KEY
from smtpintake.store.outbox import enqueue
from smtpintake.store.rows import Rows
from smtpintake.store.schema import ThreadKey

_CHECKS: Final = {KIND: "auto_reply", REPORT: "commands"}


@dataclass(slots=True)
class Answering:
    """What is sent for one group of mails."""

    snapshot: Snapshot
    answerer: Answerer
    rows: Rows
    _answered: Counter[str] = field(default_factory=Counter)

    def answered(self, place: Place, issue_id: int, issue_key: str) -> Place:
        """Tell the author that their mail has become `issue_key`."""
        facts, policy = self._with_answers(place.facts), self.snapshot.policy
        return self._queued(place, issue_id, self.answerer.answer(facts, policy, issue_key, place.log_id))

    def reported(self, place: Place, issue_id: int, orders: Orders) -> Place:
        """Tell the author which of their commands were not obeyed."""
        if not orders.refused or place.issue_key is None:
            return place
        facts, policy = self._with_answers(place.facts), self.snapshot.policy
        report = self.answerer.report(facts, policy, place.issue_key, place.log_id, orders.refused)
        return self._queued(place, issue_id, report)

    def _queued(self, place: Place, issue_id: int, answer: Outgoing | Finding) -> Place:
        """The place where the mail's author is answered, or where it was found why not."""
        finding = answer if isinstance(answer, Finding) else self._queue(place, issue_id, answer)
        judgement = replace(place.judgement, findings=(*place.judgement.findings, finding))
        return replace(place, judgement=judgement)

    def _queue(self, place: Place, issue_id: int, answer: Outgoing) -> Finding:
        """Put an answer to the author into the outbox."""
        facts = place.facts
        enqueue(self.rows, answer, facts.now, issue_id=issue_id, comment_id=place.comment_id, log_id=place.log_id)
        self._answered[answer.rcpt_to] += 1
        author = facts.message.authors[0].mailbox.folded
        self._thread_key(issue_id, MESSAGE_ID, answer.message_id, author)
        if answer.reply_key:
            self._thread_key(issue_id, REPLY_KEY, answer.reply_key, author)
        return Finding(_CHECKS[answer.kind], "queued", f"to {answer.rcpt_to}")

    def _thread_key(self, issue_id: int, kind: str, value: str, owner: str) -> None:
        self.rows.add(ThreadKey, issue_id=issue_id, kind=kind, value=value, owner=owner)

    def _with_answers(self, facts: Facts) -> Facts:
        """The facts with the answers that this very group has queued for the author."""
        return replace(
            facts, recent_answers=facts.recent_answers + self._answered[facts.message.authors[0].mailbox.folded]
        )
