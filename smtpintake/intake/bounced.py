"""`Bounced`: what a proved report leaves behind: marks on the mail and its address, and an internal note on the issue.

Contract: builds rows and marks, writes none. The note is ours; what the report said in its own words is below it in the
hidden text, and all of it in the raw mail. It changes neither the issue's status nor who takes part. Where an agent's
answer came back, whoever wrote it may hear of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from smtpintake.convert.draft import Draft
from smtpintake.decide.decision import NoteReport
from smtpintake.decide.scores import Severity
from smtpintake.intake.place import Place
from smtpintake.store import events
from smtpintake.store.addresses import Mark
from smtpintake.store.rows import Rows
from smtpintake.store.schema import Comment

_SENTENCES: Final = {
    Severity.SOFT: "A mail to {address} was not delivered.",
    Severity.HARD: "A mail to {address} was not delivered, as there is no such mailbox. No more mail is sent there.",
    Severity.COMPLAINT: "{address} complains about a mail of this issue as unwanted. No more mail is sent there.",
}
_FORGIVE: Final = "To lift that: smtpintake outbox forgive {address}"


@dataclass(slots=True)
class Bounced:
    """What reports leave behind for one group of mails: rows, and `marks` by the id of the outgoing mail."""

    rows: Rows
    marks: dict[int, Mark] = field(default_factory=dict)
    _notes: dict[int, int] = field(default_factory=dict)

    def noted(self, draft: Draft | None, place: Place, decision: NoteReport, ids: Iterator[int]) -> Place:
        """Mark what the report is about, and note it: once, to however many inboxes the report came. The note's id is
        one of `ids`.
        """
        sent, moment = decision.sent, place.facts.envelope.received_at
        if sent.id not in self.marks:
            self.marks[sent.id] = Mark(sent.id, sent.rcpt_to, decision.severity, decision.said, moment)
            if sent.issue_id is not None:
                self._notes[sent.id] = next(ids)
                self._note(self._notes[sent.id], sent.issue_id, draft, place, decision)
        return replace(place, issue_id=sent.issue_id, issue_key=sent.issue_key, comment_id=self._notes.get(sent.id))

    def _note(self, note_id: int, issue_id: int, draft: Draft | None, place: Place, decision: NoteReport) -> None:
        author, told = place.facts.message.author, note(decision)
        comment = Comment(
            id=note_id,
            issue_id=issue_id,
            author_address=author.mailbox.folded if author else "",
            created_at=place.facts.envelope.received_at,
            body_text=told,
            hidden_text=f"{told}\n\n{draft.hidden_text or draft.body_text}" if draft else "",
            internal=True,
            proof=place.facts.proof,
            log_id=place.log_id,
        )
        self.rows.add(Comment, **comment.model_dump())
        if decision.sent.answer:
            events.note(self.rows, events.undelivered(issue_id, note_id, decision.sent.id, comment.created_at), None)


def note(decision: NoteReport) -> str:
    """What the note says: a sentence first, which mails say in their reader's language (`outbox.letters`)."""
    address = decision.sent.rcpt_to
    lines = [_SENTENCES[decision.severity].format(address=address), "", decision.said]
    if decision.severity is not Severity.SOFT:
        lines += ["", _FORGIVE.format(address=address)]
    return "\n".join(lines)
