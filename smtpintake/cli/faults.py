"""What a fault looks like that the admin can mend.

Contract: `told` knows every exception that is no bug of ours. It is loaded when there is one: the modules that raise
them take longer to load than most commands take.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import click
from sqlalchemy.exc import DBAPIError

from smtpintake.decide.policy import PolicyError
from smtpintake.settings import SettingsError

_ESCAPED: Final = re.compile("[\udc80-\udcff]")  # octets of the command line or of a pipe, as Python has them (PEP 383)

FAILED: Final = 1
WRONG: Final = 2


@dataclass(frozen=True, slots=True)
class Told:
    """The lines that say it, and the exit status."""

    lines: tuple[str, ...]
    status: int


def told(error: Exception) -> Told | None:
    """How to say what went wrong; None for a bug of ours."""
    lines = tuple(_lines(error))
    return Told(lines, _status(error)) if lines else None


def _lines(error: Exception) -> Iterator[str]:
    match error:
        case click.ClickException():
            yield " ".join(error.format_message().split())
            if isinstance(error, click.UsageError) and error.ctx is not None:
                yield f"try '{error.ctx.command_path} --help'"
        case SettingsError(faults=faults):
            yield from map(str, faults)
        case PolicyError(faults=faults):
            yield from (f"{fault.key}: {fault.what}" for fault in faults)
        case UnicodeEncodeError(object=str(text)) if _ESCAPED.search(text):
            yield f"{text.encode('ascii', 'backslashreplace').decode()}: this is no UTF-8"
        case DBAPIError():
            yield f"database: {' '.join(str(error.orig).split())}"
        case OSError(strerror=str(strerror), filename=filename):
            yield f"{filename}: {strerror}" if filename else strerror  # a full disk, a folder that we may not read


def _status(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        return error.exit_code
    return WRONG if isinstance(error, SettingsError | PolicyError) else FAILED
