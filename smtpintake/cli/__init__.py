"""The command `smtpintake`: every group of commands by name, and what its faults look like.

Contract: exit status 0 for done, 1 for failed, 2 for wrong usage or bad configuration. A fault that the admin can mend
is one line on standard error, or a line each where there are several; a traceback is a bug of ours.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import click

from smtpintake.cli.program import Program, with_config
from smtpintake.journal import keep_journal

FAILED: Final = 1

# Loaded when asked for: a quick look into the log does not wait for a mail server's modules.
COMMANDS: Final = {
    "serve": "serve",
    "intake": "intake",
    "outbox": "outbox",
    "apply": "policy",
    "export": "policy",
    "migrate": "migrate",
    "deliver": "judging",
    "explain": "judging",
    "replay": "replay",
    "log": "log",
    "held": "held",
    "purge": "purge",
    "issue": "issue",
    "person": "person",
    "preview": "preview",
    "dkim": "dkim",
    "secret": "secret",
    "doctor": "doctor",
    "hash-password": "hashing",
}


class Commands(click.Group):
    """Finds a command in the module that has it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for name, module in COMMANDS.items() if find_spec(f"{__name__}.{module}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(import_module(f"{__name__}.{COMMANDS[cmd_name]}"), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return with_config(command)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="smtpintake", message="%(prog)s %(version)s")
@click.pass_context
def smtpintake(context: click.Context) -> None:
    """An MX for your issue tracker: each mail becomes an issue or a comment before its sender hangs up."""
    keep_journal(
        "warning", "text"
    )  # a command prints what it was asked for; what serves tells more, as its settings say
    context.ensure_object(Program)


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command; the exit status. Faults go to standard error."""
    try:
        status = with_config(smtpintake).main(list(arguments), prog_name="smtpintake", standalone_mode=False)
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing may be flushed into the closed pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except click.Abort:
        return FAILED
    except Exception as error:
        from smtpintake.cli.faults import told  # noqa: PLC0415 - loaded when there is one

        fault = told(error)
        if fault is None:
            raise
        for line in fault.lines:
            print(f"smtpintake: {line}", file=sys.stderr)
        return fault.status
    return status if isinstance(status, int) else 0
