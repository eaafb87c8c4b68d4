"""A listener with a journey that only remembers, and a client that says exactly what a test wants said."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smtpintake.decide.policy import Policy
from smtpintake.intake.accounts import Accounts
from smtpintake.intake.bound import bind
from smtpintake.intake.certificate import Certificate
from smtpintake.intake.guards import Guards
from smtpintake.intake.handler import Refusal
from smtpintake.intake.inquiry import Inquiry
from smtpintake.intake.limits import Limits
from smtpintake.intake.listener import Listener
from smtpintake.intake.options import Options
from smtpintake.intake.relay import NO_RELAYS, TrustedRelays
from smtpintake.intake.spool import Received
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.reply import READY_FOR_TLS, Replies, Reply, created
from tests import make
from tests.certificates import NAME, trusting

PLAIN = Options()
GUARD = 20.0  # seconds until a test that hangs is called one


@dataclass
class FakeJourney:
    """Remembers what it was given. `gate` holds every mail back while it is not set; `fault` is raised."""

    rules: Policy = field(default_factory=lambda: make.policy(addresses=["support@example.org", "@example.net"]))
    mails: list[tuple[Envelope, bytes]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    fault: Exception | None = None
    verdicts: Callable[[Mailbox], Reply] | None = None  # of each recipient over LMTP

    def __post_init__(self) -> None:
        self.gate.set()

    def policy(self) -> Policy:
        return self.rules

    def inquire(self, envelope: Envelope) -> Inquiry | None:
        return None

    async def receive(self, envelope: Envelope, mail: Received, inquiry: Inquiry | None) -> Replies:
        self.entered.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        octets = mail.octets if mail.path is None else mail.path.read_bytes()
        assert octets is not None
        assert mail.size == len(octets)
        assert mail.sha256 == hashlib.sha256(octets).hexdigest()
        self.mails.append((envelope, octets))
        mail.discard()
        self.finished.set()
        if envelope.lmtp and self.verdicts is not None:
            return tuple(self.verdicts(recipient) for recipient in envelope.rcpt_to)
        return (created(f"SUP-{len(self.mails)}").logged(envelope.transaction_id),)

    async def refuse(self, refusal: Refusal) -> Reply:
        if self.fault is not None:
            raise self.fault
        self.refusals.append(refusal)
        return refusal.reply.logged(refusal.transaction_id)


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def reply(self) -> str:
        """One reply, of however many lines, without its last line end; an empty string at the end of the session."""
        lines = []
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), GUARD)).decode("ascii")
            if not line:
                return ""
            assert line.endswith("\r\n")
            assert "\r" not in line[:-2]
            lines.append(line[:-2])
            if line[3] != "-":
                return "\n".join(lines)

    async def ask(self, line: bytes | str) -> str:
        await self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.reply()

    async def replies(self, count: int) -> list[str]:
        return [await self.reply() for _ in range(count)]

    async def hello(self) -> "Client":
        assert (await self.ask("EHLO client.example")).startswith("250-")
        return self

    async def envelope(self, *recipients: str) -> "Client":
        """EHLO, MAIL and RCPT, all accepted."""
        await self.hello()
        assert await self.ask("MAIL FROM:<cara@customer.example>") == "250 2.1.0 sender OK"
        for recipient in recipients or ("support@example.org",):
            assert await self.ask(f"RCPT TO:<{recipient}>") == "250 2.1.5 recipient OK"
        return self

    async def data(self, octets: bytes) -> str:
        """DATA and these octets, whose end mark the caller has made."""
        assert (await self.ask("DATA")).startswith("354 ")
        await self.send(octets)
        return await self.reply()

    async def start_tls(self, context: ssl.SSLContext | None = None, name: str = NAME) -> "Client":
        """STARTTLS and the handshake."""
        assert await self.ask("STARTTLS") == str(READY_FOR_TLS)
        return await self.handshake(context, name)

    async def handshake(self, context: ssl.SSLContext | None = None, name: str = NAME) -> "Client":
        await self.writer.start_tls(context or trusting(), server_hostname=name)
        return self

    @property
    def tls(self) -> ssl.SSLObject:
        tls = self.writer.get_extra_info("ssl_object")
        assert isinstance(tls, ssl.SSLObject)
        return tls

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


@dataclass
class Server:
    listener: Listener
    journey: FakeJourney
    port: int
    spool: Path
    _clients: list[Client] = field(default_factory=list)

    async def connect(self, source: str = "127.0.0.1") -> Client:
        """A new connection, of which nothing was read, from that address of this machine."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0)))
        self._clients.append(client)
        return client

    async def client(self) -> Client:
        """A new connection whose greeting was read."""
        client = await self.connect()
        assert (await client.reply()).startswith("220 mx.example.org ")
        return client

    async def close(self) -> None:
        self.journey.gate.set()
        for client in self._clients:
            await client.close()
        assert await self.listener.drain(GUARD) == 0
        assert not list(self.spool.iterdir())
        assert self.listener.space.in_memory == 0


@asynccontextmanager
async def serving(
    spool: Path,
    relays: TrustedRelays = NO_RELAYS,
    guards: Guards | None = None,
    options: Options = PLAIN,
    certificate: Certificate | None = None,
    accounts: Accounts | None = None,
    **limits: Any,
) -> AsyncIterator[Server]:
    journey = FakeJourney()
    spool.mkdir(exist_ok=True)
    listener = Listener(
        journey,
        Limits("mx.example.org", **limits),
        spool,
        relays=relays,
        guards=guards,
        certificate=certificate,
        accounts=accounts,
    )
    bound = bind("127.0.0.1", 0)
    await listener.listen(bound, options)
    server = Server(listener, journey, bound.socket.getsockname()[1], spool)
    try:
        yield server
    finally:
        await server.close()
