"""Sending mail on: to whom a judgement says so, the original as it came, through the outbox.

Contract: builds rows and writes none. Mail is sent on once it is taken in (an issue, a comment) or set aside; what is
held, when it is released. Never to an address that leads back to us.
"""

from dataclasses import dataclass, field, replace

from smtpintake.compose.forward import Forward
from smtpintake.decide.decision import Outcome
from smtpintake.decide.facts import Finding
from smtpintake.decide.policy import Policy
from smtpintake.decide.routing import Route, route
from smtpintake.intake.answer import Answerer, inbox_address
from smtpintake.intake.effects import Place
from smtpintake.intake.submission import Submission
from smtpintake.mail.address import Mailbox
from smtpintake.store.outbox import enqueue
from smtpintake.store.rows import Rows

CHECK = "forward"

_TAKEN = frozenset((Outcome.CREATED, Outcome.COMMENTED, Outcome.DISCARDED))


def sent_on(places: list[Place], submission: Submission, answerer: Answerer, policy: Policy, rows: Rows) -> list[Place]:
    """`places`, each with a finding for each address that the mail is sent on to from there: to no address twice."""
    if not any(place.judgement.forward for place in places):
        return places
    forwarding = _Forwarding(submission.raw.octets, answerer, policy, rows)
    return [forwarding.of(place) for place in places]


@dataclass(slots=True)
class _Forwarding:
    """One mail's; `original` is None where it is large."""

    original: bytes | None
    answerer: Answerer
    policy: Policy
    rows: Rows
    sent_to: list[str] = field(default_factory=list)

    def of(self, place: Place) -> Place:
        if place.outcome not in _TAKEN:
            return place
        wanted = [address for address in place.judgement.forward if address not in self.sent_to]
        findings = [self._send(place, address) for address in wanted]
        return replace(place, judgement=replace(place.judgement, findings=(*place.judgement.findings, *findings)))

    def _send(self, place: Place, address: str) -> Finding:
        recipient, facts = Mailbox.parse(address), place.facts
        if isinstance(route(self.policy, recipient), Route):
            return Finding(CHECK, "none", f"{address} leads back to us")
        self.sent_to.append(address)
        forward = Forward(
            recipient=recipient,
            address=inbox_address(facts),
            inbox_name=self.policy.projects[facts.inbox.project].name,
            language=facts.inbox.language,
            title=facts.message.subject,
            author=str(facts.message.authors[0].mailbox),
            issue_key=place.issue_key or "",
            log_id=place.log_id,
            number=len(self.sent_to),
            original=self.original,
            now=facts.now,
        )
        mail = self.answerer.forward(forward)
        enqueue(self.rows, mail, facts.now, issue_id=place.issue_id, comment_id=None, log_id=place.log_id)
        return Finding(CHECK, "queued", f"to {address}")
