"""The servers under test, each a process of its own with the processes that it starts, and what they consume."""

import os
import shutil
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from bench.load import HERE, SLOWSYNC

_ROOT: Final = HERE.parent
_START_SECONDS: Final = 120
_SAMPLE_SECONDS: Final = 0.1

POLICY: Final = """\
[[project]]
key = "SUP"
name = "Support"
issue_types = [{{ name = "incident", prefix = "IN" }}]

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
issue_type = "incident"
unknown_senders = "create"
auto_reply = {{ enabled = {answers}, least_proof = "none" }}
"""


@dataclass(slots=True)
class Server:
    """A running server. Peaks are since its start: of the process that speaks SMTP, and of all its processes."""

    name: str
    port: int
    process: psutil.Process
    peak_tree: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def cpu_seconds(self) -> float:
        return sum(_cpu(process) for process in self.processes())

    def processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    @property
    def peak(self) -> int:
        """The kernel's own high-water mark of the SMTP process, in octets."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))

    def sample(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self.peak_tree = max(self.peak_tree, sum(_rss(process) for process in self.processes()))

    def end_sampling(self) -> None:
        self._stop.set()


@contextmanager
def bare() -> Iterator[Server]:
    port = _free_port()
    with _running("bare", port, [sys.executable, "-m", "bench.bare", str(port)], {}) as server:
        yield server


@contextmanager
def smtpintake(
    folder: Path, environment: Mapping[str, str] | None = None, *, slow_sync_ms: int = 0, answers: bool = False
) -> Iterator[Server]:
    """The whole intake on a database and blobs in `folder`, prepared unless they are there."""
    port = _free_port()
    settings = _environment(folder, port) | dict(environment or {})
    prepare(folder, answers=answers)
    if slow_sync_ms:
        settings |= {"LD_PRELOAD": str(SLOWSYNC), "SLOWSYNC_MS": str(slow_sync_ms)}
    with _running("smtpintake", port, [sys.executable, "-m", "smtpintake", "intake"], settings) as server:
        yield server


def prepare(folder: Path, *, answers: bool = False) -> None:
    """Makes the database with the bench's policy in it; with `answers`, each mail is answered."""
    folder.mkdir(parents=True, exist_ok=True)
    if database_file(folder).exists():
        return
    (folder / "intake.toml").write_text(POLICY.format(answers=str(answers).lower()))
    for command in (["migrate"], ["apply", str(folder / "intake.toml")]):
        subprocess.run(
            [sys.executable, "-m", "smtpintake", *command],
            check=True, stdout=subprocess.DEVNULL, cwd=_ROOT, env=os.environ | _environment(folder, 0),
        )  # fmt: skip


def database_file(folder: Path) -> Path:
    return folder / "smtpintake.db"


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


@contextmanager
def _running(name: str, port: int, command: list[str], environment: Mapping[str, str]) -> Iterator[Server]:
    with (HERE / "build" / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=_ROOT, env=os.environ | environment)
    server = Server(name, port, psutil.Process(child.pid))
    sampler = threading.Thread(target=server.sample)
    try:
        _await_greeting(child, port)
        sampler.start()
        yield server
    finally:
        server.end_sampling()
        if sampler.ident:
            sampler.join()
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _await_greeting(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if child.poll() is not None:
            raise RuntimeError(f"the server ended with status {child.returncode}; see bench/build/*.log")
        try:
            smtplib.SMTP("127.0.0.1", port, timeout=5).quit()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _environment(folder: Path, port: int) -> dict[str, str]:
    # Everything by environment, and no file: the bench doesn't depend on the settings of the checkout.
    return {
        "SMTPINTAKE_CONFIG": os.devnull,
        "SMTPINTAKE_SMTP__LISTEN": f"127.0.0.1:{port}",
        "SMTPINTAKE_SMTP__HOSTNAME": "bench.example",
        "SMTPINTAKE_SMTP__MAX_CONNECTIONS_PER_PEER": "1000",
        "SMTPINTAKE_DATABASE__URL": f"sqlite:///{database_file(folder)}",
        # What verifying costs is measured by itself, with a name server of the bench's own.
        "SMTPINTAKE_AUTHENTICATION__VERIFY": "false",
        "SMTPINTAKE_BLOBS__URL": f"file:{folder / 'blobs'}",
        "SMTPINTAKE_WEB__SECRET_FILE": str(folder / "secret"),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def _rss(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
