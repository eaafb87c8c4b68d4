"""`copy-to`: from SQLite to PostgreSQL."""

from contextlib import closing

import click

from smtpintake.cli.display import print_json
from smtpintake.cli.program import Program, json_option, pass_program, said_in_one_line
from smtpintake.settings.values import as_database_url
from smtpintake.store.database import Database
from smtpintake.store.moving import copy_rows


def _postgresql(_: click.Context, __: click.Parameter, url: str) -> str:
    if not url.startswith(("postgresql", "postgres")):
        raise click.BadParameter("must begin with postgresql://")
    return as_database_url(url)


@click.command("copy-to")
@click.argument("url", callback=_postgresql)
@json_option
@pass_program
def copy_to(program: Program, url: str, *, as_json: bool) -> None:
    """Copy the database, on SQLite, to the empty one on PostgreSQL at URL, such as postgresql://USER@HOST/NAME.

    The server must be stopped. A password is better in PGPASSWORD or ~/.pgpass than in URL.
    """
    if not program.settings.database.url.startswith("sqlite:"):
        raise click.ClickException("the database that the settings name is not on SQLite")
    with program.database() as source, said_in_one_line("copy-to"), closing(Database(url)) as target:
        copied = copy_rows(source, target)
        where = target.url.set(drivername="postgresql").render_as_string(hide_password=True)
    if as_json:
        print_json(copied)
    else:
        click.echo(f"{sum(copied.values())} rows of {len(copied)} tables are in {where}: name it in [database]")
