"""`Guards`: what keeps strangers from wearing the server out, asked when they connect, at MAIL and at RCPT.

Contract: a guard refuses or lets pass; it never decides about a mail's content. Mail over LMTP and from networks that
the admin exempts is not guarded at all. Whoever logged in, and relays that the admin trusts, are limited by sender
only: a relay brings the mail of many. The client that a relay names by PROXY or XCLIENT waits for our answers and is
guarded like any other; that of XFORWARD has gone, and the relay would have to write it a bounce. A guard that cannot
find out lets pass.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smtpintake.intake.client import Client, Transaction
from smtpintake.intake.greylist import Greylist
from smtpintake.intake.peers import Network, network, within
from smtpintake.intake.rates import Counted, Rates
from smtpintake.mail.address import ReversePath
from smtpintake.mail.envelope import Listing
from smtpintake.mail.reason import Reason
from smtpintake.net.dnsbl import Dnsbl
from smtpintake.net.zone import Action
from smtpintake.store.greylist import Triplet

# The harder first.
_COSTS: Final = ((Reason.PEER_LISTED, Action.REJECT), (Reason.PEER_DEFERRED, Action.DEFER))


@dataclass(frozen=True, slots=True)
class Refused:
    """What a guard says no with; `detail` is for the log, `subject` for the reply as well: a name from the settings.
    `greylisted` is to be remembered with it.
    """

    reason: Reason
    detail: str
    subject: str = ""
    greylisted: Triplet | None = None


@dataclass(frozen=True, slots=True)
class Tarpit:
    """For who guesses recipients: after so many unknown ones in a session each refusal is kept back, `delay` seconds
    longer each time; after `end` the session is over.
    """

    after: int = 5
    delay: float = 1.0
    end: int = 20

    _STEPS = 10

    def penalty(self, unknown: int) -> float:
        """Seconds to keep back the refusal of the session's recipient number `unknown` that does not exist."""
        return self.delay * min(max(unknown - self.after, 0), self._STEPS)


class Guards:
    """One for each process. Without arguments it guards nothing but the tarpit."""

    def __init__(
        self,
        rates: Rates | None = None,
        tarpit: Tarpit | None = None,
        exempt: Sequence[Network] = (),
        dnsbl: Dnsbl | None = None,
        greylist: Greylist | None = None,
    ) -> None:
        self._rates: Final = rates or Rates({})
        self._tarpit: Final = tarpit or Tarpit()
        self._exempt: Final = tuple(exempt)
        self._dnsbl: Final = dnsbl
        self._greylist: Final = greylist

    def is_exempt(self, ip: str) -> bool:
        """True where the admin wants the peer let alone."""
        return within(ip, self._exempt)

    async def connect(self, client: Client) -> Reason | None:
        """Why the connection must go, if it must. To be asked of each client whose address is known."""
        if not self._is_stranger(client):
            return None
        peer = network(client.peer.ip)
        if await self._rates.count(Counted.CONNECTIONS, peer):
            return Reason.CONNECT_RATE
        if await self._rates.exceeded(Counted.REFUSED_RECIPIENTS, peer):
            return Reason.RCPT_HARVEST
        if self._dnsbl is not None:
            # The answers are waited for at the first recipient: until then the dialogue goes on.
            client.listings = asyncio.create_task(self._dnsbl.ask(client.peer.ip))
        return None

    def leave(self, client: Client) -> None:
        """The session is over."""
        if client.listings is not None:
            client.listings.cancel()

    async def mail(self, client: Client, mail_from: ReversePath) -> Refused | None:
        if self._is_unguarded(client):
            return None
        peer = network(client.peer.ip)
        if self._is_stranger(client) and (rate := await self._rates.count(Counted.MAILS, peer)):
            return Refused(Reason.MAIL_RATE, f"more than {rate} from {peer}")
        if mail_from.mailbox is None:
            return None  # bounces of all the world share the null reverse-path
        sender = mail_from.mailbox.folded
        if rate := await self._rates.count(Counted.SENDER_MAILS, sender):
            return Refused(Reason.SENDER_RATE, f"more than {rate} from <{sender}>")
        return None

    async def recipient(self, client: Client) -> Refused | None:
        """Why the client may name no recipient at all, if so."""
        if client.listings is None or not self._is_stranger(client):
            return None
        several = await client.listings
        for reason, action in _COSTS:
            for listed in several:
                if listed.action is action:
                    zone = listed.listing.zone
                    return Refused(reason, f"{zone} lists {client.peer.ip}: {', '.join(listed.listing.codes)}", zone)
        return None

    async def inbox(self, client: Client, transaction: Transaction, inbox: str) -> Refused | None:
        """Why this mail for the inbox must come again, if so."""
        if self._greylist is None or not self._is_stranger(client):
            return None
        mailbox = transaction.mail_from.mailbox
        triplet = Triplet(network(client.peer.ip, ipv4=24), "" if mailbox is None else mailbox.folded, inbox)
        wait = await self._greylist.ask(triplet, transaction.inquiry)
        return None if wait is None else Refused(Reason.RCPT_GREYLIST, wait.detail, greylisted=wait.attempt)

    async def listings(self, client: Client) -> tuple[Listing, ...]:
        """The block lists that name the client."""
        return () if client.listings is None else tuple(listed.listing for listed in await client.listings)

    async def unknown_recipient(self, client: Client) -> Refused | None:
        """Note that the client asked for a recipient that does not exist: `client.penalty` says how long it waits for
        the answer, or the session is over.
        """
        if not self._is_stranger(client):
            return None
        client.unknown_recipients += 1
        peer = network(client.peer.ip)
        if rate := await self._rates.count(Counted.REFUSED_RECIPIENTS, peer):
            return Refused(Reason.RCPT_HARVEST, f"more than {rate} from {peer}")
        if client.unknown_recipients > self._tarpit.end:
            return Refused(Reason.RCPT_HARVEST, f"{client.unknown_recipients} in this session")
        client.penalty = self._tarpit.penalty(client.unknown_recipients)
        return None

    def _is_unguarded(self, client: Client) -> bool:
        return client.lmtp or not client.peer.ip or self.is_exempt(client.peer.ip)

    def _is_stranger(self, client: Client) -> bool:
        """True where the client itself is on the line, and nothing speaks for it."""
        if self._is_unguarded(client) or client.login is not None or client.forwarded:
            return False
        return bool(client.known_ip)
