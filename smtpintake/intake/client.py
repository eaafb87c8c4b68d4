"""`Client` and `Transaction`: what a session knows of who is on the line, and of the mail under way. Values that grow.

Contract: hardly any behaviour. The protocol makes a Client when a connection comes, the handler a Transaction at MAIL.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from smtpintake.intake.inquiry import Inquiry
from smtpintake.mail.address import Mailbox, ReversePath
from smtpintake.mail.envelope import Hello, Login, Peer, Relay, ToldBy
from smtpintake.net.dnsbl import Listed

# Of a client that the header section tells nothing is known as long as it speaks.
_UNTOLD: Final = (ToldBy.NOBODY, ToldBy.RECEIVED)


@dataclass(slots=True)
class Client:
    """Who is on the line. `hello` is None until HELO or EHLO; `relay` stands between the client and us; `login` is the
    account that AUTH proved. With `lmtp` the dialogue is that of RFC 2033. With `forwarded` the relay took the mail
    before (XFORWARD): its client is not on the line with it any more.

    `unknown_recipients` and `failed_logins` are of this session; `penalty` is how many seconds the next reply is kept
    back; `listings` are being asked for where block lists are configured.
    """

    listener: str
    peer: Peer
    hello: Hello | None = None
    tls: str | None = None
    relay: Relay | None = None
    login: Login | None = None
    lmtp: bool = False
    forwarded: bool = False
    unknown_recipients: int = 0
    failed_logins: int = 0
    penalty: float = 0.0
    listings: "asyncio.Task[tuple[Listed, ...]] | None" = None

    @property
    def known_ip(self) -> str:
        """The client's own address; empty where a relay stands before it and has told none."""
        return "" if self.relay is not None and self.relay.told_by in _UNTOLD else self.peer.ip


@dataclass(slots=True)
class Transaction:
    """A mail transaction (RFC 5321 s3.3) between MAIL and the reply to its message. `inquiry` is None where nothing is
    verified.
    """

    transaction_id: str
    received_at: datetime
    mail_from: ReversePath
    size: int | None
    smtputf8: bool
    rcpt_to: list[Mailbox] = field(default_factory=list)
    overshoot: int = 0  # recipients that were one too many, or greylisted
    inquiry: Inquiry | None = None

    def abandon(self) -> None:
        """It comes to nothing: DNS need not be asked any more. Doing it again, or after its end, is fine."""
        if self.inquiry is not None:
            self.inquiry.abandon()
