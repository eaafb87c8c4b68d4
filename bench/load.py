"""The client, built from C when its source is newer, and one run of it."""

import itertools
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = HERE / "build"
SLOWSYNC: Final = BUILD / "slowsync.so"

_CLIENT: Final = BUILD / "client"
# Every mail of a whole bench has a number of its own, so that none is a second delivery.
_numbers: Final = itertools.count(10_000_000, 100_000)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the client against one server."""

    sent: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.sent / self.seconds


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail from `ana@domain`; no line of it begins with a dot."""

    domain: str
    octets: bytes


def build() -> None:
    """Compiles what is missing or out of date. Raises CalledProcessError, or FileNotFoundError without gcc."""
    BUILD.mkdir(exist_ok=True)
    for source, target, extra in (
        (HERE / "client.c", _CLIENT, ()),
        (HERE / "slowsync.c", SLOWSYNC, ("-shared", "-fPIC", "-ldl")),
    ):
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["gcc", "-O2", "-Wall", "-o", target, source, *extra], check=True)


def drive(port: int, sessions: int, count: int, mail: Path, *, once: bool = False) -> Run:
    """Sends `count` mails over `sessions` connections. Raises RuntimeError when one was not accepted."""
    return _run(port, sessions, count, mail, *(["once"] if once else []))


def drive_batch(port: int, sessions: int, letters: Sequence[Letter]) -> Run:
    """Sends these mails, as they are. Raises RuntimeError when one was not accepted."""
    batch = BUILD / "batch"
    batch.write_bytes(b"".join(b"%d %s\n%s" % (len(one.octets), one.domain.encode(), one.octets) for one in letters))
    return _run(port, sessions, len(letters), batch, "batch")


def _run(port: int, sessions: int, count: int, mail: Path, *mode: str) -> Run:
    arguments = [_CLIENT, str(port), str(sessions), str(count), str(next(_numbers)), mail, *mode]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the client failed against port {port}: {done.stderr.strip()} {done.stdout.strip()}")
    result = json.loads(done.stdout)
    return Run(result["sent"], result["seconds"], result["p50_ms"], result["p99_ms"])
