"""A real server for tests: `python -m smtpintake`, its own folder, a free port; started, killed, started again."""

import json
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from unittest.mock import patch

import pytest

from smtpintake.cli import run
from tests.databases import configured

POLICY = """\
[[project]]
key = "SUP"
name = "Support"
issue_types = [{ name = "incident", prefix = "IN" }]

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "create"
auto_reply = { least_proof = "none" }

[[inbox]]
name = "partners"
addresses = ["partners@example.org"]
project = "SUP"
unknown_senders = "reject"
"""
PATIENCE = 60.0  # seconds: a hang guard, no measurement


class Server:
    """smtpintake in `folder`, listening on `port` of 127.0.0.1. Everything is set by the environment."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.database = folder / "smtpintake.db"
        self.port = free_port()
        self.environment = {
            "SMTPINTAKE_CONFIG": os.devnull,
            "SMTPINTAKE_SMTP__LISTEN": f"127.0.0.1:{self.port}",
            "SMTPINTAKE_SMTP__HOSTNAME": "mx.example.org",
            "SMTPINTAKE_DATABASE__URL": f"sqlite:///{self.database}",
            # Who is to be verified says so, and which name server to ask.
            "SMTPINTAKE_AUTHENTICATION__VERIFY": "false",
            # People write again at once here.
            "SMTPINTAKE_BUDGET__PAUSE": "0",
            "SMTPINTAKE_BLOBS__URL": f"file:{folder}/blobs",
            "SMTPINTAKE_WEB__SECRET_FILE": f"{folder}/secret",
            **(environment or {}),
        }
        self.journal = folder / "journal.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str, stdin: bytes = b"", status: int = 0) -> str:
        """Run another command on the same data; its standard output. It runs in this process, as a start is most of
        what it costs, and so never where an event loop does.
        """
        with (
            TemporaryFile("w+") as printed,
            patch.dict(os.environ, self.environment),
            patch("sys.stdin", TextIOWrapper(BytesIO(stdin))),
            chdir(self.folder),
            redirect_stdout(printed),
            redirect_stderr(StringIO()) as said,
        ):
            ended = run(arguments)
            printed.seek(0)
            text = printed.read()
        assert ended == status, text + said.getvalue()
        return text

    def json(self, *arguments: str) -> Any:
        """What another command prints for programs."""
        return json.loads(self.command(*arguments, "--json"))

    def prepare(self, policy: str = POLICY) -> None:
        """The database, with `policy` in force."""
        (self.folder / "policy.toml").write_text(policy)
        configured(f"sqlite:///{self.database}", tomllib.loads(policy))

    def start(self, part: str = "intake") -> None:
        """Start it in a session of its own, and wait until it greets."""
        with self.journal.open("ab") as journal:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "smtpintake", part],
                stdin=subprocess.DEVNULL,
                stdout=journal,
                stderr=journal,
                env=os.environ | self.environment,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE
        while not self.greets():
            assert self.process.poll() is None, self.journal.read_text()
            assert time.monotonic() < deadline, self.journal.read_text()
            time.sleep(0.02)  # the server needs the processor more than we do

    def kill(self) -> None:
        """SIGKILL, no warning: the server process alone; what it started must notice by itself."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def client(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, "client.example", timeout=PATIENCE)

    def greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
                return connection.recv(4) == b"220 "
        except OSError:
            return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def log_id(reply: str | bytes) -> str:
    """The log row that a reply names."""
    text = reply.decode() if isinstance(reply, bytes) else reply
    found = re.search(r"; log ([0-9a-z]{16})$", text)
    assert found is not None, text
    return found[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running intake with POLICY."""
    yield from running(Server(tmp_path))


def running(server: Server, policy: str = POLICY, part: str = "intake") -> Iterator[Server]:
    """`server`, running until the generator is closed; told to stop, it ends with status 0."""
    server.prepare(policy)
    server.start(part)
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            try:
                status = server.stop()
            except subprocess.TimeoutExpired:
                server.kill()
                raise
            assert status == 0, server.journal.read_text()
