"""`Original`: whose a new issue is and what it says: the mail's own, or the one that an agent passes on in it.

Contract: pure. Whether the agent's word counts is decided already (`decide.forwards`, `CreateIssue.owner`). Whoever is
named in a forward is not proved: the issue says so, and nobody is answered.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from smtpintake.convert.draft import Draft
from smtpintake.decide.decision import CreateIssue
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.policy import Proof
from smtpintake.intake.place import Place
from smtpintake.mail.message import Author


@dataclass(frozen=True, slots=True)
class Original:
    """`person_id` is the author's in the directory, `sent_at` what they or their mail claim. `note` is what the
    forwarder added, and to whom it stays internal: those who work on the issue.
    """

    author: Author
    person_id: int | None
    proof: Proof
    sent_at: datetime | None
    draft: Draft
    note: Draft | None = None


def original(facts: Facts, decision: CreateIssue, draft: Draft, person_id: int | None) -> Original:
    """What the issue of `decision` is made of. `person_id` is that of the mail's own author."""
    draft = draft.obeying(decision.orders.obeyed)
    inner, owner = draft.forwarded, decision.owner
    if inner is None or owner is None:
        return Original(facts.message.authors[0], person_id, facts.proof, facts.message.date, draft)
    known = facts.directory.people.get(owner.mailbox.folded)
    return Original(owner, known.person_id if known else None, Proof.NONE, inner.date, draft.inside, draft.besides)


def unanswered(place: Place) -> Place:
    """`place` of an issue that was made of a forward, of which neither its author nor the agent hears."""
    why = Finding("auto_reply", "none", "the mail was passed on by an agent")
    judgement = replace(place.judgement, findings=(*place.judgement.findings, why))
    return replace(place, judgement=judgement)
