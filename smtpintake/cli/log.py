"""`log`: the email log, read."""

import sys
from collections.abc import Callable
from typing import Any, Final

import click

from smtpintake.auth.authres import presented
from smtpintake.cli.conditions import AFTER, BEFORE, INBOX, ISSUE, RECIPIENT, SENDER
from smtpintake.cli.display import one_line, print_json, print_record, print_table, short_moment
from smtpintake.cli.program import Program, json_option, limit_option, pass_program
from smtpintake.decide.decision import Outcome
from smtpintake.decide.facts import Finding
from smtpintake.decide.prose import conclusion, sentences
from smtpintake.mail.envelope import ToldBy
from smtpintake.store.logcount import GROUPS, log_count
from smtpintake.store.maillog import (
    AmbiguousIdError,
    LogFilter,
    find_row,
    log_list,
    log_view,
    raw_mail,
    recorded_results,
)
from smtpintake.store.views import LogView, moment


@click.group()
def log() -> None:
    """Read the email log: what came, what became of it, and why."""


_CONDITIONS: Final[tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]] = (
    click.option("--outcome", type=click.Choice([outcome.value for outcome in Outcome])),
    click.option("--reason", metavar="TOKEN", help="Such as sender.unknown."),
    INBOX,
    SENDER,
    RECIPIENT,
    click.option("--client", metavar="TEXT", help="Part of the client's IP address, or of its HELO name."),
    click.option("--message-id", metavar="TEXT", help="Part of the mail's Message-ID."),
    ISSUE,
    click.option("--transaction", metavar="ID"),
    AFTER,
    BEFORE,
)


def conditions(function: Callable[..., None]) -> Callable[..., None]:
    """Which rows; each condition narrows them."""
    for option in reversed(_CONDITIONS):
        function = option(function)
    return function


@log.command("list")
@conditions
@limit_option
@json_option
@pass_program
def list_rows(program: Program, /, *, limit: int, as_json: bool, **wanted: Any) -> None:
    """The newest rows first; each condition narrows the list."""
    with program.database() as database, database.session() as session:
        rows = log_list(session, LogFilter(**wanted), limit)
    if as_json:
        print_json(rows)
        return
    print_table(
        ("received (UTC)", "id", "outcome", "from", "to"),
        [
            (
                short_moment(row["received_at"]),
                row["id"],
                f"{row['outcome']} {row['issue'] or row['reason']}",
                row["author"] or row["mail_from"],
                row["rcpt_to"],
            )
            for row in rows
        ],
        nothing="no rows",
        keep=3,
    )


@log.command("count")
@click.option("--by", "group", type=click.Choice(GROUPS), default="reason", show_default=True, help="What is counted.")
@conditions
@limit_option
@json_option
@pass_program
def count_rows(program: Program, /, *, group: str, limit: int, as_json: bool, **wanted: Any) -> None:
    """How many rows there are of each, the most first; conditions as of "list".

    A mail to several recipients counts for each. The domain is that of the author, or else of the envelope sender.
    """
    with program.database() as database, database.session() as session:
        found = log_count(session, LogFilter(**wanted), group, limit)
    if as_json:
        print_json(
            [
                {group: one.name, "count": one.count, "first": moment(one.first), "last": moment(one.last)}
                for one in found
            ]
        )
        return
    print_table(
        ("count", "first (UTC)", "last (UTC)", group),
        [(one.count, short_moment(moment(one.first)), short_moment(moment(one.last)), one.name) for one in found],
        nothing="no rows",
        keep=3,
    )


@log.command("show")
@click.argument("log_id", metavar="ID")
@json_option
@pass_program
def show_row(program: Program, log_id: str, *, as_json: bool) -> None:
    """One row with the trace of its decision. The beginning of an id is enough where it names only one."""
    with program.database() as database, database.session() as session:
        try:
            row = log_view(session, log_id)
        except AmbiguousIdError as error:
            raise click.ClickException(str(error)) from error
    if row is None:
        raise click.ClickException(f"there is no log row {log_id}")
    if as_json:
        print_json(row)
    else:
        _print_row(row)


@log.command("raw")
@click.argument("log_id", metavar="ID")
@click.option("--output", "-o", type=click.File("wb"), default="-", metavar="FILE", help="Instead of standard output.")
@click.option("--results", is_flag=True, help="Our Authentication-Results on top, fields that pretend to be ours gone.")
@pass_program
def raw_of_row(program: Program, log_id: str, output: Any, *, results: bool) -> None:
    """The mail itself, octet by octet as it came."""
    with program.database() as database, database.session() as session, program.blobs() as blobs:
        try:
            row = find_row(session, log_id)
            octets = raw_mail(session, blobs, row.raw_id) if row is not None and row.raw_id is not None else None
        except AmbiguousIdError as error:
            raise click.ClickException(str(error)) from error
        except FileNotFoundError as error:
            raise click.ClickException(f"the mail's blob is gone: {error.filename}") from error
        recorded = recorded_results(session, row.raw_id) if row is not None and row.raw_id is not None else None
    if row is None:
        raise click.ClickException(f"there is no log row {log_id}")
    if octets is None:
        raise click.ClickException(f"the mail of {row.id} was not kept: it was {row.outcome}")
    if results:
        if recorded is None:
            raise click.ClickException(f"the mail of {row.id} was not verified")
        octets = presented(octets, recorded)
    if output.name == "<stdout>" and sys.stdout.isatty():
        for line in octets.decode("utf-8", "replace").splitlines():
            click.echo(one_line(line))
    else:
        output.write(octets)


def _print_row(row: LogView) -> None:
    reply = row["reply"]
    print_record(
        (
            ("id", row["id"]),
            ("received (UTC)", short_moment(row["received_at"])),
            ("outcome", f"{row['outcome']}, {row['reason']}"),
            ("reply", f"{reply['code']} {reply['status']} {reply['text']}" if reply["code"] else None),
            ("issue", row["issue"]),
            ("comment", row["comment"]),
            ("duplicate of", row["duplicate_of"]),
            ("inbox", row["inbox"]),
            ("recipient", row["rcpt_to"]),
            ("envelope sender", "<>" if row["mail_from"] == "" else row["mail_from"]),
            ("author", row["author"]),
            ("subject", row["subject"]),
            ("message id", row["message_id"]),
            ("size", row["size"]),
            ("client", f"{row['peer_ip']} ({row['helo']})" if row["helo"] else row["peer_ip"]),
            ("relay", _relay(row["relay"])),
            ("login", row["login"]),
            ("listener", row["listener"]),
            ("tls", row["tls"] or ("none" if row["peer_ip"] else None)),
            ("spf", row["spf"]),
            ("dkim", _dkim(row)),
            ("dmarc", _dmarc(row["dmarc"])),
            ("arc", row["arc"]),
            ("transaction", row["transaction_id"]),
            ("mail kept", row["raw"] is not None),
            ("policy version", row["policy_version"]),
            ("duration", f"{row['duration_ms']} ms"),
        )
    )
    if row["trace"]:
        click.echo()
        found = [Finding(one["check"], one["result"], one["detail"]) for one in row["trace"]]
        for sentence in sentences(found):
            click.echo(one_line(sentence))
        if row["outcome"] != Outcome.SILENT:
            click.echo(one_line(conclusion(found, row["outcome"], row["reason"], row["policy_version"])))


def _relay(relay: dict[str, str]) -> str | None:
    if not relay:
        return None
    told = "which did not tell its client" if relay["told_by"] == ToldBy.NOBODY else f"by {relay['told_by']}"
    return f"{relay['ip']}, {told}"


def _dkim(row: LogView) -> str | None:
    """`pass customer.example (s1), fail other.example (k)`; nothing where the mail was not read."""
    if row["spf"] is None:
        return None
    signatures = (f"{each['result']} {each['domain']} ({each['selector']})" for each in row["dkim"])
    return ", ".join(signatures) or "no signature"


def _dmarc(dmarc: dict[str, str]) -> str | None:
    if not dmarc:
        return None
    published = f"p={dmarc['policy']}" if dmarc["policy"] else "no policy"
    return f"{dmarc['result']} {dmarc['domain']}".rstrip() + f", {published}"
