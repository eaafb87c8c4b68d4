"""`Dialogue`: the commands of SMTP (RFC 5321 s4.1.1) on a `Connection`.

Contract: grammar and sequence are judged here, everything else by the `Handler`. What a listener does not offer is
refused like any other command that we don't have.
"""

# ruff: noqa: N802, ARG002 - aiosmtpd calls a command's method smtp_VERB, and gives each its argument

import math
from collections.abc import Set
from typing import Final

from smtpintake.intake.authenticating import Authenticating
from smtpintake.intake.client import Transaction
from smtpintake.intake.command import declared_size, forward_path, hello_name, read_path, reverse_path
from smtpintake.intake.options import TlsMode
from smtpintake.intake.protocol import SessionEnd
from smtpintake.intake.sasl import MECHANISMS
from smtpintake.intake.spool import Received
from smtpintake.intake.upload import Unreadable, Upload
from smtpintake.mail.address import AddressError
from smtpintake.mail.envelope import Hello
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import (
    BAD_SYNTAX,
    BYE,
    CANNOT_VRFY,
    FLUSHED,
    HELP,
    NEED_MAIL,
    NEED_RCPT,
    NESTED_MAIL,
    NOT_IMPLEMENTED,
    OK,
    READY_FOR_TLS,
    SEND_HELLO_FIRST,
    START_DATA,
    TLS_ACTIVE,
    UNKNOWN_PARAMETER,
    Reply,
    ReplyClass,
)

_MAIL_PARAMETERS: Final = frozenset(("SIZE", "BODY", "SMTPUTF8"))
_BODIES: Final = frozenset(("7BIT", "8BITMIME"))  # RFC 6152 s2


class Dialogue(Authenticating):
    """A session from HELO to QUIT."""

    def extensions(self) -> tuple[str, ...]:
        """What EHLO offers."""
        offered = ["PIPELINING", f"SIZE {self.service.limits.max_message_size}", "8BITMIME", "SMTPUTF8"]
        offered.append("ENHANCEDSTATUSCODES")
        if self.service.options.tls is TlsMode.STARTTLS and self.client.tls is None:
            offered.append("STARTTLS")
        if self.offers_auth:
            offered.append(f"AUTH {' '.join(MECHANISMS)}")
        return (*offered, *self.relay_extensions(), "HELP")

    async def smtp_HELO(self, hostname: str | None) -> None:
        if self._greets(hostname, extended=False):
            self.reply_lines(self.hostname)

    async def smtp_EHLO(self, hostname: str | None) -> None:
        if self._greets(hostname, extended=True):
            self.reply_lines(self.hostname, *self.extensions())

    def _greets(self, argument: str | None, *, extended: bool) -> bool:
        name = hello_name(argument)
        if name is None:
            self.reply(BAD_SYNTAX)
            return False
        self._set_rset_state()  # RFC 5321 s4.1.4: EHLO is RSET as well
        self.client.hello = self._said_hello(Hello(name, extended))
        return True

    async def smtp_MAIL(self, arg: str | None) -> None:
        if self.client.hello is None or self.transaction is not None:
            self.reply(NESTED_MAIL if self.transaction else SEND_HELLO_FIRST)
            return
        path = read_path(arg, "FROM")
        allowed = _MAIL_PARAMETERS | {"AUTH"} if self.offers_auth else _MAIL_PARAMETERS
        fault = BAD_SYNTAX if path is None else _parameter_fault(path.parameters, allowed)
        if path is None or fault is not None:
            self.reply(fault or BAD_SYNTAX)
            return
        utf8 = "SMTPUTF8" in path.parameters
        try:
            sender = reverse_path(path.text, utf8=utf8)
        except AddressError as error:
            self.reply(await self.service.handler.malformed_sender(self.client, path.text, str(error)))
            return
        size = declared_size(path.parameters.get("SIZE"))
        if obstacle := self.obstacle(sender):
            self.reply(await self.service.handler.not_this_client(self.client, sender, size, obstacle))
            return
        self.transaction, reply = await self.service.handler.mail(self.client, sender, size, utf8)
        self.reply(reply)
        if reply.reply_class is ReplyClass.TRANSIENT:
            self._junk += 1  # one too many, and a row in the log each time

    async def smtp_RCPT(self, arg: str | None) -> None:
        transaction = self.transaction
        if transaction is None:
            self.reply(NEED_MAIL if self.client.hello else SEND_HELLO_FIRST)
            return
        path = read_path(arg, "TO")
        if path is None:
            self.reply(BAD_SYNTAX)
            return
        if path.parameters:
            self.reply(UNKNOWN_PARAMETER)  # RFC 5321 s4.1.1.11
            return
        handler = self.service.handler
        try:
            recipient = forward_path(path.text, self.hostname, utf8=transaction.smtputf8)
        except AddressError as error:
            self.reply(await handler.malformed_recipient(self.client, transaction, path.text, str(error)))
            return
        reply = await handler.rcpt(self.client, transaction, recipient)
        penalty, self.client.penalty = self.client.penalty, 0.0
        await self.keep_back(penalty)
        self.reply(reply)
        if transaction.overshoot > self.service.limits.max_overshoot:
            self._junk += 1

    async def smtp_DATA(self, arg: str | None) -> None:
        transaction = self.transaction
        if transaction is None or not transaction.rcpt_to:
            self.reply(NEED_RCPT if transaction else NEED_MAIL if self.client.hello else SEND_HELLO_FIRST)
            return
        if arg:
            self.reply(BAD_SYNTAX)
            return
        self.reply(START_DATA)
        message = await self._take_message(transaction)
        handler = self.service.handler
        if isinstance(message, Unreadable):
            replies = await handler.unreadable(self.client, transaction, message.reason, message.size)
        else:
            replies = await handler.message(self.client, transaction, message)
        self._set_post_data_state()
        for reply in replies:
            self.reply(reply)
        if any(reply.reply_class is ReplyClass.SUCCESS for reply in replies):
            self._junk = 0

    async def _take_message(self, transaction: Transaction) -> Received | Unreadable:
        """Read up to the end mark, within the deadlines: some octets now and then, and not too few in total."""
        limits = self.service.limits
        header = transaction.inquiry.header if transaction.inquiry is not None else None
        upload = Upload(self.service.space, limits.max_message_size, header)
        started = self.loop.time()
        try:
            while not upload.ended:
                idle = self.loop.time() + limits.idle_timeout
                slow = math.inf
                if limits.min_data_rate:
                    slow = started + limits.idle_timeout + upload.size / limits.min_data_rate
                reason = Reason.CONNECT_IDLE if idle <= slow else Reason.CONNECT_SLOW
                await upload.feed(await self._within(self._incoming.block, min(idle, slow), reason))
            self._incoming.unread(upload.rest)
            return await upload.finish()
        except BaseException:
            upload.discard()
            self._closing = True  # in the middle of a message: what follows must not be taken for commands
            raise

    async def smtp_RSET(self, arg: str | None) -> None:
        if arg:
            self.reply(BAD_SYNTAX)
            return
        self._set_rset_state()
        self.reply(FLUSHED)

    async def smtp_NOOP(self, arg: str | None) -> None:
        # RFC 5321 s4.1.1.9: whatever the argument is, it is ignored.
        self.reply(OK)

    async def smtp_QUIT(self, arg: str | None) -> None:
        if arg:
            self.reply(BAD_SYNTAX)
            return
        self.reply(BYE)
        self._closing = True

    async def smtp_VRFY(self, arg: str | None) -> None:
        # RFC 5321 s3.5.3: we neither confirm nor deny; who exists is nobody's business.
        self.reply(CANNOT_VRFY if arg else BAD_SYNTAX)

    async def smtp_HELP(self, arg: str | None) -> None:
        self.reply(HELP)

    async def smtp_EXPN(self, arg: str | None) -> None:
        self.reply(NOT_IMPLEMENTED)

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        if self.service.options.tls is TlsMode.OFF:
            self.reply(NOT_IMPLEMENTED)
        elif self.client.tls is not None:
            self.reply(TLS_ACTIVE)
        elif arg:
            self.reply(BAD_SYNTAX)
        elif self.client.hello is None:
            self.reply(SEND_HELLO_FIRST)
        elif self.transport is not None:
            self.transport.pause_reading()
            if self._incoming.take():
                # Somebody between the client and us could have put it there, to be obeyed as if it had come by TLS.
                raise SessionEnd(Reason.TLS_PIPELINED)
            self.reply(READY_FOR_TLS)
            await self._start_tls()


def _parameter_fault(parameters: dict[str, str | None], allowed: Set[str]) -> Reply | None:
    """What is wrong with the parameters of MAIL (RFC 1870 s5, RFC 6152 s2, RFC 6531 s3.4), or None."""
    if not parameters.keys() <= allowed:
        return UNKNOWN_PARAMETER
    # RFC 4954 s5: whom the client got the mail from by a login there. Its word for it is no proof, and is passed over.
    if "AUTH" in parameters and parameters["AUTH"] is None:
        return BAD_SYNTAX
    if "SIZE" in parameters and declared_size(parameters["SIZE"]) is None:
        return BAD_SYNTAX
    if "BODY" in parameters and (parameters["BODY"] or "").upper() not in _BODIES:
        return BAD_SYNTAX
    return BAD_SYNTAX if parameters.get("SMTPUTF8") is not None else None
