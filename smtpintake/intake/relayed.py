"""`Relayed`: a `Connection` behind which another client may stand, as a trusted relay tells.

Contract: whether the peer is trusted, and how it tells, is settled by the socket's address when the connection comes;
nothing said later changes that. A client that the relay doesn't name is unknown: `client.peer` is the relay then, and
`client.relay` says that nobody told. PROXY and XCLIENT tell for the session, XFORWARD for the next transaction.
"""

# ruff: noqa: N802 - aiosmtpd calls a command's method smtp_VERB

import asyncio

from smtpintake.intake.client import Client
from smtpintake.intake.incoming import GoneError
from smtpintake.intake.protocol import Connection, SessionEnd
from smtpintake.intake.proxyheader import ProxyHeaderError, read_header
from smtpintake.intake.service import Service
from smtpintake.intake.xclient import XCLIENT, XFORWARD, AttributeSyntaxError, Told
from smtpintake.mail.envelope import Hello, Peer, Relay, ToldBy
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import BAD_SYNTAX, NOTED, SEND_HELLO_FIRST, TRANSACTION_ACTIVE


class Relayed(Connection):
    """Reads the PROXY header, XCLIENT and XFORWARD, from those who may use them."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(service, loop)
        self._relay = Peer("")
        self._told_by: ToldBy | None = None
        self._told = Told()  # by XCLIENT
        self._forwarded: Told | None = None  # by XFORWARD
        self._own: tuple[Peer, Hello | None, Relay | None] | None = None  # the session's client, while one is forwarded

    # ---- before the greeting -------------------------------------------------------------------------------------

    def _admit(self) -> Reason | None:
        self._told_by = self._trusted()
        if self._told_by is None:
            return super()._admit()
        self._relay = self.client.peer
        in_the_mail = self._told_by is ToldBy.RECEIVED
        self.client.relay = Relay(self._relay.ip, ToldBy.RECEIVED if in_the_mail else ToldBy.NOBODY)
        return self.service.sessions.admit(self, "")

    def _trusted(self) -> ToldBy | None:
        return self.service.relays.told_by(self.client.peer.ip)

    async def _introduce(self) -> None:
        """The PROXY header of a proxy: it comes before everything, or the session ends."""
        if self._told_by is not ToldBy.PROXY:
            return
        octets = b""
        deadline = self.loop.time() + self.service.limits.proxy_timeout
        try:
            while (header := read_header(octets)) is None:
                octets += await self._within(self._incoming.block, deadline, Reason.CONNECT_PROXY)
        except ProxyHeaderError as error:
            raise SessionEnd(Reason.CONNECT_PROXY, str(error)) from error
        except GoneError as error:
            if octets:
                self._note("connection lost", f"{error} in the middle of the PROXY header")
            raise  # a health check opens a connection and closes it: no news
        self._incoming.unread(octets[header.length :])
        self._set_client(header.client, ToldBy.PROXY)
        self._count_client()

    # ---- commands ------------------------------------------------------------------------------------------------

    def relay_extensions(self) -> tuple[str, ...]:
        """What EHLO offers to a relay."""
        if self._told_by is not ToldBy.XCLIENT:
            return ()
        return " ".join(("XCLIENT", *XCLIENT)), " ".join(("XFORWARD", *XFORWARD))

    async def smtp_XCLIENT(self, arg: str | None) -> None:
        told = self._attributes(b"XCLIENT", arg, self._told, XCLIENT)
        if told is None:
            return
        # XCLIENT_README: the session starts again at the greeting. Nothing of who was on the line stays.
        self._set_rset_state()
        self.service.handler.guards.leave(self.client)
        self.client = Client(self.service.name, self._relay, tls=self.client.tls, lmtp=self.client.lmtp)
        self._junk = 0
        self._told = told
        self._set_client(Peer(told.ip, told.port) if told.ip else None, ToldBy.XCLIENT)
        self._count_client()
        await self._guard()
        self._greet()

    async def smtp_XFORWARD(self, arg: str | None) -> None:
        if self.client.hello is None and self._told_by is ToldBy.XCLIENT:
            self.reply(SEND_HELLO_FIRST)
            return
        told = self._attributes(b"XFORWARD", arg, self._forwarded or Told(), XFORWARD)
        if told is None:
            return
        if self._own is None:
            self._own = (self.client.peer, self.client.hello, self.client.relay)
        self._forwarded = told
        self.client.forwarded = True
        self._set_client(Peer(told.ip, told.port) if told.ip else None, ToldBy.XCLIENT)
        # XFORWARD_README note 4: nothing of this session is mixed with what is forwarded; and without an address it
        # is a mail from the relay's own machine, of which the other attributes say nothing.
        self.client.hello = Hello(told.hello if told.ip and told.hello else "", told.extended)
        self.reply(NOTED)

    def _attributes(self, verb: bytes, arg: str | None, told: Told, offered: tuple[str, ...]) -> Told | None:
        """`told` and what the command adds to it; None where the command was refused."""
        if self._told_by is not ToldBy.XCLIENT:
            self._unrecognised(verb)
        elif self.transaction is not None:
            self.reply(TRANSACTION_ACTIVE)
        else:
            try:
                return told.and_then(arg, offered)
            except AttributeSyntaxError:
                self.reply(BAD_SYNTAX)
        return None

    # ---- the client ----------------------------------------------------------------------------------------------

    def _set_client(self, peer: Peer | None, told_by: ToldBy) -> None:
        self.client.peer = peer or self._relay
        self.client.relay = Relay(self._relay.ip, told_by if peer else ToldBy.NOBODY)

    def _count_client(self) -> None:
        """The session counts for the client now, and ends where that has too many."""
        if refused := self.service.sessions.count(self, self.client.known_ip):
            raise SessionEnd(refused)

    def _said_hello(self, hello: Hello) -> Hello:
        """What the client called itself. A relay says EHLO for itself, and has told the client's name before."""
        return Hello(self._told.hello, self._told.extended) if self._told.hello else hello

    def _set_rset_state(self) -> None:
        super()._set_rset_state()
        self._end_forwarding()

    def _set_post_data_state(self) -> None:
        super()._set_post_data_state()
        self._end_forwarding()

    def _end_forwarding(self) -> None:
        """XFORWARD_README: at the end of a transaction the client is the session's again."""
        if self._own is not None:
            self.client.peer, self.client.hello, self.client.relay = self._own
            self.client.forwarded = False
            self._own = self._forwarded = None
