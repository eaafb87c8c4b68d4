"""`intake`: the SMTP server alone, until it is told to stop."""

import click
import uvloop

from smtpintake.cli.program import Program, pass_program, said_in_one_line
from smtpintake.parts.intake import run_intake


@click.command()
@pass_program
def intake(program: Program) -> None:
    """Run the SMTP server alone, for systemd or for several machines."""
    program.keep_journal()
    with said_in_one_line("cannot start"):
        uvloop.run(run_intake(program.settings))
