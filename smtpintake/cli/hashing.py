"""`hash-password`: what an account's `password_hash` holds."""

import sys

import click

from smtpintake.intake.accounts import hash_password as hashed


@click.command("hash-password")
def hash_password() -> None:
    """Print the hash of a password for [[smtp.accounts]].

    Asks for it on the terminal; elsewhere the first line of standard input is the password.
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.ClickException("an empty password would let everybody in")
    click.echo(hashed(password))
