"""`deliver` and `explain`: a mail from a file instead of a socket. `deliver` makes the whole journey, `explain` only
tells.

Contract: `deliver` ends with 0 where the mail was accepted for anybody, 75 where the sender should try again, and 67,
77 or 69 where it was refused (sysexits: no such user, no permission, unavailable), as the pipe of a mail server
understands it. Such a pipe bounces a mail for any other status, so whatever keeps us from taking one is 75 too.
"""

import asyncio
import hashlib
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import BinaryIO, Final

import click
import structlog
from sqlalchemy.exc import DBAPIError

from smtpintake.auth.answers import Answer
from smtpintake.auth.verify import Evidence
from smtpintake.cli.display import one_line, print_json, print_table
from smtpintake.cli.program import Program, json_option, pass_program, said_in_one_line
from smtpintake.decide.prose import conclusion, sentences
from smtpintake.decide.routing import route, separators
from smtpintake.intake.analysis import Task, analyse
from smtpintake.intake.explain import Explanation
from smtpintake.intake.explain import explain as explain_mail
from smtpintake.intake.inquiry import Inquiry
from smtpintake.intake.spool import Received
from smtpintake.intake.submission import Refusal
from smtpintake.journal import keep_journal
from smtpintake.mail.address import NULL_PATH, AddressError, Mailbox, ReversePath
from smtpintake.mail.envelope import Envelope, Hello, Peer
from smtpintake.mail.ids import new_id
from smtpintake.mail.parse import read
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import Reply
from smtpintake.settings import Settings, SettingsError
from smtpintake.store.database import Database
from smtpintake.wiring import lookups_for_mails, open_journey, open_judge, open_resolver

LISTENER: Final = "deliver"

_EX_UNAVAILABLE: Final = 69
_EX_NOUSER: Final = 67
_EX_TEMPFAIL: Final = 75
_EX_NOPERM: Final = 77

_log: Final = structlog.get_logger(__name__)

_Options = Callable[[Callable[..., None]], Callable[..., None]]

_ARGUMENTS: Final[tuple[_Options, ...]] = (
    click.argument("file", type=click.File("rb")),
    click.option("--to", "to", metavar="ADDR", multiple=True, required=True, help="A recipient; may be given again."),
    click.option("--mail-from", metavar="ADDR", help="The envelope sender, <> for none.  [default: the mail's author]"),
    click.option("--peer", metavar="IP", default="127.0.0.1", show_default=True, help="The client's address."),
    click.option("--helo", metavar="NAME", default=socket.gethostname, help="What the client called itself."),
)


def mail_options(function: Callable[..., None]) -> Callable[..., None]:
    """FILE, and what SMTP would have said of it."""
    for option in reversed(_ARGUMENTS):
        function = option(function)
    return function


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
        mail_from = _reverse_path(envelope["mail_from"], octets)
        given = _envelope(to, mail_from, envelope["peer"], envelope["helo"])
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
            replies.extend(await reception.receive(replace(envelope, rcpt_to=taken), _received(octets), inquiry))
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


@click.command()
@mail_options
@json_option
@pass_program
def explain(program: Program, /, file: BinaryIO, to: tuple[str, ...], *, as_json: bool, **envelope: str | None) -> None:
    """Tell what would become of the mail in FILE, and why. Nothing is recorded."""
    octets = as_sent(file.read())
    mail_from = _reverse_path(envelope["mail_from"], octets)
    given = _envelope(to, mail_from, envelope["peer"], envelope["helo"])
    with program.database() as database, said_in_one_line("explain"):
        snapshots, recorder = open_judge(program.settings, database)
        policy = snapshots.newest.policy
        evidence = asyncio.run(_asked(program.settings, given, octets))
        analysis = analyse(Task.of(_received(octets), given, separators(policy, given.rcpt_to), evidence))
        lookups = evidence.answers if evidence is not None else ()
        explanations = explain_mail(database, recorder, policy, given, analysis, lookups=lookups)
    if as_json:
        print_json([_view(each) for each in explanations])
        return
    for each in explanations:
        _print(each)
    _print_lookups(explanations[0].lookups)


async def _asked(settings: Settings, envelope: Envelope, octets: bytes) -> Evidence | None:
    """What DNS says of the mail's sender; None where nothing is to be verified."""
    async with open_resolver(settings) as resolver:
        lookups = lookups_for_mails(settings, resolver)
        if lookups is None:
            return None
        inquiry = Inquiry(lookups(), envelope)
        inquiry.header(octets)
        return await inquiry.evidence()


def _view(explanation: Explanation) -> dict[str, object]:
    reply = explanation.reply
    return {
        "rcpt_to": [str(recipient) for recipient in explanation.recipients],
        "inbox": explanation.inbox,
        "outcome": explanation.outcome,
        "reason": explanation.reason,
        "reply": {"code": reply.code, "status": reply.enhanced, "text": reply.text},
        "issue": explanation.issue,
        "policy_version": explanation.policy_version,
        "trace": [asdict(finding) for finding in explanation.findings],
        "sentences": _sentences(explanation),
        "nearest": [asdict(one) | {"sentence": str(one)} for one in explanation.nearest],
        "auth": asdict(explanation.auth),
        "lookups": [_lookup(answer) for answer in explanation.lookups],
    }


def _lookup(answer: Answer) -> dict[str, object]:
    return {
        "name": answer.name,
        "type": answer.rdtype,
        "found": answer.found,
        "records": answer.records,
        "detail": answer.detail,
    }


def _print_lookups(lookups: Sequence[Answer]) -> None:
    rows = [(each.name, each.rdtype, each.found, each.detail or each.records) for each in lookups]
    click.echo()
    print_table(("dns", "type", "found", "records"), rows, nothing="nothing was looked up", keep=1)


def _print(explanation: Explanation) -> None:
    recipients = ", ".join(map(str, explanation.recipients))
    click.echo(
        one_line(f"{recipients}: {explanation.outcome}, {explanation.reason}; policy {explanation.policy_version}")
    )
    click.echo(f"  {explanation.reply}")
    for sentence in _sentences(explanation):
        click.echo(one_line(f"  {sentence}"))
    if explanation.nearest:
        click.echo("  What would have changed it:")
    for one in explanation.nearest:
        click.echo(one_line(f"  - {one}"))


def _sentences(explanation: Explanation) -> list[str]:
    """The trace as a person would say it, and what decided."""
    found, version = explanation.findings, explanation.policy_version
    said = conclusion(found, explanation.outcome, explanation.reason, version, happened=False)
    return [*sentences(found), said]


def as_sent(octets: bytes) -> bytes:
    """The octets with the line ends of SMTP: a pipe gives LF, and mailbox files begin with a line of their own."""
    if octets.startswith((b"From ", b">From ")):
        octets = octets.partition(b"\n")[2]
    # Each line by itself: one CRLF in a mail of LF, left over by some gateway, must not make all others bare.
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _received(octets: bytes) -> Received:
    return Received(octets, None, len(octets), hashlib.sha256(octets).hexdigest())


def _envelope(to: tuple[str, ...], mail_from: ReversePath, peer: str | None, helo: str | None) -> Envelope:
    now = datetime.now(UTC)
    recipients = tuple(dict.fromkeys(_mailbox("--to", address) for given in to for address in given.split(",")))
    return Envelope(new_id(now), now, LISTENER, Peer(peer or ""), Hello(helo or ""), None, mail_from, recipients)


def _reverse_path(given: str | None, octets: bytes) -> ReversePath:
    if given is None:
        author = read(octets).author
        return ReversePath(author.mailbox if author else None)
    address = given.strip().removeprefix("<").removesuffix(">")
    return ReversePath(_mailbox("--mail-from", address)) if address else NULL_PATH


def _mailbox(option: str, text: str) -> Mailbox:
    try:
        return Mailbox.parse(text.strip().removeprefix("<").removesuffix(">"))
    except AddressError as error:
        raise click.BadParameter(f"{text!r} is no address: {error}", param_hint=option) from error
