"""A policy comes into force in every worker of a running server, whole or not at all."""

import json
import smtplib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.policy import SMTP
from pathlib import Path

import psutil
import pytest

from tests.journey.test_first_hour import mail
from tests.server import PATIENCE, POLICY, Server

SALES = """
[[inbox]]
name = "sales"
addresses = ["sales@example.org"]
project = "SUP"
unknown_senders = "create"
"""
FAULTY = SALES.replace("SUP", "NONE")
# So many sessions, that both workers have some: which worker takes a connection, the kernel decides.
_SESSIONS = 24


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Server]:
    """A server whose port two processes share."""
    server = Server(tmp_path, {"SMTPINTAKE_SMTP__WORKERS": "2"})
    server.prepare()
    server.start("serve")
    until(lambda: "event=ready" in server.journal.read_text(), server)
    yield server
    assert server.stop() == 0


def until(condition: Callable[[], bool], server: Server) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, server.journal.read_text()
        time.sleep(0.02)


def workers_of(server: Server) -> set[int]:
    """The processes that hold our sessions."""
    assert server.process is not None
    family = psutil.Process(server.process.pid).children(recursive=True)
    return {
        process.pid
        for process in family
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == server.port
    }


def code(session: smtplib.SMTP, recipient: str) -> int:
    session.rset()
    session.mail("cara@customer.example")
    return session.rcpt(recipient)[0]


def taken_up(server: Server, version: int) -> int:
    """How many workers say that this version is in force."""
    lines = server.journal.read_text().splitlines()
    return sum("policy in force" in line and f" version={version} " in f"{line} " for line in lines)


def test_every_worker_takes_a_policy_up_and_none_takes_a_faulty_one(workers: Server) -> None:
    server = workers
    with ExitStack() as stack:
        sessions = [stack.enter_context(server.client()) for _ in range(_SESSIONS)]
        for session in sessions:
            session.ehlo()
        assert len(workers_of(server)) == 2
        assert code(sessions[0], "sales@example.org") == 550
        (server.folder / "new.toml").write_text(FAULTY)
        server.command("apply", "new.toml", status=2)
        (server.folder / "new.toml").write_text(POLICY + SALES)
        server.command("apply", "new.toml")
        # Idle as they are: nobody sends them anything meanwhile, and nobody is started again.
        until(lambda: taken_up(server, 2) == 2, server)
        assert {code(session, "sales@example.org") for session in sessions} == {250}
        status, reply = sessions[0].data(mail("sales@example.org", "To the new inbox").as_bytes(policy=SMTP))
        assert (status, reply[:20]) == (250, b"2.0.0 SUP-1 created;")
    (row,) = server.json("log", "list", "--outcome", "created")
    assert (row["inbox"], row["policy_version"]) == ("sales", 2)


def test_a_policy_that_cannot_be_read_leaves_the_one_before_in_force(server: Server) -> None:
    """As when a newer version of smtpintake has applied it."""
    with sqlite3.connect(server.database) as database:
        ((document,),) = database.execute("SELECT document FROM policy_version")
        newer = json.loads(document) | {"mood": "fine"}
        columns = "created_at, author, document"
        database.execute(
            f"INSERT INTO policy_version ({columns}) SELECT created_at, author, ? FROM policy_version",
            [json.dumps(newer)],
        )
    until(lambda: server.journal.read_text().count("a policy cannot be read") >= 1, server)
    with server.client() as session:
        letter = mail("support@example.org", "As before").as_bytes(policy=SMTP)
        session.sendmail("cara@customer.example", ["support@example.org"], letter)
    (row,) = server.json("log", "list")
    assert (row["outcome"], row["policy_version"]) == ("created", 1)
