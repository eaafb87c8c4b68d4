"""`Envelope`: what SMTP said about one mail transaction (RFC 5321), which is never what the header says.

Contract: values only. `Peer.ip` is the client's address as the socket, or a relay that the admin trusts, gave it;
`Hello.name` is the client's unverified claim.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from smtpintake.mail.address import Mailbox, ReversePath


@dataclass(frozen=True, slots=True)
class Peer:
    """The SMTP client. `ip` is a textual IPv4 or IPv6 address; empty for a mail handed over without a socket."""

    ip: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Hello:
    """The argument of HELO or EHLO as sent, at most 255 octets, printable ASCII; `extended` is True for EHLO."""

    name: str
    extended: bool = True


class ToldBy(StrEnum):
    """How a relay that the admin trusts tells who its client is."""

    PROXY = "proxy"
    XCLIENT = "xclient"
    RECEIVED = "received"  # in the topmost Received field, which it wrote
    NOBODY = "none"


@dataclass(frozen=True, slots=True)
class Relay:
    """A trusted relay between the client and us. With `NOBODY` the client is unknown and SPF means nothing."""

    ip: str
    told_by: ToldBy


@dataclass(frozen=True, slots=True)
class Login:
    """The account that AUTH proved (RFC 4954). `senders` are the addresses, folded, and the `@domain`s it may use."""

    name: str
    senders: tuple[str, ...]

    def may_send_as(self, mailbox: Mailbox) -> bool:
        """True where the account was given this address, or all of its domain (not of the domains below it)."""
        return mailbox.folded in self.senders or f"@{mailbox.folded_domain}" in self.senders


@dataclass(frozen=True, slots=True)
class Listing:
    """A DNS block list that names the client (RFC 5782): the list's zone, and the codes that it answered."""

    zone: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail transaction up to DATA. `received_at` is aware UTC, taken when MAIL was accepted.

    `peer` and `hello` are the client's; those of a client behind a relay as the relay told them. `login` is the
    account that AUTH proved. Over LMTP (RFC 2033) each recipient hears its own verdict, otherwise all hear one.
    `listings` are of the block lists whose listing refuses nobody.
    """

    transaction_id: str
    received_at: datetime
    listener: str
    peer: Peer
    hello: Hello
    tls: str | None
    mail_from: ReversePath
    rcpt_to: tuple[Mailbox, ...]
    smtputf8: bool = False
    relay: Relay | None = None
    login: Login | None = None
    lmtp: bool = False
    listings: tuple[Listing, ...] = ()
