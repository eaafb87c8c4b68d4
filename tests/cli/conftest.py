"""The command, run in a folder of its own with nothing of this machine's settings."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smtpintake.cli import run
from smtpintake.store.blobs import FileBlobs
from tests.databases import new_sqlite
from tests.store.tracked import fill

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for variable in [name for name in os.environ if name.upper().startswith("SMTPINTAKE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `smtpintake ARGUMENTS`; gives the exit status, standard output and standard error."""

    def run_it(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        return status, *capfd.readouterr()

    return run_it


@pytest.fixture
def as_json(command: Run) -> Callable[..., Any]:
    """Runs a command with `--json`, which must succeed, and reads what it prints."""

    def run_it(*arguments: str) -> Any:
        status, out, _ = command(*arguments, "--json")
        assert status == 0
        return json.loads(out)

    return run_it


@pytest.fixture
def migrated(folder: Path) -> None:
    """The database of the default settings, with nothing in it."""
    new_sqlite("sqlite:///var/smtpintake.db").close()


@pytest.fixture
def tracker(folder: Path) -> None:
    """The database and blobs of the default settings, with one of everything."""
    database, blobs = new_sqlite("sqlite:///var/smtpintake.db"), FileBlobs(folder / "var" / "blobs")
    fill(database, blobs, folder)
    blobs.close()
    database.close()
