"""`purge`: forget at once what `[retention]` says is old enough; a running server does so every hour."""

from dataclasses import asdict
from datetime import UTC, datetime

import click

from smtpintake.cli.display import print_json
from smtpintake.cli.program import Program, json_option, pass_program, said_in_one_line
from smtpintake.store.retention import purge as forget


@click.command()
@json_option
@pass_program
def purge(program: Program, *, as_json: bool) -> None:
    """Forget what is old: held mail expires, log rows, raw mail and our own mail are deleted, as [retention] says."""
    with program.database() as database, program.blobs() as blobs, said_in_one_line("purge"):
        purged = forget(database, blobs, program.settings.retention.periods, datetime.now(UTC))
    if as_json:
        print_json(asdict(purged))
    else:
        deleted = f"{purged.rows} log rows, {purged.raws} raw mails and {purged.sent} of our own deleted"
        click.echo(f"{purged.expired} held mails expired, {deleted}")
