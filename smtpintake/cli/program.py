"""`Program`: what every command works with: the settings, and the database they name.

Contract: each is made when first asked for, so that `--help` needs neither. `--config FILE` may stand before or after
the command.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from smtpintake.store.readiness import NotReadyError, UnknownRevisionError

if TYPE_CHECKING:
    from smtpintake.settings import Settings
    from smtpintake.store.blobs import Blobs
    from smtpintake.store.database import Database

_CONFIG: Final = "config"


class Program:
    """One for each run of the command."""

    def __init__(self) -> None:
        self.config: Path | None = None

    @cached_property
    def settings(self) -> "Settings":
        """Raises SettingsError."""
        from smtpintake.settings import load_settings, settings_file  # noqa: PLC0415 - --help waits for no settings

        return load_settings(settings_file(self.config))

    def keep_journal(self) -> None:
        """For a command that serves: the journal as the settings say."""
        from smtpintake.journal import keep_journal  # noqa: PLC0415

        keep_journal(self.settings.log.level, self.settings.log.format)

    @contextmanager
    def database(self, *, any_schema: bool = False) -> "Iterator[Database]":
        """The database at its newest schema, or with `any_schema` as it is, made where there is none.

        Else none is made: whoever looks from another folder, or with other settings, would be shown an empty one.
        """
        # Loaded here: it takes most of a second, and what looks after the server's parts has no database.
        from smtpintake.store.database import Database, is_missing  # noqa: PLC0415
        from smtpintake.store.migrations import open_current  # noqa: PLC0415

        url = self.settings.database.url
        with said_in_one_line("database"):
            if is_missing(url) and not any_schema:
                raise NotReadyError(f"database: {url.removeprefix('sqlite:///')} is not there: {self._where_to_look()}")
            database = Database(url) if any_schema else open_current(url)
        try:
            yield database
        finally:
            database.close()

    def _where_to_look(self) -> str:
        from smtpintake.settings import settings_file  # noqa: PLC0415

        make = "'smtpintake migrate' makes it"
        if file := settings_file(self.config):
            return f"{make}, if {file} names the right one"
        return f"name your settings with --config or SMTPINTAKE_CONFIG; for a new one, {make}"

    @contextmanager
    def blobs(self) -> "Iterator[Blobs]":
        from smtpintake.store.blobs import open_blobs  # noqa: PLC0415

        blobs = open_blobs(self.settings.blobs.url, self.settings.blobs.spool)
        try:
            yield blobs
        finally:
            blobs.close()


@contextmanager
def said_in_one_line(what: str) -> Iterator[None]:
    """What keeps `what` from working for a reason that the admin can mend, as a failure of the command."""
    try:
        yield
    except (NotReadyError, UnknownRevisionError) as error:
        raise click.ClickException(str(error)) from error
    except ModuleNotFoundError as error:
        extra = "install smtpintake with its extra 'postgres'"
        raise click.ClickException(f"{what}: this installation has no {error.name}: {extra}") from error
    except OSError as error:
        about = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{what}: {about}{error.strerror or error}") from error


pass_program: Final = click.make_pass_decorator(Program, ensure=True)


def json_option(function: Callable[..., None]) -> Callable[..., None]:
    """`--json`: the whole, for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def limit_option(function: Callable[..., None]) -> Callable[..., None]:
    """`--limit`: how many rows of a list."""
    option = click.option(
        "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many at most."
    )
    return option(function)


def with_config(command: click.Command) -> click.Command:
    """`command`, and all commands below it, with the option `--config`."""
    if not any(parameter.name == _CONFIG for parameter in command.params):
        command.params.append(
            click.Option(
                ["--config", _CONFIG],
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="The settings file.  [default: $SMTPINTAKE_CONFIG, or conf/smtpintake.toml]",
                expose_value=False,
                callback=_keep,
            )
        )
        if isinstance(command, click.Group):
            for name in command.commands:
                with_config(command.commands[name])
    return command


def _keep(context: click.Context, _: click.Parameter, value: Any) -> None:
    if isinstance(value, Path):
        context.ensure_object(Program).config = value
