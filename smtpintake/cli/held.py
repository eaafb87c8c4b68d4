"""`held list|show|release|discard|answer`: mail that waits for an operator's word."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from sqlmodel import Session

from smtpintake.cli.conditions import AFTER, BEFORE, INBOX, SENDER
from smtpintake.cli.display import one_line, print_json, print_record, print_table, print_text, short_moment
from smtpintake.cli.program import Program, json_option, limit_option, pass_program, said_in_one_line
from smtpintake.decide.decision import Hold
from smtpintake.intake.analysis import analyse
from smtpintake.intake.heldanswer import answer_to
from smtpintake.intake.record import Released
from smtpintake.intake.release import by_itself, by_operator, reading, resubmitted
from smtpintake.intake.release import release as let_go
from smtpintake.mail.parse import read
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS
from smtpintake.store import held as store
from smtpintake.store.addresses import stopped
from smtpintake.store.held import Held, NotHeldError, find_held, held_list, held_view
from smtpintake.store.maillog import AmbiguousIdError, LogFilter, log_view, raw_mail
from smtpintake.store.outbox import add
from smtpintake.wiring import open_answerer, open_judge

MAX_NOTE = 1000  # characters


@click.group()
def held() -> None:
    """Look after mail that waits for your word."""


@held.command("list")
@INBOX
@SENDER
@AFTER
@BEFORE
@limit_option
@json_option
@pass_program
def list_mails(program: Program, /, *, limit: int, as_json: bool, **wanted: Any) -> None:
    """What has waited longest comes first; each condition narrows the list."""
    with program.database() as database, database.session() as session:
        mails = held_list(session, datetime.now(UTC), LogFilter(**wanted), limit)
    if as_json:
        print_json(mails)
        return
    print_table(
        ("id", "age", "cause", "inbox", "from", "subject"),
        [
            (
                mail["id"],
                _age(mail["age"]),
                mail["reason"],
                mail["inbox"],
                mail["author"] or mail["mail_from"],
                mail["subject"],
            )
            for mail in mails
        ],
        nothing="no mail is held",
        keep=3,
    )


@held.command("show")
@click.argument("log_id", metavar="ID")
@json_option
@pass_program
def show_mail(program: Program, log_id: str, *, as_json: bool) -> None:
    """One held mail: why it is held, and what it says."""
    with program.database() as database, database.session() as session, program.blobs() as blobs:
        with _one_line():
            found = find_held(session, log_id)
            octets = raw_mail(session, blobs, found.raw.id) or b""
        view = held_view(session, found, datetime.now(UTC))
    message = read(octets)
    if as_json:
        print_json({**view, "text": message.text, "html": message.html})
        return
    print_record(
        (
            ("id", view["id"]),
            ("received (UTC)", short_moment(view["received_at"])),
            ("age", _age(view["age"])),
            ("cause", view["reason"]),
            ("held by", view["check"]),
            ("inbox", view["inbox"]),
            ("from", view["author"]),
            ("envelope sender", view["mail_from"]),
            ("to", view["recipients"]),
            ("subject", view["subject"]),
            ("attachments", [attachment.name for attachment in message.attachments]),
        )
    )
    click.echo()
    rows = [(finding["check"], finding["result"], finding["detail"]) for finding in view["trace"]]
    print_table(("check", "result", "detail"), rows, nothing="nothing was checked")
    click.echo()
    print_text(message.text or "(no plain text; see 'smtpintake log raw')", "    ")


@held.command("release")
@click.argument("log_id", metavar="ID")
@click.option("--as-new", is_flag=True, help="Make it an issue of its own, whatever it replies to.")
@json_option
@pass_program
def release_mail(program: Program, log_id: str, *, as_new: bool, as_json: bool) -> None:
    """Let a held mail go on: judged as it came, but for the check that held it."""
    with program.database() as database, program.blobs() as blobs, said_in_one_line("release"):
        snapshots, recorder = open_judge(program.settings, database)
        with database.session() as session:
            found = _found(session, log_id)
        analysis = analyse(reading(found, blobs, snapshots.newest.policy))
        released = let_go(database, recorder, found, resubmitted(found, analysis, by_operator(found, as_new=as_new)))
        if released is None:
            raise click.ClickException(f"{found.ids[0]} is held no longer: somebody else was faster")
        if not released.log_ids:
            raise click.ClickException(f"{found.ids[0]} stays held: {_why_not(released)}")
        _say(database.session(), found, released.log_ids[0], as_json=as_json)


@held.command("discard")
@click.argument("log_id", metavar="ID")
@click.option("--note", default="", help="Why, for the log.")
@json_option
@pass_program
def discard_mail(program: Program, log_id: str, *, note: str, as_json: bool) -> None:
    """Give a held mail up. It stays in the log, and its sender hears nothing."""
    with program.database() as database:
        with database.session() as session:
            found = _found(session, log_id)
        said = f"by an operator: {one_line(note)[:MAX_NOTE]}" if note else "by an operator"
        with database.write() as connection:
            settled = store.discard(connection, found, Reason.HELD_DISCARDED, said, datetime.now(UTC))
        if settled is None:
            raise click.ClickException(f"{found.ids[0]} is held no longer: somebody else was faster")
        _say(database.session(), found, settled, as_json=as_json)


@held.command("answer")
@click.argument("log_id", metavar="ID")
@click.option("--text", help="What to write; without it standard input is read.")
@json_option
@pass_program
def answer_mail(program: Program, log_id: str, *, text: str | None, as_json: bool) -> None:
    """Write to the author of a held mail, from the inbox's address. The mail stays held."""
    said = (text if text is not None else sys.stdin.read()).strip()
    if not said:
        raise click.ClickException("there is nothing to send: give --text, or write to standard input")
    with program.database() as database, program.blobs() as blobs, said_in_one_line("answer"):
        with database.session() as session:
            found = _found(session, log_id)
        snapshots, answerer = open_answerer(program.settings, database)
        policy = snapshots.newest.policy
        mail = resubmitted(found, analyse(reading(found, blobs, policy)), by_itself(found))
        composed = answer_to(mail, policy, answerer, said, datetime.now(UTC))
        if isinstance(composed, str):
            raise click.ClickException(f"{found.ids[0]} cannot be answered: {composed}")
        with database.write() as connection:
            if why := stopped(connection, [composed.rcpt_to], datetime.now(UTC)).get(composed.rcpt_to):
                raise click.ClickException(f"{found.ids[0]} cannot be answered: {why}; see 'outbox forgive'")
            mail_id = add(connection, composed, datetime.now(UTC), found.ids[0])
            finding = {"check": "answer", "result": "queued", "detail": f"to {composed.rcpt_to}, outbox {mail_id}"}
            store.note(connection, found.ids[0], finding)
    if as_json:
        print_json({"id": found.ids[0], "outbox": mail_id, "rcpt_to": composed.rcpt_to, "subject": composed.subject})
    else:
        click.echo(f"{found.ids[0]}: an answer to {composed.rcpt_to} is in the outbox, {mail_id}; the mail stays held")


def _found(session: Session, log_id: str) -> Held:
    with _one_line():
        return find_held(session, log_id)


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except (NotHeldError, AmbiguousIdError) as error:
        raise click.ClickException(str(error)) from error
    except FileNotFoundError as error:
        raise click.ClickException(f"the mail's blob is gone: {error.filename}") from error


def _say(session: Session, found: Held, log_id: str, *, as_json: bool) -> None:
    """What became of a held mail: the row that tells."""
    with session:
        row = log_view(session, log_id)
    assert row is not None
    if as_json:
        print_json(row)
    else:
        click.echo(f"{found.ids[0]}: {row['outcome']} {row['issue'] or row['reason']}; log {row['id']}")


def _why_not(released: Released) -> str:
    """Why a mail would not be accepted even now, in words."""
    if released.mail.lost:
        return str(REFUSALS[released.mail.lost[0].reason])
    decision, findings = next((judgement.decision, judgement.findings) for _, judgement in released.mail.results)
    check = findings[-1].check
    return f"{check} {'holds' if isinstance(decision, Hold) else 'refuses'} it, too ({decision.reason})"


def _age(seconds: int) -> str:
    """`3d 4h`, `5h 20m`, `12m`."""
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes}m" if hours else f"{minutes}m"
