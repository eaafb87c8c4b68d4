"""`Delivery`: one message for one inbox. A transaction with several recipients is several deliveries of the same mail.

Contract: pure. Recipients that lead to the same inbox are one delivery, so a mail to `support@` and `help@` of one
inbox is one issue. `key` names the delivery so that its repetition is recognised (RFC 1047): a hash of the
reverse-path, the inbox, the author, the Message-ID or its stand-in, and the octets after the header section. Trace
fields change from hop to hop and are not in it. The author is, so that nobody can have another's mail taken for a
repetition of their own.
"""

import hashlib
from dataclasses import dataclass

from smtpintake.decide.analysis import Analysis
from smtpintake.decide.policy import Inbox, Policy
from smtpintake.decide.routing import Route, route
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.message import Message
from smtpintake.mail.reason import Reason


@dataclass(frozen=True, slots=True)
class Delivery:
    """`route` is that of the first of `recipients`."""

    envelope: Envelope
    analysis: Analysis
    inbox: Inbox
    route: Route
    recipients: tuple[Mailbox, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Unroutable:
    """A recipient that was good at RCPT and is no longer: the policy changed in between."""

    recipient: Mailbox
    reason: Reason


def deliveries(
    envelope: Envelope, analysis: Analysis, policy: Policy
) -> tuple[tuple[Delivery, ...], tuple[Unroutable, ...]]:
    """The deliveries of one transaction under `policy`, in the order of RCPT, and the recipients that have none."""
    routes: dict[str, tuple[Route, list[Mailbox]]] = {}
    lost = []
    for recipient in envelope.rcpt_to:
        found = route(policy, recipient)
        if isinstance(found, Reason):
            lost.append(Unroutable(recipient, found))
        else:
            routes.setdefault(found.inbox, (found, []))[1].append(recipient)
    return (
        tuple(
            Delivery(
                envelope=envelope,
                analysis=analysis,
                inbox=policy.inboxes[name],
                route=first,
                recipients=tuple(recipients),
                key=delivery_key(envelope, analysis.message, name),
            )
            for name, (first, recipients) in routes.items()
        ),
        tuple(lost),
    )


def delivery_key(envelope: Envelope, message: Message, inbox: str) -> str:
    """The name of this delivery: hex of 128 bits."""
    author = message.authors[0].mailbox.folded if message.authors else ""
    parts = (str(envelope.mail_from), inbox, author, message.message_id or _stand_in(message), message.body_sha256)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _stand_in(message: Message) -> str:
    """What tells two mails without a Message-ID apart: who says when they wrote what (RFC 5322 s3.6.4 asks for an
    id).
    """
    return "\0".join((message.date.isoformat() if message.date else "", message.subject))
