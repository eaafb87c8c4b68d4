"""The intake's memory does not grow with the size of a mail times the number of connections."""

import socket
import threading
from pathlib import Path

import pytest

from tests.server import PATIENCE, Server

MAIL = 25 << 20
SESSIONS = 20
MOST = 150 << 20


def test_twenty_mails_of_25_mb_at_once_leave_the_intake_below_150_mb(server: Server) -> None:
    block = b"x" * 76 + b"\r\n"
    body = block * (MAIL // len(block))
    together = threading.Barrier(SESSIONS, timeout=PATIENCE)
    replies: list[str] = []

    def send(number: int) -> None:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            answers = connection.makefile("rb")
            answers.readline()
            for command in ("HELO client.example", "MAIL FROM:<c@x.example>", "RCPT TO:<support@example.org>", "DATA"):
                connection.sendall(command.encode() + b"\r\n")
                answers.readline()
            header = f"From: c@x.example\r\nSubject: {number}\r\nMessage-ID: <{number}@x.example>\r\n\r\n"
            connection.sendall(header.encode())
            together.wait()
            connection.sendall(body)
            connection.sendall(b".\r\n")
            connection.settimeout(4 * PATIENCE)
            replies.append(answers.readline().decode())

    threads = [threading.Thread(target=send, args=(number,)) for number in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == SESSIONS
    assert all(reply.startswith("250 2.0.0 SUP-") for reply in replies), replies
    assert server.process is not None
    assert peak(server.process.pid) < MOST


def peak(pid: int) -> int:
    """The process's high-water mark in octets, as Linux keeps it."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("no /proc: the memory of another process cannot be seen")
    return next(int(line.split()[1]) << 10 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
