"""`dkim`: keys for signing our own mail."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from smtpintake.cli.display import print_json
from smtpintake.cli.program import json_option
from smtpintake.outbox.signing import SigningKey, new_key
from smtpintake.settings.values import SELECTOR, as_domain

_STRING: Final = 255  # octets of one character string in a TXT record (RFC 1035 s3.3)
_ALGORITHMS: Final = ("rsa", "ed25519")


@click.group()
def dkim() -> None:
    """Keys for signing our own mail."""


def _domain(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        return as_domain(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: {error}") from error


def _selector(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not SELECTOR.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no selector: lower-case letters, digits, '-' and '.'")
    return value


@dkim.command("new")
@click.argument("domain", callback=_domain)
@click.option(
    "--selector",
    metavar="NAME",
    callback=_selector,
    help="The key's name in DNS.  [default: the month, and the algorithm]",
)
@click.option(
    "--algorithm",
    type=click.Choice(("both", *_ALGORITHMS)),
    default="both",
    show_default=True,
    help="Every receiver knows rsa; ed25519 is short and newer. A mail carries a signature of each key.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/dkim"),
    show_default=True,
    help="Where the private keys are written.",
)
@json_option
def new(domain: str, selector: str | None, algorithm: str, folder: Path, *, as_json: bool) -> None:
    """Make signing keys for DOMAIN; print the DNS records to publish and the settings to add.

    Publish the records first: what is signed with a key that DNS does not know counts as unsigned.
    """
    if selector and algorithm == "both":
        raise click.UsageError("one selector names one key: give --algorithm as well")
    month = f"{datetime.now(UTC):%Y%m}"
    wanted = _ALGORITHMS if algorithm == "both" else (algorithm,)
    keys = [new_key(domain, selector or f"{month}-{each}", each) for each in wanted]
    files = [folder / f"{key.domain}.{key.selector}.pem" for key in keys]
    if there := [str(file) for file in files if file.exists()]:
        raise click.ClickException(f"{', '.join(there)}: already there; choose another --selector")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for key, file in zip(keys, files, strict=True):
            _write(file, key.pem)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    if as_json:
        print_json([{"name": k.name, "record": k.record, "file": str(f)} for k, f in zip(keys, files, strict=True)])
    else:
        click.echo(_told(keys, files), nl=False)


def _write(file: Path, pem: bytes) -> None:
    """Only its owner may ever read it, from the first moment."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(pem)


def _told(keys: Iterable[SigningKey], files: Iterable[Path]) -> str:
    lines = ["; publish in DNS"]
    lines += [f"{key.name}. IN TXT ( {' '.join(_strings(key.record))} )" for key in keys]
    lines += ["", "# then add to the settings, and restart"]
    for key, file in zip(keys, files, strict=True):
        lines += ["[[dkim.keys]]", f'domain = "{key.domain}"', f'selector = "{key.selector}"', f'file = "{file}"', ""]
    return "\n".join(lines)


def _strings(record: str) -> list[str]:
    """The record as a zone file has it, in strings that are short enough."""
    return [f'"{record[start : start + _STRING]}"' for start in range(0, len(record), _STRING)]
