"""`Inquiry`: what DNS must say of one mail, asked while the mail still arrives.

Contract: begun at MAIL, when SPF can be asked; `header` when the header section is there, when all else can, at once;
`envelope` and `evidence` when the mail is. Whoever gives the mail up calls `abandon`. DNS trouble is in the evidence;
nothing raises for it, and no wait is longer than the resolver's deadline.

SPF is of a client's address. It is not asked of a client that nobody has told us, nor of one that logged in: whoever
submits comes from anywhere.
"""

import asyncio
from dataclasses import replace
from typing import Final

from smtpintake.auth.results import AuthResult, SpfIdentity, SpfResult
from smtpintake.auth.verify import Evidence, questions
from smtpintake.mail import fieldvalue
from smtpintake.mail.address import AddressError, fold_domain
from smtpintake.mail.envelope import Envelope, Hello, Relay, ToldBy
from smtpintake.mail.prescan import MAX_HEADER, Prescan, scan_section
from smtpintake.mail.received import client_of
from smtpintake.net.lookups import Lookups

# So many octets hold the header section, or show that it is too long.
MAX_HEAD: Final = MAX_HEADER + 4


class Inquiry:
    """One mail's. Make it in a running event loop."""

    def __init__(self, lookups: Lookups, envelope: Envelope) -> None:
        self._lookups: Final = lookups
        self._envelope = envelope
        self._spf: asyncio.Task[tuple[SpfResult, SpfResult]] | None = None
        self._names: tuple[str, ...] = ()
        self._unasked = self._why_no_spf()
        if not self._unasked and not self._is_told_in_header():
            self._spf = asyncio.create_task(self._ask_spf())

    def header(self, head: bytes) -> None:
        """Ask what the header section wants to know. `head` begins the mail; of more than `MAX_HEAD` octets the rest is
        not looked at.
        """
        scan = scan_section(head, 0, min(len(head), MAX_HEAD))
        if self._is_told_in_header() and not self._unasked:
            self._envelope = _told_in_header(self._envelope, scan)
            self._unasked = self._why_no_spf()
            if not self._unasked:
                self._spf = asyncio.create_task(self._ask_spf())
        if scan.refusal is None:
            self._names = questions(scan, _spf_domain(self._envelope))
            self._lookups.begin_txt(self._names)

    async def passes_spf(self) -> bool:
        """Whether SPF lets the client send for the reverse-path, as far as can be known before the header section."""
        return self._spf is not None and (await self._spf)[0].result is AuthResult.PASS

    def envelope(self, envelope: Envelope) -> Envelope:
        """`envelope` with the client that the header section told, where a relay tells it there."""
        told = self._envelope
        return replace(envelope, peer=told.peer, hello=told.hello, relay=told.relay)

    async def evidence(self) -> Evidence:
        """All that was found out."""
        if self._spf is None:
            none = SpfResult(AuthResult.NONE, detail=self._unasked)
            spf, helo = none, replace(none, identity=SpfIdentity.HELO)
        else:
            spf, helo = await self._spf
        await self._lookups.txt(self._names)
        return Evidence(spf, helo, self._lookups.answers, self._envelope.received_at)

    def abandon(self) -> None:
        """Nobody needs the evidence any more. Doing it again, or after `evidence`, is fine."""
        if self._spf is not None:
            self._spf.cancel()

    async def _ask_spf(self) -> tuple[SpfResult, SpfResult]:
        told, mailbox = self._envelope, self._envelope.mail_from.mailbox
        domain, localpart = (mailbox.folded_domain, mailbox.localpart) if mailbox is not None else ("", "")
        return await self._lookups.spf(told.peer.ip, told.hello.name, domain, localpart)

    def _is_told_in_header(self) -> bool:
        relay = self._envelope.relay
        return relay is not None and relay.told_by is ToldBy.RECEIVED

    def _why_no_spf(self) -> str:
        told = self._envelope
        if told.login is not None:
            return f"{told.login.name} logged in"
        if told.relay is not None and told.relay.told_by is ToldBy.NOBODY:
            return f"the relay {told.relay.ip} does not tell its client"
        if not told.peer.ip:
            return "no client is known"
        return ""


def _told_in_header(envelope: Envelope, scan: Prescan) -> Envelope:
    """The topmost Received field is the relay's own: nobody behind it could write above it (RFC 5321 s4.4)."""
    if envelope.relay is None:
        return envelope
    topmost = next((field.value for field in scan.fields if field.name == b"received"), b"")
    found = client_of(fieldvalue.unfold(topmost))
    if found is None:
        return replace(envelope, relay=Relay(envelope.relay.ip, ToldBy.NOBODY))
    peer, hello = found
    return replace(envelope, peer=peer, hello=Hello(hello))


def _spf_domain(envelope: Envelope) -> str:
    """What SPF may authenticate (RFC 7208 s2.4): the reverse-path's domain, or the name in HELO."""
    mailbox = envelope.mail_from.mailbox
    try:
        return mailbox.folded_domain if mailbox is not None else fold_domain(envelope.hello.name)
    except AddressError:
        return ""
