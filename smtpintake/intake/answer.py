"""The answer to a mail that became an issue, or some of whose commands were not obeyed: what the inbox wants, what RFC
3834 allows, and who is speaking.

Contract: `Answerer` gives a complete mail for the outbox, or the Finding that says why there is none. It holds what
does not change from mail to mail: the installation's secret and the templates. No I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from smtpintake.compose.autoreply import KIND, REPORT, AutoReply, compose_autoreply, why_silent
from smtpintake.compose.forward import Forward, compose_forward
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.render import Templates
from smtpintake.compose.replyaddress import is_marked
from smtpintake.decide.delivery import Delivery
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.orders import Refused
from smtpintake.decide.policy import Inbox, Policy, Proof, Right
from smtpintake.decide.rights import may
from smtpintake.mail.address import Mailbox

CHECK = "auto_reply"


@dataclass(frozen=True, slots=True)
class Answerer:
    """`secret` signs reply addresses and Message-IDs."""

    secret: bytes
    templates: Templates

    def answer(self, facts: Facts, policy: Policy, issue_key: str, log_id: str) -> Outgoing | Finding:
        """The auto-reply to the mail of `facts`, which has become `issue_key`, or why there is none."""
        wanted = facts.inbox.auto_reply
        if not wanted.enabled:
            return Finding(CHECK, "none", f"inbox {facts.inbox.name} sends none")
        heard = may(facts, policy, Right.AUTO_REPLY, facts.inbox.project)
        if not heard:
            return Finding(CHECK, "none", heard.why)
        if silence := _silence(facts, policy):
            return Finding(CHECK, "none", silence)
        return self._composed(facts, policy, issue_key, log_id)

    def report(
        self, facts: Facts, policy: Policy, issue_key: str, log_id: str, refused: Sequence[Refused]
    ) -> Outgoing | Finding:
        """The mail that tells the author of `facts` which of their commands were not obeyed, or why there is none. They
        are proved, or they could give none.
        """
        if silence := _silence(facts, policy):
            return Finding(REPORT, "none", silence)
        details = "\n".join(f"{each.command.line}: {each.why}" for each in refused)
        return self._composed(facts, policy, issue_key, log_id, kind=REPORT, details=details)

    def forward(self, forward: Forward) -> Outgoing:
        """The mail that sends another one on."""
        return compose_forward(forward, self.templates, self.secret)

    def _composed(
        self, facts: Facts, policy: Policy, issue_key: str, log_id: str, *, kind: str = KIND, details: str = ""
    ) -> Outgoing:
        reply = AutoReply(
            issue_key=issue_key,
            author=facts.message.authors[0].mailbox,
            address=inbox_address(facts),
            inbox_name=policy.projects[facts.inbox.project].name,
            language=facts.inbox.language,
            separator=_separator(facts.inbox),
            message=facts.message,
            nonce=log_id,
            now=facts.now,
            title=facts.message.subject if facts.proof.rank >= Proof.ALIGNED.rank else "",
            kind=kind,
            details=details,
        )
        return compose_autoreply(reply, self.templates, self.secret)

    def returned(self, delivery: Delivery) -> bool:
        """True where the mail is one of our own, come back."""
        return is_marked(self.secret, delivery.analysis.message.loop_marks)


def _silence(facts: Facts, policy: Policy) -> str | None:
    return why_silent(
        facts.envelope,
        facts.message,
        policy.addresses,
        returned=facts.returned,
        recent=facts.recent_answers,
        stopped=facts.stopped,
    )


def inbox_address(facts: Facts) -> Mailbox:
    """The inbox's own address; where it is a catch-all only, the one that the author wrote to."""
    if facts.inbox.address:
        return Mailbox.parse(facts.inbox.address)
    return facts.recipients[0].split_subaddress()[0]


def _separator(inbox: Inbox) -> str:
    return inbox.separators[0] if inbox.separators else ""
