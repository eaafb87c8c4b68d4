"""`secret`: the installation's secret, from which reply addresses are made, is changed, and the old one forgotten."""

from functools import partial

import click

from smtpintake.cli.program import Program, pass_program, said_in_one_line
from smtpintake.compose.replyaddress import is_own_id, reply_key
from smtpintake.store.replykeys import disown_others, forget_others
from smtpintake.wiring import drop_former_secrets, load_secret, rotate_secret


@click.group()
def secret() -> None:
    """Change what reply addresses are made from."""


@secret.command("rotate")
@pass_program
def rotate(program: Program) -> None:
    """Put a new secret before the others. What was made with those is accepted still, until "secret expire"."""
    file = program.settings.web.secret_file
    with said_in_one_line("secret"):
        count = rotate_secret(file)
    click.echo(f"{file} has a new secret, and {count - 1} before it that are accepted still. Restart to use it.")


@secret.command("expire")
@pass_program
def expire(program: Program) -> None:
    """Forget all secrets but the newest, and every reply address that was made with one of them.

    The Message-IDs that were made with one lead to their issue still, and prove nobody.
    """
    file = program.settings.web.secret_file
    with said_in_one_line("secret"), program.database() as database:
        newest = load_secret(file)
        forgotten = forget_others(
            database, lambda issue, owner, internal: reply_key(newest, issue, owner, internal=internal)
        )
        disown_others(database, partial(is_own_id, newest))
        dropped = drop_former_secrets(file)
    click.echo(f"{dropped} secrets and {forgotten} reply addresses are accepted no more. Restart what runs.")
