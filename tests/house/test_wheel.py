"""The wheel: built, installed into an empty environment elsewhere, and used there, away from any checkout."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAIL = b"""\
From: Ana Ruiz <ana@example.com>\r
To: support@example.org\r
Subject: The printer is on fire\r
Message-ID: <1@example.com>\r
\r
Please come quickly.\r
"""


def run(command: list[str | Path], folder: Path, octets: bytes = b"") -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SMTPINTAKE_", "PYTHON"))}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, input=octets, capture_output=True, timeout=300
    )
    assert done.returncode == 0, f"{command}: {done.stdout.decode()}{done.stderr.decode()}"
    return done.stdout.decode()


@pytest.fixture(scope="module")
def uv() -> str:
    found = shutil.which("uv", path=os.pathsep.join((os.environ.get("PATH", ""), str(ROOT / ".tools" / "bin"))))
    if found is None:
        pytest.skip("uv is absent: `make setup` brings it")
    return found


@pytest.fixture(scope="module")
def wheel(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run([uv, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(uv: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands in an environment with the wheel and what uv.lock names for running it."""
    folder = tmp_path_factory.mktemp("installed")
    python = folder / "environment" / "bin" / "python"
    run([uv, "venv", "--quiet", "--python", sys.executable, folder / "environment"], folder)
    locked = ["--frozen", "--no-dev", "--no-emit-project", "--output-file", folder / "locked.txt"]
    run([uv, "export", "--quiet", "--project", ROOT, *locked], folder)
    run([uv, "pip", "install", "--quiet", "--python", python, "-r", folder / "locked.txt"], folder)
    run([uv, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel], folder)
    return python.parent


def test_the_wheel_carries_what_an_installation_needs_and_no_more(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "alembic/env.py",
        "alembic/versions/0001_first.py",
        "templates/locale/de.po",
        "conf/smtpintake.toml",
    ):
        assert any(name.startswith(f"smtpintake/{needed}") for name in names), needed
    assert {name.split("/")[0].split("-")[0] for name in names} == {"smtpintake"}
    assert not [name for name in names if "/tests/" in name or "__pycache__" in name]


def test_an_installed_smtpintake_takes_a_mail(installed: Path, tmp_path: Path) -> None:
    command = installed / "smtpintake"
    assert "deliver" in run([command, "--help"], tmp_path)

    conf = run([installed / "python", "-c", "from smtpintake.resources import *; print(resource('conf'))"], tmp_path)
    assert not Path(conf).is_relative_to(ROOT)
    run([command, "migrate"], tmp_path)
    run([command, "apply", f"{conf.strip()}/intake.toml"], tmp_path)

    deliver = [command, "deliver", "-", "--to", "support@example.org", "--mail-from", "ana@example.com"]
    assert "SUP-1 created" in run(deliver, tmp_path, MAIL)
    issue = json.loads(run([command, "issue", "show", "SUP-1", "--json"], tmp_path))
    assert issue["title"] == "The printer is on fire"
    assert (tmp_path / "var" / "smtpintake.db").is_file()
