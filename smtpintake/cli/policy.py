"""`apply` and `export`: the intake policy, in from a file and out again."""

from datetime import UTC, datetime
from pathlib import Path

import click
import tomli_w

from smtpintake.cli.display import one_line, print_json
from smtpintake.cli.operator import operator
from smtpintake.cli.policyfile import faults_in, read_policy_file
from smtpintake.cli.program import Program, json_option, pass_program
from smtpintake.cli.since import SINCE
from smtpintake.store.configure import Changes
from smtpintake.store.configure import apply as apply_document
from smtpintake.store.directory import as_data
from smtpintake.store.directory import export as export_document


@click.command()
@click.argument("file", metavar="FILE|-")
@click.option("--dry-run", is_flag=True, help="Only print the difference.")
@click.option("--prune", is_flag=True, help="Also retire what FILE doesn't name.")
@click.option(
    "--replay", "since", type=SINCE, metavar="WHEN", help="With --dry-run: what logged mail since then would become."
)
@json_option
@pass_program
def apply(program: Program, file: str, *, dry_run: bool, prune: bool, since: datetime | None, as_json: bool) -> None:
    """Make the policy in FILE the one in force, and print the difference.

    Projects, inboxes, organisations and people that FILE doesn't name stay as they are, unless with --prune. Running
    servers notice within seconds.
    """
    if since is not None and not dry_run:
        raise click.UsageError("--replay goes with --dry-run: look first, then apply")
    document = read_policy_file(file)
    _warn_of_templates(program.settings.templates.folder)
    with program.database() as database:
        with database.writing() as session:
            trial = session.begin_nested()
            with faults_in(file):
                changes = apply_document(session, document, operator(), prune=prune, now=datetime.now(UTC))
            if dry_run:
                trial.rollback()
            else:
                trial.commit()
        view: dict[str, object] = {"changes": list(changes.lines), "policy_version": changes.version}
        view["applied"] = not dry_run
        if not as_json:
            _print(changes, dry_run=dry_run)
        if since is not None:
            # Loaded here: replaying needs all that reads and judges mail, applying none of it.
            from smtpintake.cli.replay import print_replay, replay_view, replayed  # noqa: PLC0415

            found = replayed(program, database, since, document, prune=prune)
            if as_json:
                view["replay"] = replay_view(found)
            else:
                click.echo()
                print_replay(found)
    if as_json:
        print_json(view)


def _warn_of_templates(folder: Path | None) -> None:
    """They are no policy, and keep none from being applied; but whoever applies one is at hand to mend them."""
    if folder is None:
        return
    # Loaded here: what composes mail is much, and most installations have no templates of their own.
    from smtpintake.wiring import load_templates  # noqa: PLC0415

    for fault in load_templates(folder).faults:
        click.echo(f"smtpintake: warning: {folder}: {fault}; until it is mended the built-in words are sent", err=True)


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


def _print(changes: Changes, *, dry_run: bool) -> None:
    for line in changes.lines:
        click.echo(one_line(line))
    if not changes:
        click.echo(f"nothing to change; policy version {changes.version} is in force")
    elif dry_run:
        click.echo("nothing was changed: this was a dry run")
    else:
        click.echo(f"policy version {changes.version} is in force")
