"""The policy file on the command line: FILE, or `-` for standard input."""

import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from smtpintake.decide.faults import Fault
from smtpintake.decide.policy import Document, PolicyError, read_document

STDIN: Final = "-"


def read_policy_file(file: str) -> Document:
    """The document in `file`. Raises PolicyError, its faults naming the file."""
    try:
        octets = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
        with faults_in(file):
            return read_document(tomllib.loads(octets.decode("utf-8")))
    except OSError as error:
        raise click.UsageError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: is not TOML: {error}") from error


@contextmanager
def faults_in(file: str) -> Iterator[None]:
    """The faults of a PolicyError are those of `file`."""
    try:
        yield
    except PolicyError as error:
        raise PolicyError(tuple(Fault(f"{file}: {fault.key}", fault.what) for fault in error.faults)) from error
