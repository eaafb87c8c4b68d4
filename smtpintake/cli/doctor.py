"""`doctor`: what keeps this server from taking and sending mail, and how to mend it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import click

from smtpintake.cli.check import Check, Result
from smtpintake.cli.display import one_line, print_json
from smtpintake.cli.listening import answering
from smtpintake.cli.program import Program, json_option, pass_program
from smtpintake.cli.storing import database
from smtpintake.settings import Settings, settings_file

_COLOURS: Final = {Result.OK: "green", Result.WARNING: "yellow", Result.FAIL: "red"}


@click.command()
@click.option("--quick", is_flag=True, help="Only whether the database and the listeners answer.")
@json_option
@pass_program
def doctor(program: Program, *, quick: bool, as_json: bool) -> None:
    """Check settings, database, folders, disk, listeners and whatever else the settings name; say how to mend it.

    The exit status is 1 where something fails; a warning is no failure.
    """
    file = settings_file(program.config)
    settings = program.settings
    checks = [Check("settings", Result.OK, f"read from {file}" if file else "no file, so defaults and the environment")]
    checks += [found for check in _wanted(quick=quick) for found in check(settings)]
    if as_json:
        print_json([_view(check) for check in checks])
    else:
        for check in checks:
            _print(check)
    if any(check.result is Result.FAIL for check in checks):
        raise click.exceptions.Exit(1)


def _wanted(*, quick: bool) -> Sequence[Callable[[Settings], Iterator[Check]]]:
    if quick:
        return database, answering
    # Loaded here: it takes twice as long as a quick look, which a container asks for every minute.
    from smtpintake.cli.checks import ALL  # noqa: PLC0415

    return ALL


def _view(check: Check) -> dict[str, str]:
    return {"check": check.what, "result": check.result, "detail": check.seen, "mend": check.mend}


def _print(check: Check) -> None:
    mark = click.style(f"{check.result:<7}", fg=_COLOURS[check.result])
    click.echo(f"{mark}  {check.what}: {one_line(check.seen)}")
    if check.mend:
        click.echo(f"{'':9}mend: {check.mend}")
