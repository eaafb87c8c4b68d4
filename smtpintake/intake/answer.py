"""The answer to a mail that became an issue, or some of whose commands were not obeyed: what the inbox wants, what RFC
3834 allows, and who is speaking.

Contract: `Answerer` gives a complete mail for the outbox, or why there is none: a Finding, or the Silence of a budget
that is used up. It holds what does not change from mail to mail: the installation's secret and the templates. No I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from smtpintake.compose.autoreply import KIND, REPORT, AutoReply, compose_autoreply, why_not_to, why_silent
from smtpintake.compose.budget import DEFAULT_BUDGET, Budget, Silence, Spent, why_no_answer, why_paused
from smtpintake.compose.forward import Forward, compose_forward
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.render import Templates
from smtpintake.compose.replyaddress import is_marked
from smtpintake.decide.decision import AddComment, CreateIssue
from smtpintake.decide.delivery import Delivery
from smtpintake.decide.facts import Candidate, Facts, Finding
from smtpintake.decide.language import to_author
from smtpintake.decide.orders import Orders, Refused
from smtpintake.decide.policy import Policy, Proof, Right
from smtpintake.decide.rights import may, may_on
from smtpintake.intake.place import Place
from smtpintake.mail.address import Mailbox
from smtpintake.mail.message import Message
from smtpintake.mail.reason import Reason

CHECK: Final = "auto_reply"

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answerer:
    """`secret` signs reply addresses and Message-IDs, `former` ones did before; `budget` is how much a machine may
    write; `public_url` is where people reach the issues, or empty.
    """

    secret: bytes
    templates: Templates
    budget: Budget = DEFAULT_BUDGET
    public_url: str = ""
    former: tuple[bytes, ...] = ()

    def answer(self, place: Place, policy: Policy, spent: Spent) -> Outgoing | Finding | Silence:
        """The auto-reply to the mail of `place`, which has become its issue, or why there is none. `spent` is what the
        author was sent of late.
        """
        facts, author = place.facts, author_of(place.facts)
        why_not = (
            _not_wanted(place, policy) or _silence(facts, policy) or why_paused(self.budget, spent, author, facts.now)
        )
        if why_not:
            return Finding(CHECK, "none", why_not)
        return why_no_answer(self.budget, spent, author, place.issue_id) or self._composed(
            place, policy, details=_out_of_hours(facts)
        )

    def copy(
        self, place: Place, policy: Policy, to: Mailbox, number: int, spent: Spent
    ) -> Outgoing | Finding | Silence:
        """The same to somebody else who takes part, the `number`-th of them, or why not."""
        facts = place.facts
        why_not = why_not_to(to, policy.addresses) or why_paused(self.budget, spent, to.folded, facts.now)
        if why_not:
            return Finding(CHECK, "none", why_not)
        return why_no_answer(self.budget, spent, to.folded) or self._composed(
            place, policy, details=_out_of_hours(facts), copy=(to, number)
        )

    def report(
        self, place: Place, policy: Policy, refused: Sequence[Refused], spent: Spent
    ) -> Outgoing | Finding | Silence:
        """The mail that tells the author of `place` which of their commands were not obeyed, or why there is none. They
        are proved, or they could give none.
        """
        if why_not := _silence(place.facts, policy):
            return Finding(REPORT, "none", why_not)
        details = "\n".join(f"{each.command.line}: {each.why}" for each in refused)
        return why_no_answer(self.budget, spent, author_of(place.facts), place.issue_id) or self._composed(
            place, policy, kind=REPORT, details=details
        )

    def forward(self, forward: Forward) -> Outgoing:
        """The mail that sends another one on."""
        return compose_forward(forward, self.templates, self.secret)

    def _composed(
        self,
        place: Place,
        policy: Policy,
        *,
        kind: str = KIND,
        details: str = "",
        copy: tuple[Mailbox, int] | None = None,
    ) -> Outgoing:
        facts, decision = place.facts, place.judgement.decision
        language = to_author(facts, decision.fields.language if isinstance(decision, CreateIssue) else "")
        to, number = copy or (facts.message.authors[0].mailbox, 0)
        reply = AutoReply(
            issue_key=place.issue_key or "",
            author=to,
            address=inbox_address(facts),
            inbox_name=policy.projects[facts.inbox.project].name,
            language=language,
            separator=self.templates.separator(language, facts.inbox.separators),
            message=facts.message,
            nonce=f"{place.log_id}-{number}" if number else place.log_id,
            now=facts.now,
            title=facts.message.subject if facts.proof.rank >= Proof.ALIGNED.rank else "",
            kind=kind,
            details=details,
            link=f"{self.public_url}/issues/{place.issue_key}" if self.public_url else "",
            subaddresses=facts.inbox.subaddresses,
        )
        return compose_autoreply(reply, self.templates, self.secret)

    def returned(self, delivery: Delivery) -> bool:
        """True where the mail is one of our own, come back."""
        return self.has_sent(delivery.analysis.message)

    def has_sent(self, message: Message) -> bool:
        """True where the mail carries our loop mark."""
        return is_marked((self.secret, *self.former), message.loop_marks)


def _out_of_hours(facts: Facts) -> str:
    """What the inbox says while nobody is there."""
    hours = facts.inbox.auto_reply.office_hours
    return "" if hours.is_open(facts.now) else hours.text


def _not_wanted(place: Place, policy: Policy) -> str | None:
    """Why the inbox wants no answer to this mail."""
    facts, wanted = place.facts, place.facts.inbox.auto_reply
    if not wanted.enabled:
        return f"inbox {facts.inbox.name} sends none"
    match place.judgement.decision:
        case AddComment(orders=Orders(watch=False)):
            return "the author has left the issue"
        case AddComment(candidate=issue) if may_on(facts, policy, Right.AGENT, issue):
            return f"the author works on {issue.issue_key}"
        case CreateIssue(mentions=mentions) if wanted.first_only and (named := _referred_to(mentions)):
            return f"the mail refers to {named}: it begins no thread"
    heard = may(facts, policy, Right.AUTO_REPLY, facts.inbox.project)
    return None if heard else heard.why


def _referred_to(mentions: Sequence[Candidate]) -> str:
    """The key of an issue that the mail means for certain: a bare `#12` may be anything."""
    certain = (issue for issue in mentions if issue.how is not Reason.THREAD_TOKEN or issue.evidence.startswith("["))
    return next((issue.issue_key for issue in certain), "")


def _silence(facts: Facts, policy: Policy) -> str | None:
    return why_silent(
        facts.envelope,
        facts.message,
        policy.addresses,
        returned=facts.returned,
        stopped=facts.stopped,
    )


def queued(check: str, mail: Outgoing) -> Finding:
    """What the trace says of a mail that waits to be sent. A faulty template is also told in the journal."""
    said = f"to {mail.rcpt_to}"
    if not mail.fault:
        return Finding(check, "queued", said)
    _log.error("a template is faulty, the built-in one is used", kind=mail.kind, fault=mail.fault)
    return Finding(check, "queued", f"{said}, by the built-in templates: {mail.fault}")


def author_of(facts: Facts) -> str:
    """The folded address of whom an answer goes to; empty where nobody wrote the mail."""
    return facts.message.authors[0].mailbox.folded if facts.message.authors else ""


def inbox_address(facts: Facts) -> Mailbox:
    """The inbox's own address; where it is a catch-all only, the one that the author wrote to."""
    if facts.inbox.address:
        return Mailbox.parse(facts.inbox.address)
    return facts.recipients[0].split_subaddress()[0]
