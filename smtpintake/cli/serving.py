"""`serve`, `intake`, and the outbox worker: the commands that run until they are told to stop."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import click
import uvloop

from smtpintake.cli.program import Program, pass_program, said_in_one_line
from smtpintake.journal import keep_journal
from smtpintake.parts import run_everything, run_intake, run_outbox


@click.command()
@pass_program
def serve(program: Program) -> None:
    """Run everything: the SMTP server and the outbox worker, each in processes of its own."""
    _prepare(program)
    with said_in_one_line("serve"):
        status = asyncio.run(run_everything(program.settings))
    if status:
        raise click.exceptions.Exit(status)


@click.command()
@pass_program
def intake(program: Program) -> None:
    """Run the SMTP server alone, for systemd or for several machines."""
    _prepare(program)
    _run(run_intake(program.settings))


def work_outbox(program: Program) -> None:
    """Run the outbox worker alone."""
    _prepare(program)
    _run(run_outbox(program.settings))


def _prepare(program: Program) -> None:
    keep_journal(program.settings.log.level, program.settings.log.format)


def _run(part: Coroutine[Any, Any, None]) -> None:
    with said_in_one_line("cannot start"):
        uvloop.run(part)
