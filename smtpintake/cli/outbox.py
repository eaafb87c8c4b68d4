"""`outbox list|show|retry|addresses|forgive`: mail of our own that waits, was sent, failed or came back, and the
addresses from which it did. `outbox` alone runs the worker.
"""

from datetime import UTC, datetime
from typing import Any

import click
import uvloop

from smtpintake.cli.conditions import AFTER, BEFORE, ISSUE, RECIPIENT, ROW_NUMBER
from smtpintake.cli.display import print_json, print_record, print_table, print_text, short_moment
from smtpintake.cli.program import Program, json_option, limit_option, pass_program, said_in_one_line
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.store import outbox as queue
from smtpintake.store.addresses import forgive
from smtpintake.store.outboxview import address_list, outbox_list, outbox_octets, outbox_view


@click.group(invoke_without_command=True)
@click.pass_context
def outbox(context: click.Context) -> None:
    """Look after mail of our own; without a command below, run the worker that sends it."""
    if context.invoked_subcommand is None:
        _work(context.ensure_object(Program))


def _work(program: Program) -> None:
    # Loaded here: what only looks at the outbox composes and sends nothing.
    from smtpintake.parts.outbox import run_outbox  # noqa: PLC0415

    program.keep_journal()
    with said_in_one_line("cannot start"):
        uvloop.run(run_outbox(program.settings))


@outbox.command("list")
@click.option("--state", type=click.Choice([state.value for state in queue.State]))
@ISSUE
@RECIPIENT
@AFTER
@BEFORE
@limit_option
@json_option
@pass_program
def list_mails(program: Program, /, *, state: str | None, limit: int, as_json: bool, **wanted: Any) -> None:
    """The newest first; each condition narrows the list."""
    with program.database() as database, database.session() as session:
        mails = outbox_list(session, state=queue.State(state) if state else None, limit=limit, **wanted)
    if as_json:
        print_json(mails)
        return
    print_table(
        ("id", "state", "created (UTC)", "tries", "issue", "to", "note"),
        [
            (
                mail["id"],
                mail["state"],
                short_moment(mail["created_at"]),
                mail["attempts"],
                mail["issue"],
                mail["rcpt_to"],
                mail["note"],
            )
            for mail in mails
        ],
        nothing="no mails",
        keep=5,
    )


@outbox.command("show")
@click.argument("mail_id", metavar="ID", type=ROW_NUMBER)
@json_option
@pass_program
def show_mail(program: Program, mail_id: int, *, as_json: bool) -> None:
    """One mail as it is sent."""
    with program.database() as database, database.session() as session:
        mail = outbox_view(session, mail_id)
        octets = outbox_octets(session, mail_id) or b""
    if mail is None:
        raise click.ClickException(f"there is no mail {mail_id} in the outbox")
    text = octets.decode("utf-8", "replace") or "[its octets are deleted: outbox_days of [retention]]"
    if as_json:
        print_json({**mail, "text": text})
        return
    print_record(
        (
            ("id", mail["id"]),
            ("state", mail["state"]),
            ("note", mail["note"]),
            ("came back", mail["bounced"]),
            ("because", mail["bounce"]),
            ("issue", mail["issue"]),
            ("to", mail["rcpt_to"]),
            ("envelope sender", mail["mail_from"] or "<>"),
            ("created (UTC)", short_moment(mail["created_at"])),
            ("tries", mail["attempts"]),
            ("next try (UTC)", short_moment(mail["next_attempt_at"])),
            ("sent (UTC)", short_moment(mail["sent_at"])),
        )
    )
    click.echo()
    print_text(text, "    ")


@outbox.command("retry")
@click.argument("mail_ids", metavar="ID…", nargs=-1, required=True, type=ROW_NUMBER)
@json_option
@pass_program
def retry_mails(program: Program, mail_ids: tuple[int, ...], *, as_json: bool) -> None:
    """Try failed or waiting mails again at once. What was sent is never sent again."""
    with program.database() as database, database.write() as connection:
        changed = queue.retry(connection, mail_ids, datetime.now(UTC))
    if as_json:
        print_json({"queued": changed})
    else:
        click.echo(f"{changed} of {len(set(mail_ids))} queued to be tried at once")
    if changed < len(set(mail_ids)):
        raise click.ClickException("the others are sent already, being sent, deleted or not there: see 'outbox show'")


@outbox.command("addresses")
@limit_option
@json_option
@pass_program
def list_addresses(program: Program, *, limit: int, as_json: bool) -> None:
    """The addresses from which mail came back, and those that no more mail is sent to."""
    with program.database() as database, database.engine.connect() as connection:
        found = address_list(connection, datetime.now(UTC), limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(
        ("address", "mail", "score", "reports", "last (UTC)", "said"),
        [
            (
                one["address"],
                "stopped" if one["stopped"] else "sent",
                one["score"],
                one["reports"],
                short_moment(one["last_at"]),
                one["last"],
            )
            for one in found
        ],
        nothing="no mail came back",
        keep=5,
    )


@outbox.command("forgive")
@click.argument("addresses", metavar="ADDRESS…", nargs=-1, required=True)
@json_option
@pass_program
def forgive_addresses(program: Program, addresses: tuple[str, ...], *, as_json: bool) -> None:
    """Forget what came back from these addresses: mail is sent to them again."""
    wanted = {_folded(address) for address in addresses}
    with program.database() as database, database.write() as connection:
        forgiven = forgive(connection, wanted)
    if as_json:
        print_json({"forgiven": forgiven})
    else:
        click.echo(f"{forgiven} of {len(wanted)} forgiven")
    if forgiven < len(wanted):
        raise click.ClickException("of the others nothing came back: see 'outbox addresses'")


def _folded(address: str) -> str:
    try:
        return Mailbox.parse(address).folded
    except AddressError as error:
        raise click.ClickException(f"{address!r} is no address: {error}") from error
