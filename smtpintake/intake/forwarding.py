"""Sending mail on: to whom a judgement says so, and what an inbox did not process; as it came, through the outbox.

Contract: builds rows and writes none. What rules and commands send on goes once the mail is taken in (an issue, a
comment) or set aside; what is held, when it is released. `forward_unprocessed_to` is for mail that is held, set aside,
or refused by a rule, when it comes. Never for one of our own mails come back, never to an address that leads back to
us, and to each address at most `MAX_RECENT` mails within `WINDOW`. Costs a query only where something is to be sent.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from smtpintake.compose.forward import Forward
from smtpintake.decide.decision import Outcome
from smtpintake.decide.facts import Finding
from smtpintake.decide.fields import ENGLISH
from smtpintake.decide.policy import Policy
from smtpintake.decide.routing import Route, route
from smtpintake.intake.answer import Answerer, inbox_address, queued
from smtpintake.intake.place import Place
from smtpintake.intake.submission import Submission
from smtpintake.mail.address import Mailbox
from smtpintake.mail.reason import Reason
from smtpintake.store.addresses import stopped
from smtpintake.store.outbox import enqueue
from smtpintake.store.rows import Rows
from smtpintake.store.spent import forwarded

CHECK: Final = "forward"
MAX_RECENT: Final = 100
WINDOW: Final = timedelta(hours=3)

_TAKEN: Final = frozenset((Outcome.CREATED, Outcome.COMMENTED, Outcome.DISCARDED))
_UNPROCESSED: Final = frozenset((Outcome.HELD, Outcome.DISCARDED))


@dataclass(slots=True)
class Forwarding:
    """One for a group of mails that are recorded together."""

    connection: Connection
    answerer: Answerer
    policy: Policy
    rows: Rows
    _sent: Counter[str] = field(default_factory=Counter)

    def sent_on(self, places: list[Place], submission: Submission) -> list[Place]:
        """`places` of one mail, each with a finding for each address that the mail is sent on to from there: to no
        address twice.
        """
        wanted = [_wanted(place, submission) for place in places]
        if not any(wanted):
            return places
        done: list[str] = []
        return [
            self._of(place, addresses, submission.raw.octets, done)
            for place, addresses in zip(places, wanted, strict=True)
        ]

    def _of(self, place: Place, addresses: Sequence[str], original: bytes | None, done: list[str]) -> Place:
        recent = forwarded(self.connection, addresses, place.facts.now - WINDOW)
        silenced = stopped(self.connection, addresses, place.facts.now)
        findings: list[Finding] = []
        for address in addresses:
            if address not in done:
                findings.append(
                    self._why_not(place, address, recent.get(address, 0), silenced.get(address, ""))
                    or self._send(place, address, original, number=len(done) + 1)
                )
                done.append(address)
        return replace(place, judgement=replace(place.judgement, findings=(*place.judgement.findings, *findings)))

    def _why_not(self, place: Place, address: str, recent: int, silenced: str) -> Finding | None:
        if place.facts.returned:
            return Finding(CHECK, "none", "the mail carries our own loop mark")
        if isinstance(route(self.policy, Mailbox.parse(address)), Route):
            return Finding(CHECK, "none", f"{address} leads back to us")
        if silenced:
            return Finding(CHECK, "none", silenced)
        recent += self._sent[address]
        if recent >= MAX_RECENT:
            return Finding(CHECK, "none", f"{address} was sent on {recent} mails of late")
        return None

    def _send(self, place: Place, address: str, original: bytes | None, *, number: int) -> Finding:
        facts = place.facts
        self._sent[address] += 1
        forward = Forward(
            recipient=Mailbox.parse(address),
            address=inbox_address(facts),
            inbox_name=self.policy.projects[facts.inbox.project].name,
            language=facts.inbox.language or ENGLISH,
            title=facts.message.subject,
            author=", ".join(str(author.mailbox) for author in facts.message.authors[:5]),
            issue_key=place.issue_key or "",
            log_id=place.log_id,
            number=number,
            original=original,
            now=facts.now,
            unprocessed=f"{place.outcome}, {place.judgement.decision.reason}" if place.issue_key is None else "",
        )
        mail = self.answerer.forward(forward)
        enqueue(self.rows, mail, facts.now, issue_id=place.issue_id, comment_id=None, log_id=place.log_id)
        return queued(CHECK, mail)


def _wanted(place: Place, submission: Submission) -> tuple[str, ...]:
    """The addresses that the mail goes to from this place."""
    outcome, unprocessed = place.outcome, place.facts.inbox.forward_unprocessed_to
    wanted = place.judgement.forward if outcome in _TAKEN else ()
    refused_by_rule = place.judgement.decision.reason is Reason.RULE_REJECT
    # What was held has gone on when it came.
    if unprocessed and submission.release is None and (outcome in _UNPROCESSED or refused_by_rule):
        return tuple(dict.fromkeys((*wanted, unprocessed)))
    return wanted
