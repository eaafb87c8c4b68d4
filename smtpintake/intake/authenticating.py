"""`Authenticating`: a connection whose client may say who it is (RFC 4954), and what MAIL demands of it.

Contract: only inside TLS, and only where the listener offers it. A password is in no log and in no error. The third
failure ends the session.
"""

# ruff: noqa: N802 - aiosmtpd calls a command's method smtp_VERB

import base64
from typing import Final

import structlog

from smtpintake.intake.guards import Refused
from smtpintake.intake.options import AuthMode
from smtpintake.intake.protocol import SessionEnd
from smtpintake.intake.relayed import Relayed
from smtpintake.intake.sasl import MECHANISMS, Credentials, ExchangeError
from smtpintake.mail.address import ReversePath
from smtpintake.mail.envelope import Login
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import (
    AUTH_NEEDS_TLS,
    AUTHENTICATED,
    BAD_SYNTAX,
    LOGGED_IN_ALREADY,
    NO_SUCH_MECHANISM,
    NOT_IMPLEMENTED,
    REFUSALS,
    SEND_HELLO_FIRST,
    TRANSACTION_ACTIVE,
    Reply,
)

_MAX_FAILURES: Final = 3

_log = structlog.get_logger(__name__)


class Authenticating(Relayed):
    """Has AUTH, and knows who may say MAIL."""

    @property
    def offers_auth(self) -> bool:
        return self.service.options.auth is not AuthMode.OFF and self.client.tls is not None

    async def smtp_AUTH(self, arg: str | None) -> None:
        mechanism, _, initial = (arg or "").partition(" ")
        if refused := self._auth_refused(mechanism):
            self.reply(refused)
            return
        try:
            credentials = await MECHANISMS[mechanism.upper()](initial.strip() or None, self._ask)
        except ExchangeError as error:
            self.reply(error.reply)
            return
        await self._log_in(credentials)

    def _auth_refused(self, mechanism: str) -> Reply | None:
        """Why this is not the moment for AUTH, or not the way."""
        if self.service.options.auth is AuthMode.OFF or self.service.accounts is None:
            return NOT_IMPLEMENTED
        if self.client.hello is None:
            return SEND_HELLO_FIRST
        if self.client.tls is None:
            return AUTH_NEEDS_TLS
        if self.client.login is not None:
            return LOGGED_IN_ALREADY
        if self.transaction is not None:
            return TRANSACTION_ACTIVE
        if not mechanism:
            return BAD_SYNTAX
        return None if mechanism.upper() in MECHANISMS else NO_SUCH_MECHANISM

    async def _ask(self, challenge: bytes) -> bytes | None:
        self.reply(Reply(334, None, base64.b64encode(challenge).decode("ascii")))
        deadline = self.loop.time() + self.service.limits.idle_timeout
        return await self._within(self._incoming.line, deadline, Reason.CONNECT_IDLE)

    async def _log_in(self, credentials: Credentials) -> None:
        assert self.service.accounts is not None
        said = {"username": credentials.username, "peer": self.client.peer.ip, "listener": self.service.name}
        login = await self.service.accounts.log_in(credentials, self.client.known_ip)
        if isinstance(login, Login):
            _log.info("login", **said)
            self.client.login = login
            self.reply(AUTHENTICATED)
            return
        _log.warning("login failed", reason=login, **said)
        self.client.failed_logins += 1
        if login is Reason.LOGIN_LIMIT or self.client.failed_logins >= _MAX_FAILURES:
            raise SessionEnd(Reason.LOGIN_LIMIT)
        self.reply(REFUSALS[login])

    def obstacle(self, mail_from: ReversePath) -> Refused | None:
        """What the client must do before this MAIL, or why it may not send as this address."""
        options, login = self.service.options, self.client.login
        if options.require_tls and self.client.tls is None:
            return Refused(Reason.TLS_REQUIRED, "MAIL without TLS")
        if options.auth is AuthMode.REQUIRED and login is None:
            return Refused(Reason.LOGIN_REQUIRED, "MAIL without a login")
        # The null reverse-path claims to be nobody: an account may report what it could not deliver.
        if login is not None and mail_from.mailbox is not None and not login.may_send_as(mail_from.mailbox):
            return Refused(Reason.LOGIN_SENDER, f"{login.name} may send as {', '.join(login.senders)}")
        return None
