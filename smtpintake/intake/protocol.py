"""`Connection`: one client's connection, as far as it does not depend on what the commands mean.

Contract: a subclass of aiosmtpd's SMTP: a stream protocol with a coroutine for each session, whose `smtp_XXX` methods
are the commands. What cannot face the open internet is replaced, each replacement with its reason. Nobody cancels the
coroutine of a session: when the client goes, its next read or write fails, so a journey under way comes to its end.
Replies are gathered and sent when the next command must be waited for (RFC 2920 s3.2). Each wait for the client has a
deadline; our own work has none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, TypeVar, cast

import structlog
from aiosmtpd.smtp import SMTP

from smtpintake.intake.client import Client, Transaction
from smtpintake.intake.command import split_command
from smtpintake.intake.incoming import GoneError, Incoming
from smtpintake.intake.options import TlsMode
from smtpintake.intake.service import Service
from smtpintake.intake.tls import described, secure
from smtpintake.mail.envelope import Peer
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import (
    BAD_SYNTAX,
    BARE_NEWLINE_COMMAND,
    CANNOT_VRFY,
    FLUSHED,
    HELP,
    LINE_TOO_LONG,
    OK,
    REFUSALS,
    UNRECOGNISED,
    Reply,
)

T = TypeVar("T")
Command = Callable[[Any, str | None], Awaitable[None]]

# A browser that was made to send mail commands as the body of a request: the request line comes first.
_HTTP: Final = frozenset((b"GET", b"POST", b"PUT", b"HEAD", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE"))
# Success that brings no mail nearer: too much of it is somebody who keeps the connection for another purpose.
_IDLE_TALK: Final = (OK, FLUSHED, CANNOT_VRFY, HELP)

_log = structlog.get_logger(__name__)


class SessionEnd(Exception):  # noqa: N818 - how a session ends, not a fault
    """The server ends the session and says why."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Connection(SMTP):
    """Reads command lines, calls the `smtp_XXX` method of each, sends replies."""

    _commands: ClassVar[dict[bytes, Command]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        names = (name for name in dir(cls) if name.startswith("smtp_"))
        cls._commands = {name.removeprefix("smtp_").encode(): getattr(cls, name) for name in names}

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        # aiosmtpd's constructor looks through every attribute of itself and of its handler, 0.3 ms a connection, and
        # clears a table that all connections share. So it is passed over, and what only its own commands would look up
        # isn't there.
        self.loop = loop
        incoming = Incoming(loop)
        asyncio.StreamReaderProtocol.__init__(self, incoming, self._cb_client_connected, loop)
        self._incoming: Final = incoming
        self.service: Final = service
        self.hostname = service.limits.hostname
        self.transport: asyncio.Transport | None = None
        self._handler_coroutine: asyncio.Task[None] | None = None
        self._timeout_handle: asyncio.TimerHandle | None = None
        self.client = Client(service.name, Peer(""), lmtp=service.options.lmtp)
        self.transaction: Transaction | None = None
        self._replies: list[bytes] = []
        self._junk = 0
        self._closing = False
        self._flushing = False
        self._waiting: asyncio.Future[None] | None = None
        self._deadline: float | None = None  # None: the client waits for us
        self._deadline_reason = Reason.CONNECT_IDLE

    # ---- the connection ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asyncio.StreamReaderProtocol.connection_made(self, transport)
        self.transport = cast("asyncio.Transport", transport)  # what create_server gives, uvloop's too
        self.client.peer = _peer(transport.get_extra_info("peername"))
        if refused := self._admit():
            _log.warning("connection refused", reason=refused, peer=self.client.peer.ip, listener=self.service.name)
            self.transport.write(_line(REFUSALS[refused]))
            transport.close()
            return
        self._watch()
        self._handler_coroutine = self.loop.create_task(self._handle_client())

    def _admit(self) -> Reason | None:
        return self.service.sessions.admit(self, self.client.peer.ip)

    def connection_lost(self, error: Exception | None) -> None:
        # Not aiosmtpd's own: it cancels the session's coroutine, and with it a commit.
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        self._stop_waiting()
        # Whatever the network calls it (ETIMEDOUT, EHOSTUNREACH …), to the session it is one thing.
        asyncio.StreamReaderProtocol.connection_lost(self, None if error is None else GoneError(str(error)))
        self.transport = None

    def eof_received(self) -> bool | None:
        self._stop_waiting()
        # The client may still read (RFC 9293 s3.6); aiosmtpd would cancel the coroutine here too.
        return asyncio.StreamReaderProtocol.eof_received(self)

    def drain(self) -> None:
        self._stop_waiting()
        if self._deadline is not None and self.transaction is None:
            self._incoming.set_exception(SessionEnd(Reason.CONNECT_DRAINING))

    def cut_off(self) -> None:
        if self._deadline is not None and not self._flushing:
            self._incoming.set_exception(SessionEnd(Reason.CONNECT_DRAINING))
        else:
            self._abort()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    # ---- TLS ---------------------------------------------------------------------------------------------------------

    async def _start_tls(self, first: bytes = b"") -> None:
        """Shake hands; then the session is a new one (RFC 3207 s4.2). `first` was read already. Reading is paused."""
        certificate, transport = self.service.certificate, self.transport
        if certificate is None:
            raise ValueError("TLS was offered without a certificate")
        if transport is None:
            raise GoneError("closed by the client")
        deadline = self.service.limits.handshake_timeout
        await self._within(self._flush, self.loop.time() + deadline, Reason.CONNECT_IDLE)
        try:
            self.transport = await secure(transport, self, certificate.context, first, deadline)
        except OSError as error:
            self.transport = None
            self._note("TLS failed", str(error))
            raise GoneError("no TLS") from error
        self._incoming.move(self.transport)
        self._writer = asyncio.StreamWriter(self.transport, self, self._incoming, self.loop)
        self._over_ssl = True
        self._set_rset_state()
        self.client.tls, self.client.hello = described(self.transport), None

    # ---- deadlines -----------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Look after the client from time to time: one timer a session, however many reads there are."""
        now = self.loop.time()
        due = self._deadline
        if due is not None and now >= due:
            if self._flushing:
                self._abort()  # it doesn't even take our replies
            else:
                self._incoming.set_exception(SessionEnd(self._deadline_reason))
            return
        idle = self.service.limits.idle_timeout
        self._timeout_handle = self.loop.call_at(now + idle if due is None else due, self._watch)

    async def _within(self, wait: Callable[[], Awaitable[T]], deadline: float, reason: Reason) -> T:
        """Wait for the client until `deadline` of the loop's clock, having sent it what it waits for."""
        self._deadline_reason = reason
        self._deadline = deadline
        if self._timeout_handle is not None and deadline < self._timeout_handle.when():
            self._timeout_handle.cancel()
            self._timeout_handle = self.loop.call_at(deadline, self._watch)
        try:
            if self._replies and not self._incoming.has_line:
                await self._flush()
            return await wait()
        finally:
            self._deadline = None

    async def keep_back(self, seconds: float) -> None:
        """Let the client wait for its reply; no longer than it is there, and not while we drain."""
        if seconds and self.transport is not None and not self.service.sessions.draining:
            self._waiting = self.loop.create_future()
            timer = self.loop.call_later(seconds, self._stop_waiting)
            await self._waiting
            timer.cancel()

    def _stop_waiting(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # ---- replies -------------------------------------------------------------------------------------------------

    def reply(self, reply: Reply) -> None:
        """Answer a command."""
        self._replies.append(_line(reply))
        if reply.code == 421:
            self._closing = True  # RFC 5321 s3.8: it promises that
        if reply.code >= 500 or reply in _IDLE_TALK:
            self._junk += 1

    def reply_lines(self, *lines: str) -> None:
        """Answer HELO or EHLO: 250 on several lines, without enhanced codes (RFC 2034 s4)."""
        *others, last = lines
        self._replies.append("".join((*(f"250-{line}\r\n" for line in others), f"250 {last}\r\n")).encode("ascii"))
        self._junk += 1

    async def _flush(self) -> None:
        if self._replies and self.transport is not None:
            self.transport.write(b"".join(self._replies))
            self._replies.clear()
            self._flushing = True
            await self._writer.drain()
            self._flushing = False

    # ---- commands ------------------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        try:
            await self._introduce()
            await self._guard()
            await self._implicit_tls()
            self._greet()
            while not self._closing:
                await self._dispatch(await self._command_line())
        except SessionEnd as end:
            self.reply(REFUSALS[end.reason])
            self._note("session ended", f"{end.reason}: {end.detail}" if end.detail else end.reason)
        except ConnectionError as error:
            if self.transaction is not None:
                self._note("connection lost", str(error))
        finally:
            self._hang_up()

    async def _introduce(self) -> None:
        """Learn who the client is, where it isn't the peer."""

    async def _guard(self) -> None:
        if refused := await self.service.handler.guards.connect(self.client):
            raise SessionEnd(refused)

    def _greet(self) -> None:
        self.reply(Reply(220, None, f"{self.hostname} ESMTP smtpintake"))

    async def _implicit_tls(self) -> None:
        """The handshake, where it comes before the greeting."""
        if self.service.options.tls is TlsMode.IMPLICIT and self.transport is not None:
            self.transport.pause_reading()
            await self._start_tls(self._incoming.take())

    def _hang_up(self) -> None:
        """Say the last words and close. A client that doesn't take them in time is cut off."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        if self.transport is not None:
            self._timeout_handle = self.loop.call_later(self.service.limits.idle_timeout, self._abort)
            self.transport.write(b"".join(self._replies))
            self.transport.close()
        if self.transaction is not None:
            self.transaction.abandon()
        self.service.handler.guards.leave(self.client)
        self.service.sessions.leave(self)

    async def _command_line(self) -> bytes | None:
        if self.transport is None:
            raise GoneError("closed by the client")  # what else it has sent, it will send again
        if self.service.sessions.draining and self.transaction is None:
            raise SessionEnd(Reason.CONNECT_DRAINING)
        if self._junk > self.service.limits.max_junk:
            raise SessionEnd(Reason.COMMAND_LIMIT)
        deadline = self.loop.time() + self.service.limits.idle_timeout
        return await self._within(self._incoming.line, deadline, Reason.CONNECT_IDLE)

    async def _dispatch(self, line: bytes | None) -> None:
        if line is None or len(line) > self.service.limits.max_command_length:
            self.reply(LINE_TOO_LONG)
            return
        if not line.endswith(b"\r\n"):
            self.reply(BARE_NEWLINE_COMMAND)  # RFC 5321 s2.3.8
            return
        command = split_command(line[:-2])
        if command is None:
            self.reply(BAD_SYNTAX)
            return
        verb, argument = command
        method = self._commands.get(verb)
        if method is None:
            self._unrecognised(verb)
            return
        try:
            await method(self, argument)
        except (ConnectionError, SessionEnd):
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end as a permanent refusal
            await self.handle_exception(error)

    def _unrecognised(self, verb: bytes) -> None:
        self.reply(UNRECOGNISED)
        if verb in _HTTP:
            self._note("session ended", "HTTP spoken to a mail server")
            self._closing = True

    async def handle_exception(self, error: Exception) -> str:
        """451, and the transaction is forgotten: the client starts again, now or later."""
        _log.error("a command failed", peer=self.client.peer.ip, listener=self.service.name, exc_info=error)
        self._set_rset_state()
        reply = REFUSALS[Reason.FAULT_INTERNAL]
        self.reply(reply)
        return str(reply)

    def _set_rset_state(self) -> None:
        if self.transaction is not None:
            self.transaction.abandon()
        self.transaction = None

    def _set_post_data_state(self) -> None:
        self.transaction = None

    def _note(self, event: str, detail: str) -> None:
        _log.info(event, detail=detail, peer=self.client.peer.ip, listener=self.service.name)


def _peer(address: object) -> Peer:
    if not isinstance(address, tuple):
        return Peer("")  # it has gone already
    return Peer(str(address[0]).partition("%")[0], int(address[1]))


def _line(reply: Reply) -> bytes:
    return f"{reply}\r\n".encode("ascii")
