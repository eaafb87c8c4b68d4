"""Which inbox an envelope recipient means. By RCPT alone: To and Cc say what the author wished, not who is served here.

Contract: `route` is pure and cheap, and is asked twice: at RCPT, so that an unknown recipient is refused there, and by
the writer under the policy that judges the mail. In order: the address as written, the address without its subaddress
(RFC 5233), the catch-all of its domain.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from smtpintake.decide.policy import Policy
from smtpintake.mail.address import Mailbox
from smtpintake.mail.reason import Reason

# What `compose.replyaddress` makes: 80 bits in base32, lower case.
_REPLY_KEY: Final = re.compile(r"[a-z2-7]{16}")


@dataclass(frozen=True, slots=True)
class Route:
    """The inbox's name, how it was found (`exact`, `subaddress`, `catch-all`), and the subaddress, in lower case."""

    inbox: str
    how: str
    recipient: str
    subaddress: str = ""

    @property
    def reply_key(self) -> str | None:
        """The subaddress where it has the form of a reply key; whether it is one, the database knows."""
        return self.subaddress if _REPLY_KEY.fullmatch(self.subaddress) else None


def route(policy: Policy, recipient: Mailbox) -> Route | Reason:
    """The route of `recipient`, or why there is none."""
    inbox = policy.addresses.get(recipient.folded)
    base, subaddress = recipient.split_subaddress()
    if inbox is not None:
        found = Route(inbox.name, "exact", recipient.folded)
    elif subaddress and (inbox := policy.addresses.get(base.folded)) is not None:
        found = Route(inbox.name, "subaddress", recipient.folded, subaddress.lower())
    elif (inbox := policy.addresses.get(f"@{recipient.folded_domain}")) is not None:
        found = Route(inbox.name, "catch-all", recipient.folded, subaddress.lower())
    else:
        return Reason.RCPT_UNKNOWN if recipient.folded_domain in policy.domains else Reason.RCPT_DOMAIN
    return found if inbox.active else Reason.RCPT_INACTIVE


def is_ours(policy: Policy, mailbox: Mailbox) -> bool:
    """True where `mailbox` is an address of an inbox, with whatever subaddress, as reply addresses are. In the domain
    of a catch-all people may have addresses.
    """
    return mailbox.folded in policy.addresses or mailbox.split_subaddress()[0].folded in policy.addresses


def separators(policy: Policy, recipients: Iterable[Mailbox]) -> tuple[str, ...]:
    """The separator lines of every inbox that `recipients` lead to."""
    routes = (route(policy, recipient) for recipient in recipients)
    inboxes = {found.inbox: policy.inboxes[found.inbox] for found in routes if isinstance(found, Route)}
    return tuple(dict.fromkeys(line for inbox in inboxes.values() for line in inbox.separators))
