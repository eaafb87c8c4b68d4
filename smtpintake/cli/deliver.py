"""`deliver`: the whole journey for a mail from a file instead of a socket.

Contract: ends with 0 where the mail was accepted for anybody, 75 where the sender should try again, and 67, 77 or 69
where it was refused (sysexits: no such user, no permission, unavailable), as the pipe of a mail server understands it.
Such a pipe bounces a mail for any other status, so whatever keeps us from taking one is 75 too.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO, Final

import click
import structlog
from sqlalchemy.exc import DBAPIError

from smtpintake.cli.mailfile import as_sent, envelope_of, mail_options, received
from smtpintake.cli.program import Program, pass_program, said_in_one_line
from smtpintake.decide.routing import route
from smtpintake.intake.submission import Refusal
from smtpintake.journal import keep_journal
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import Reply
from smtpintake.settings import Settings, SettingsError
from smtpintake.store.database import Database
from smtpintake.wiring import open_journey

_EX_UNAVAILABLE: Final = 69
_EX_NOUSER: Final = 67
_EX_TEMPFAIL: Final = 75
_EX_NOPERM: Final = 77

_log: Final = structlog.get_logger(__name__)


@click.command()
@mail_options
@pass_program
def deliver(program: Program, /, file: BinaryIO, to: tuple[str, ...], **envelope: str | None) -> None:
    """Take the mail in FILE (or - for standard input) as if it had come by SMTP.

    Prints the reply. The exit status is that of sysexits: 0 accepted, 75 try again, 67, 77 or 69 refused.
    """
    with _our_faults_are_for_later():
        keep_journal("warning", program.settings.log.format)
        octets = as_sent(file.read(program.settings.smtp.max_message_size + 1))
        given = envelope_of(octets, to, **envelope)
        with program.database() as database, said_in_one_line("deliver"):
            settings = program.settings
            if len(octets) > settings.smtp.max_message_size:
                replies = asyncio.run(_refused_whole(settings, database, given, len(octets)))
            else:
                replies = asyncio.run(_delivered(settings, database, given, octets))
    for reply in replies:
        click.echo(str(reply))
    if status := exit_status(replies):
        raise click.exceptions.Exit(status)


class LaterError(click.ClickException):
    """A fault of ours, in one line."""

    exit_code = _EX_TEMPFAIL


@contextmanager
def _our_faults_are_for_later() -> Iterator[None]:
    try:
        yield
    except click.UsageError:
        raise
    except click.ClickException as error:
        raise LaterError(error.message) from error
    except SettingsError as error:
        raise LaterError("; ".join(map(str, error.faults))) from error
    except DBAPIError as error:
        raise LaterError(f"database: {error.orig}") from error
    except Exception as error:
        _log.exception("a mail could not be taken")
        raise LaterError(f"a fault of ours: {error!r}") from error


async def _delivered(settings: Settings, database: Database, envelope: Envelope, octets: bytes) -> list[Reply]:
    """The replies: one for each recipient that leads nowhere, and the mail's own."""
    single = settings.model_copy(update={"smtp": settings.smtp.model_copy(update={"analysers": 1})})
    async with open_journey(single, database) as journey:
        reception = journey.reception
        found = {recipient: route(reception.policy(), recipient) for recipient in envelope.rcpt_to}
        replies = [
            await reception.refuse(_refusal(envelope, reason, str(recipient), None))
            for recipient, reason in found.items()
            if isinstance(reason, Reason)
        ]
        taken = tuple(recipient for recipient in envelope.rcpt_to if not isinstance(found[recipient], Reason))
        if taken:
            inquiry = reception.inquire(envelope)
            if inquiry is not None:
                inquiry.header(octets)
            replies.extend(await reception.receive(replace(envelope, rcpt_to=taken), received(octets), inquiry))
        return replies


async def _refused_whole(settings: Settings, database: Database, envelope: Envelope, size: int) -> list[Reply]:
    async with open_journey(settings, database) as journey:
        refusal = _refusal(envelope, Reason.DATA_SIZE, str(envelope.rcpt_to[0]), size)
        return [await journey.reception.refuse(refusal)]


def _refusal(envelope: Envelope, reason: Reason, recipient: str, size: int | None) -> Refusal:
    return Refusal(
        reason=reason,
        transaction_id=envelope.transaction_id,
        received_at=envelope.received_at,
        listener=envelope.listener,
        peer=envelope.peer,
        hello=envelope.hello,
        tls=None,
        mail_from=str(envelope.mail_from),
        rcpt_to=recipient,
        size=size,
        detail="given to deliver",
    )


def exit_status(replies: Sequence[Reply]) -> int:
    """One status for all recipients. Tried again, those that were served already are recognised and add nothing."""
    statuses = [_status(reply) for reply in replies]
    return _EX_TEMPFAIL if _EX_TEMPFAIL in statuses else min(statuses)


def _status(reply: Reply) -> int:
    if reply.code < 400:
        return 0
    if reply.code < 500:
        return _EX_TEMPFAIL
    match reply.status:
        case (5, 1, _):
            return _EX_NOUSER
        case (5, 7, _):
            return _EX_NOPERM
        case _:
            return _EX_UNAVAILABLE
