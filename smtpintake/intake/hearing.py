"""`Hearing`: what a reply quotes, held against what its issue has heard, when the issue is known at last.

Contract: reads, inside the transaction that writes the comment, and only for a draft that quotes or that ends as the
sender's mails may end; any other costs nothing. One instance serves one group of mails, whose comments are written
together: what the earlier ones of it say is heard as well.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Connection

from smtpintake.convert.draft import Draft
from smtpintake.convert.history import History
from smtpintake.convert.quoted import Quoted
from smtpintake.decide.facts import Finding
from smtpintake.intake.place import Place
from smtpintake.store.heard import heard

_SAID: Final = {
    Quoted.PROVED: "all that is quoted is known here, and hidden",
    Quoted.UNKNOWN: "some of what is quoted is not known here: it stays",
}


@dataclass(frozen=True, slots=True)
class Hearing:
    connection: Connection
    _unwritten: dict[int, list[tuple[str, str]]] = field(
        default_factory=dict
    )  # author and text, newest first, by issue

    def told(self, draft: Draft, place: Place) -> tuple[Draft, Place]:
        """The draft of a comment on the place's issue, and the place with what was found."""
        if place.issue_id is None:
            return draft, place
        author, unwritten = (
            place.facts.message.authors[0].mailbox.folded,
            self._unwritten.setdefault(place.issue_id, []),
        )
        unwritten.insert(0, (author, draft.hidden_text or draft.body_text))
        if draft.reading is None:
            return draft, place
        found = heard(self.connection, place.issue_id).after(unwritten[1:])
        # Texts are long, and all mail waits while their words are compared.
        history = found.history if draft.reading.quotes else History()
        of_sender = found.of_sender(author) if draft.reading.may_repeat else History()
        draft = draft.knowing(history, of_sender)
        if draft.quoted not in _SAID:
            return draft, place
        finding = Finding("quotation", draft.quoted, f"{_SAID[draft.quoted]} ({place.issue_key})")
        judgement = replace(place.judgement, findings=(*place.judgement.findings, finding))
        return draft, replace(place, judgement=judgement)
