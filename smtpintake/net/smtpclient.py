"""The smarthost: a connection to the server that takes our own mail, and what it said to each.

Contract: `Connection.send` never raises for what the other side does: it gives Sent, Deferred or Failed. `Deferred`
means that the mail may be tried again, and `unreachable` that no mail can be sent there at present. Faults of the
connection and of our login are ours to mend, so they defer; only a 5yz to this very mail fails it. A connection is
opened when it is needed, and used for as many mails as the other side likes.
"""

import os
import ssl
from dataclasses import dataclass
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from smtpintake.net.smarthost import Smarthost, Tls

_MAX_NOTE: Final = 400
# RFC 4954 s4, s6: our login is missing or wrong, whatever the mail.
_LOGIN_CODES: Final = frozenset((530, 534, 535, 538))


@dataclass(frozen=True, slots=True)
class Sent:
    note: str


@dataclass(frozen=True, slots=True)
class Deferred:
    note: str
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """`refusal` is what was said of the recipient, such as `5.1.1 nobody`; empty where it is about the mail."""

    note: str
    refusal: str = ""


Result = Sent | Deferred | Failed


class Connection:
    """One connection to `smarthost`, for one mail at a time."""

    def __init__(self, smarthost: Smarthost) -> None:
        self.smarthost: Final = smarthost
        self._smtp: SMTP | None = None

    async def send(self, mail_from: str, rcpt_to: str, octets: bytes) -> Result:
        """Send one mail to one recipient; `mail_from` is empty for the null reverse-path."""
        reused = self._smtp is not None
        result = await self._try(mail_from, rcpt_to, octets)
        if result is None and reused:
            # Closed between two mails, which is the other side's right: the first try on a fresh connection counts.
            result = await self._try(mail_from, rcpt_to, octets)
        return result or Deferred(f"{self.smarthost} closed the connection before the mail", unreachable=True)

    async def reach(self) -> Deferred | None:
        """Connect and log in without a mail: None where that works."""
        try:
            self._smtp = await self._connect()
            if self._smtp.is_ehlo_or_helo_needed:
                await self._smtp.ehlo()
        except (SMTPException, OSError, ValueError) as error:
            return self._unreachable(error)
        finally:
            await self.close()
        return None

    async def close(self) -> None:
        """Say goodbye, and wait for no answer longer than a moment."""
        if self._smtp is None:
            return
        try:
            await self._smtp.quit(timeout=1)
        except (SMTPException, OSError):
            pass  # The mails are settled: how the connection ends changes nothing.
        finally:
            self._drop()

    async def _try(self, mail_from: str, rcpt_to: str, octets: bytes) -> Result | None:
        """One attempt, or None where the connection was closed before DATA."""
        try:
            smtp = self._smtp = self._smtp or await self._connect()
        except (SMTPException, OSError, ValueError) as error:
            return self._unreachable(error)
        try:
            return await self._transact(smtp, mail_from, rcpt_to, octets)
        except SMTPServerDisconnected:
            self._drop()
            return None
        except SMTPTimeoutError:
            self._drop()
            return Deferred(f"{self.smarthost} did not answer in time", unreachable=True)
        except SMTPHeloError as error:
            self._drop()  # it refuses us, and no mail yet
            return self._unreachable(error)
        except SMTPResponseException as error:
            await self._reset(smtp, error.code)
            return self._refused(error, rcpt_to)
        except (SMTPException, OSError, ValueError) as error:
            self._drop()
            return self._unreachable(error)

    async def _connect(self) -> SMTP:
        """A connection as the smarthost's policy wants it, logged in to."""
        if self.smarthost.tls is not Tls.OPPORTUNISTIC:
            return await self._open(start_tls=self.smarthost.tls is not Tls.NONE)
        try:
            return await self._open(start_tls=None)  # where it is offered
        except (SMTPConnectError, SMTPAuthenticationError):
            raise
        except (SMTPException, OSError):
            return await self._open(start_tls=False)

    async def _open(self, *, start_tls: bool | None) -> SMTP:
        host = self.smarthost
        smtp = SMTP(
            hostname=host.host,
            port=host.port,
            local_hostname=host.hello,
            username=host.username or None,
            password=host.password or None,
            timeout=host.timeout,
            use_tls=host.implicit,
            start_tls=start_tls and not host.implicit,
            validate_certs=host.tls is Tls.VERIFIED,
            tls_context=host.context if host.tls is Tls.VERIFIED else None,
        )
        await smtp.connect(timeout=host.connect_timeout)
        return smtp

    async def _transact(self, smtp: SMTP, mail_from: str, rcpt_to: str, octets: bytes) -> Result | None:
        international = not (f"{mail_from}{rcpt_to}".isascii() and octets.partition(b"\r\n\r\n")[0].isascii())
        options, encoding = (("SMTPUTF8",), "utf-8") if international else ((), "ascii")
        if smtp.is_ehlo_or_helo_needed:
            await smtp.ehlo()
        if international and not smtp.supports_extension("smtputf8"):
            return Failed(f"{self.smarthost} takes no internationalised addresses (RFC 6531)")
        await smtp.mail(mail_from, options=options, encoding=encoding)
        try:
            await smtp.rcpt(rcpt_to, encoding=encoding)
        except SMTPTimeoutError:
            # A smarthost that asks the next server first may be slow for one domain, and quick for all others.
            self._drop()
            return Deferred(f"{self.smarthost} said nothing about {rcpt_to} in time")
        try:
            reply = await smtp.data(octets, timeout=self.smarthost.data_timeout)
        except (SMTPServerDisconnected, SMTPTimeoutError) as error:
            # The mail may have arrived. It is sent again with the same Message-ID (RFC 1047).
            self._drop()
            return Deferred(f"{self.smarthost} fell silent after the mail: {_told(error)}")
        return Sent(f"{reply.code} {_one_line(reply.message)}")

    def _unreachable(self, error: Exception) -> Deferred:
        return Deferred(f"cannot use {self.smarthost}: {_told(error)}", unreachable=True)

    def _refused(self, error: SMTPResponseException, rcpt_to: str) -> Result:
        of_recipient, said = isinstance(error, SMTPRecipientRefused), _one_line(error.message)
        note = f"{self.smarthost} refused {rcpt_to if of_recipient else 'the mail'}: {error.code} {said}"
        if error.code in _LOGIN_CODES:
            return Deferred(note, unreachable=True)
        if 500 <= error.code <= 599:
            return Failed(note, said if of_recipient else "")
        # RFC 5321 s4.2.1: 421 is about the server, the rest of 4yz about this mail.
        return Deferred(note, unreachable=error.code == 421)

    async def _reset(self, smtp: SMTP, code: int) -> None:
        """Make the connection ready for another mail, or close it."""
        try:
            if code != 421:
                await smtp.rset()
                return
        except (SMTPException, OSError):
            pass  # The next mail opens a new connection.
        self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


def _told(error: Exception) -> str:
    """What an exception says, in one line fit for a note."""
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {_one_line(error.message)}"
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)  # below 0 are those of a look-up
    return _one_line(str(error)) or type(error).__name__


def _one_line(text: str) -> str:
    """Text of the other side: one line, bounded, nothing unprintable."""
    return "".join(c if c.isprintable() else " " for c in text[:_MAX_NOTE]).strip()
