"""Held mail on a real server: released by itself within moments of a change, also where the server died meanwhile."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.server import PATIENCE, Server

POLICY = """\
[[project]]
key = "SUP"
name = "Support"

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "hold"
"""
PERSON = '\n[[person]]\nname = "Cara"\naddresses = ["cara{number}@customer.example"]\n'


@pytest.fixture
def stopped(tmp_path: Path) -> Server:
    server = Server(tmp_path)
    server.prepare(POLICY)
    return server


def send(server: Server, number: int) -> None:
    mail = (
        f"From: cara{number}@customer.example\r\nTo: support@example.org\r\nSubject: Mail {number}\r\n"
        f"Message-ID: <m{number}@customer.example>\r\n\r\nHelp!\r\n"
    )
    with server.client() as client:
        refused = client.sendmail(f"cara{number}@customer.example", ["support@example.org"], mail)
    assert refused == {}


def apply(server: Server, *numbers: int) -> None:
    people = "".join(PERSON.format(number=number) for number in numbers)
    (server.folder / "changed.toml").write_text(POLICY + people)
    server.command("apply", str(server.folder / "changed.toml"))


def created(server: Server, count: int) -> list[dict[str, Any]]:
    """The rows of created issues, once there are so many."""
    deadline = time.monotonic() + PATIENCE
    while len(rows := server.json("log", "list", "--outcome", "created")) < count:
        assert time.monotonic() < deadline, "held mail was not released"
        time.sleep(0.2)  # the server needs the processor more than we do
    return rows


def test_mail_is_released_when_its_author_becomes_known_and_by_a_server_that_starts_anew(stopped: Server) -> None:
    server = stopped
    server.start()
    for number in (1, 2, 3):
        send(server, number)
    held = {row["subject"]: row["id"] for row in server.json("held", "list")}
    assert set(held) == {"Mail 1", "Mail 2", "Mail 3"}

    apply(server, 1)
    (first,) = created(server, 1)
    assert first["subject"] == "Mail 1"
    assert first["trace"][0]["result"] == "by itself"

    server.kill()
    apply(server, 1, 2)
    server.start()
    assert {row["subject"] for row in created(server, 2)} == {"Mail 1", "Mail 2"}
    server.command("held", "release", held["Mail 2"], status=1)

    assert server.json("held", "release", held["Mail 3"])["outcome"] == "created"
    server.command("held", "release", held["Mail 3"], status=1)
    assert server.json("held", "list") == []
    assert len(server.json("issue", "list")) == 3
    assert server.stop() == 0
