"""`serve`: its parts come back when they die, end with it whichever way it ends, and don't begin where they cannot."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.journey.test_first_hour import mail, submit
from tests.server import PATIENCE, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that is not running yet. What is left of it at the end is killed."""
    server = Server(tmp_path)
    server.prepare()
    yield server
    for process in running(server):
        process.kill()


def running(server: Server) -> list[psutil.Process]:
    """Every process of this server, whoever started it: they work in its folder."""
    return [
        process
        for process in psutil.process_iter()
        if at(process) == str(server.folder) and process.status() != psutil.STATUS_ZOMBIE
    ]


def at(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:  # it has ended, or is somebody else's
        return ""


def part(server: Server, command: str) -> psutil.Process | None:
    """The process that runs this part, None where there is none at the moment."""
    found = [process for process in running(server) if process.cmdline()[-1:] == [command]]
    assert len(found) <= 1
    return found[0] if found else None


def until(condition: Callable[[], bool], server: Server) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, server.journal.read_text()
        time.sleep(0.1)  # to look at each process of the machine costs what the server needs


def is_ready(server: Server) -> bool:
    """Whether `serve` has said that every part serves."""
    return "event=ready" in server.journal.read_text()


def test_parts_that_die_are_started_again_and_all_end_at_a_signal(server: Server) -> None:
    server.start("serve")
    until(lambda: is_ready(server), server)
    victims = part(server, "intake"), part(server, "outbox")
    for victim in victims:
        assert victim is not None
        victim.kill()
    gone, alive = psutil.wait_procs([victim for victim in victims if victim], PATIENCE)
    assert len(gone) == 2, alive
    until(server.greets, server)
    code, reply = submit(server, mail("support@example.org", "After the fall"), "support@example.org")
    assert (code, reply[:20]) == (250, "2.0.0 SUP-1 created;")
    until(lambda: part(server, "outbox") is not None, server)
    assert server.stop() == 0
    until(lambda: not running(server), server)


def test_no_part_outlives_a_serve_that_was_killed(server: Server) -> None:
    server.start("serve")
    until(lambda: is_ready(server), server)
    assert len(running(server)) > 3
    server.kill()
    until(lambda: not running(server), server)


def serving(server: Server, **settings: str) -> "subprocess.CompletedProcess[str]":
    """`serve` where it cannot."""
    return subprocess.run(
        [sys.executable, "-m", "smtpintake", "serve"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=os.environ | server.environment | settings,
        cwd=server.folder,
        check=False,
        timeout=PATIENCE,
        text=True,
    )


def test_a_port_that_is_taken_is_one_line_and_a_status(server: Server) -> None:
    with socket.create_server(("127.0.0.1", server.port)):
        done = serving(server)
    (line,) = done.stderr.splitlines()
    assert line.startswith("smtpintake: cannot start: ")
    assert "already in use" in line
    assert str(server.port) in line
    assert done.returncode == 1
    assert not running(server)


@pytest.mark.parametrize("part", ["intake", "serve"])
def test_a_port_that_is_taken_is_known_before_anything_else_is_done(tmp_path: Path, part: str) -> None:
    server = Server(tmp_path)
    with socket.create_server(("127.0.0.1", server.port)):
        server.command(part, status=1)
    assert not server.database.exists()


def test_files_that_cannot_be_used_are_told_all_at_once_before_a_listener_opens(server: Server) -> None:
    (server.folder / "rsa.pem").write_text("no key\n")
    keys = (
        f'[[dkim.keys]]\ndomain = "example.org"\nselector = "{name}"\nfile = "{name}.pem"\n' for name in ("rsa", "ed")
    )
    settings = server.folder / "faulty.toml"
    settings.write_text('[smtp]\ntls_certificate = "chain.pem"\ntls_key = "key.pem"\n' + "".join(keys))
    done = serving(server, SMTPINTAKE_CONFIG=str(settings))
    (line,) = done.stderr.splitlines()
    for fault in ("the certificate cannot be used", "rsa.pem of example.org", "ed.pem of example.org"):
        assert fault in line
    assert done.returncode == 1
    assert "listening on" not in done.stderr + done.stdout
