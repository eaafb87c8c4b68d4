"""A real smarthost on loopback: takes mail, or behaves as badly as a test tells it to."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

CERTIFICATE = Path(__file__).parent / "net" / "localhost.pem"
DROP = "drop"  # in place of a reply: cut the connection


@dataclass
class Host:
    """`script` holds, by stage, the replies to give instead of 250, first come first served; `taken` what was taken."""

    script: dict[str, deque[str]] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    taken: list[Envelope] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    stalled: set[str] = field(default_factory=set)
    connections: int = 0
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def plan(self, stage: str, *replies: str) -> None:
        self.script[stage] = deque(replies)

    def stall(self, stage: str, address: str = "") -> None:
        """From now on, say nothing there until the gate is opened; at RCPT of all recipients, or of this one."""
        self.stalled.add(f"{stage} {address}".strip())
        self.gate.clear()

    async def _answer(self, stage: str, server: SMTP, address: str = "") -> str:
        self.seen.append(stage)
        async with self.arrived:
            self.arrived.notify_all()
        if self.stalled & {stage, f"{stage} {address}"}:
            await self.gate.wait()
        planned = self.script.get(stage)
        reply = planned.popleft() if planned else self.always.get(stage, "250 OK")
        if reply == DROP:
            assert server.transport is not None
            server.transport.abort()
        return reply

    async def handle_EHLO(  # noqa: N802
        self, _: SMTP, session: Session, __: Envelope, hostname: str, replies: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [self.always["EHLO"]] if "EHLO" in self.always else replies

    async def handle_MAIL(self, server: SMTP, _: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._answer("MAIL", server)

    async def handle_RCPT(self, server: SMTP, _: Session, envelope: Envelope, address: str, __: Any) -> str:  # noqa: N802
        reply = await self._answer("RCPT", server, address)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.encrypted.append(session.ssl is not None or _is_encrypted(server))
        reply = await self._answer("DATA", server)
        if reply.startswith("2") or reply == DROP:
            self.taken.append(envelope)
            async with self.arrived:
                self.arrived.notify_all()
        return reply

    async def handle_QUIT(self, server: SMTP, _: Session, __: Envelope) -> str:  # noqa: N802
        await self._answer("QUIT", server)
        return "221 Bye"

    async def until(self, mails: int) -> None:
        """Until so many mails were taken."""
        async with asyncio.timeout(20), self.arrived:
            await self.arrived.wait_for(lambda: len(self.taken) >= mails)

    async def until_seen(self, stage: str, times: int, patience: float = 20) -> None:
        async with asyncio.timeout(patience), self.arrived:
            await self.arrived.wait_for(lambda: self.seen.count(stage) >= times)


def _is_encrypted(server: SMTP) -> bool:
    return server.transport is not None and server.transport.get_extra_info("sslcontext") is not None


class _BrokenTls(SMTP):
    """Offers STARTTLS, and then hasn't got it."""

    async def smtp_STARTTLS(self, _: str) -> None:  # noqa: N802
        await self.push("454 4.7.0 TLS not available")


def _login(_: SMTP, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"intake", b"secret")
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def listening(host: Host, *, tls: str = "none", auth: bool = False) -> AsyncIterator[Host]:
    """`host`, listening on `host.port` of 127.0.0.1."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)

    def factory() -> SMTP:
        host.connections += 1
        return (_BrokenTls if tls == "broken" else SMTP)(
            host,
            hostname="smarthost.example",
            enable_SMTPUTF8=True,
            tls_context=context if tls in {"starttls", "broken"} else None,
            authenticator=_login if auth else None,
            auth_required=auth,
            auth_require_tls=False,
        )

    server = await asyncio.get_running_loop().create_server(
        factory, "127.0.0.1", host.port or 0, ssl=context if tls == "implicit" else None
    )
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        await server.wait_closed()
