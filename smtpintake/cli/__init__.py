"""The command `smtpintake`: every group of commands by name, and what its faults look like.

Contract: exit status 0 for done, 1 for failed, 2 for wrong usage or bad configuration. A fault that the admin can mend
is one line on standard error, or a line each where there are several; a traceback is a bug of ours.
"""

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from smtpintake.cli.program import Program, with_config

FAILED: Final = 1

# The module of each, loaded when it is called, and its line in --help: neither a look into the log nor a health check
# waits for a mail server's modules.
COMMANDS: Final = {
    "serve": ("serve", "Run everything: the SMTP server and the outbox worker."),
    "intake": ("intake", "Run the SMTP server alone."),
    "outbox": ("outbox", "Look after mail of our own, or run the worker that sends it."),
    "apply": ("policy", "Make the policy in FILE the one in force."),
    "export": ("policy", "Print the policy in force, as a file for 'apply'."),
    "migrate": ("migrate", "Bring the database to the newest schema."),
    "copy-to": ("copying", "Copy the database from SQLite to PostgreSQL."),
    "deliver": ("deliver", "Take the mail in FILE as if it had come by SMTP."),
    "explain": ("explain", "Tell what would become of the mail in FILE, and why."),
    "replay": ("replay", "Judge logged mail again, and list what would differ."),
    "log": ("log", "Read the email log: what came, what became of it, and why."),
    "held": ("held", "Look after mail that waits for your word."),
    "purge": ("purge", "Forget what is old, as [retention] says."),
    "issue": ("issue", "Read and work on issues."),
    "person": ("person", "Look at the people who are known."),
    "preview": ("preview", "Print a mail of ours about an issue."),
    "dkim": ("dkim", "Make keys for signing our own mail."),
    "secret": ("secret", "Change what reply addresses are made from."),
    "doctor": ("doctor", "Check what the settings name, and say how to mend it."),
    "hash-password": ("hashing", "Print the hash of a password for [[smtp.accounts]]."),
}


class Commands(click.Group):
    """Finds a command in the module that has it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = getattr(import_module(f"{__name__}.{module}"), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return with_config(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="smtpintake", message="%(prog)s %(version)s")
@click.pass_context
def smtpintake(context: click.Context) -> None:
    """An MX for your issue tracker: each mail becomes an issue or a comment before its sender hangs up."""
    from smtpintake.journal import keep_journal  # noqa: PLC0415 - loaded once a command runs

    # A command prints what it was asked for; what serves tells more, as its settings say.
    keep_journal("warning", "text")
    context.ensure_object(Program)


def main() -> None:
    status = run(sys.argv[1:])
    gc.freeze()  # or the interpreter looks for garbage in all modules before it ends: a quarter of a short command
    sys.exit(status)


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
