"""What a person writes to the author of a held mail.

Contract: gives the mail for the outbox, or says why there must be none: a person may answer what a machine may not, but
nobody answers a forged From, a machine's mail, or ourselves.
"""

from datetime import datetime

from smtpintake.compose.answer import Answer, compose_answer
from smtpintake.compose.outgoing import Outgoing
from smtpintake.decide.policy import Inbox, Policy, Proof
from smtpintake.decide.proof import proof
from smtpintake.decide.routing import is_ours, route
from smtpintake.intake.answer import Answerer
from smtpintake.intake.submission import Submission
from smtpintake.mail.address import Mailbox
from smtpintake.mail.ids import new_id
from smtpintake.mail.message import Message, Origin
from smtpintake.mail.reason import Reason

_MACHINES = frozenset((Origin.BOUNCE, Origin.AUTO_REPLY, Origin.AUTO_GENERATED))


def answer_to(mail: Submission, policy: Policy, answerer: Answerer, text: str, now: datetime) -> Outgoing | str:
    """The answer with this text to a held mail, or why there is none."""
    if mail.analysis is None:
        return "it could not be read"
    message, auth = mail.analysis.message, mail.analysis.auth
    recipient = mail.envelope.rcpt_to[0]
    found = route(policy, recipient)
    if isinstance(found, Reason):
        return f"{recipient} leads to no inbox any more"
    author, inbox = message.author, policy.inboxes[found.inbox]
    if author is None:
        return "it has no single author"
    if proof(auth, inbox, mail.envelope, author.mailbox) is Proof.FAILED:
        return f"{author.mailbox.folded_domain} disowns it, so the answer would reach a stranger"
    if why := _why_not(message, policy, author.mailbox, answerer):
        return why
    answer = Answer(
        author=author.mailbox,
        address=_address(inbox, recipient),
        name=policy.projects[inbox.project].name,
        message=message,
        text=text + "\n",
        nonce=new_id(now),
        now=now,
    )
    return compose_answer(answer, answerer.secret)


def _why_not(message: Message, policy: Policy, author: Mailbox, answerer: Answerer) -> str:
    """RFC 3834 s2: what must not be answered, but for what only an automatic answer must not."""
    if is_ours(policy, author):
        return "its author is one of our own addresses"
    if answerer.has_sent(message):
        return "it carries our own loop mark"
    if message.origin in _MACHINES:
        return f"a machine wrote it ({message.origin})"
    return ""


def _address(inbox: Inbox, recipient: Mailbox) -> Mailbox:
    return Mailbox.parse(inbox.address) if inbox.address else recipient.split_subaddress()[0]
