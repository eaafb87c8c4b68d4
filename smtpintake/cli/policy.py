"""`apply` and `export`: the intake policy, in from a file and out again."""

import getpass
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import tomli_w

from smtpintake.cli.display import one_line, print_json
from smtpintake.cli.program import Program, json_option, pass_program
from smtpintake.decide.faults import Fault
from smtpintake.decide.policy import Document, PolicyError, read_document
from smtpintake.store.configure import Changes
from smtpintake.store.configure import apply as apply_document
from smtpintake.store.directory import as_data
from smtpintake.store.directory import export as export_document

STDIN: Final = "-"


@click.command()
@click.argument("file", metavar="FILE|-")
@click.option("--dry-run", is_flag=True, help="Only print the difference.")
@click.option("--prune", is_flag=True, help="Also retire what FILE doesn't name.")
@json_option
@pass_program
def apply(program: Program, file: str, *, dry_run: bool, prune: bool, as_json: bool) -> None:
    """Make the policy in FILE the one in force, and print the difference.

    Projects, inboxes, organisations and people that FILE doesn't name stay as they are, unless with --prune. Running
    servers notice within seconds.
    """
    document = _read(file)
    with program.database() as database, database.writing() as session:
        trial = session.begin_nested()
        try:
            changes = apply_document(session, document, getpass.getuser(), prune=prune, now=datetime.now(UTC))
        except PolicyError as error:
            raise _in_file(file, error) from error
        if dry_run:
            trial.rollback()
        else:
            trial.commit()
    _print(changes, dry_run=dry_run, as_json=as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of TOML.")
@pass_program
def export(program: Program, *, as_json: bool) -> None:
    """Print the policy in force, as a file for 'apply' that changes nothing."""
    with program.database() as database, database.session() as session:
        data = as_data(export_document(session))
    if as_json:
        print_json(data)
    else:
        click.echo(tomli_w.dumps({table: rows for table, rows in data.items() if rows}), nl=False)


def _read(file: str) -> Document:
    """The document in `file`. Raises PolicyError, its faults naming the file."""
    try:
        octets = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        return read_document(tomllib.loads(octets.decode("utf-8")))
    except OSError as error:
        raise click.UsageError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: is not TOML: {error}") from error
    except PolicyError as error:
        raise _in_file(file, error) from error


def _in_file(file: str, error: PolicyError) -> PolicyError:
    return PolicyError(tuple(Fault(f"{file}: {fault.key}", fault.what) for fault in error.faults))


def _print(changes: Changes, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"changes": list(changes.lines), "policy_version": changes.version, "applied": not dry_run})
        return
    for line in changes.lines:
        click.echo(one_line(line))
    if not changes:
        click.echo(f"nothing to change; policy version {changes.version} is in force")
    elif dry_run:
        click.echo("nothing was changed: this was a dry run")
    else:
        click.echo(f"policy version {changes.version} is in force")
