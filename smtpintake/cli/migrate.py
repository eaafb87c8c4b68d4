"""`migrate`: the database to the newest schema."""

import click

from smtpintake.cli.display import print_json
from smtpintake.cli.program import Program, json_option, pass_program
from smtpintake.store.migrations import migrate as migrate_database
from smtpintake.store.migrations import newest
from smtpintake.store.readiness import UnknownRevisionError


@click.command()
@json_option
@pass_program
def migrate(program: Program, *, as_json: bool) -> None:
    """Bring the database to the newest schema. Doing it again does no harm."""
    with program.database(any_schema=True) as database:
        try:
            before = migrate_database(database)
        except UnknownRevisionError as error:
            raise click.ClickException(str(error)) from error
    after = newest()
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        click.echo(f"the database has the newest schema already: {after}")
    else:
        click.echo(f"the database has schema {after} now; before, {before or 'it was empty'}")
