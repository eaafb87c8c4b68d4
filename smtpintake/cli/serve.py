"""`serve`: everything, until it is told to stop."""

import asyncio

import click

from smtpintake.cli.program import Program, pass_program, said_in_one_line
from smtpintake.parts.everything import run_everything


@click.command()
@pass_program
def serve(program: Program) -> None:
    """Run everything: the SMTP server and the outbox worker, each in processes of its own."""
    program.keep_journal()
    with said_in_one_line("serve"):
        status = asyncio.run(run_everything(program.settings))
    if status:
        raise click.exceptions.Exit(status)
