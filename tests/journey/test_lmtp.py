"""LMTP from the socket to the database: recipients of one mail, each with its own verdict and its own log row."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import PATIENCE, Server, log_id

MAIL = b"From: cara@customer.example\r\nSubject: Printer\r\nMessage-ID: <m1@customer.example>\r\n\r\nIt burns.\r\n"
RECIPIENTS = ["support@example.org", "partners@example.org", "Support+tag@example.org", "support@example.org"]


@pytest.fixture
def lmtp(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, {"SMTPINTAKE_LMTP__LISTEN": "unix:lmtp.sock"})
    server.prepare()
    server.start()
    yield server
    assert server.stop() == 0


def deliver(server: Server) -> list[tuple[int, bytes]]:
    """Hand MAIL over for all RECIPIENTS; a reply for each."""
    with smtplib.LMTP(str(server.folder / "lmtp.sock"), 0, "relay.example", timeout=PATIENCE) as client:
        client.ehlo()
        assert client.mail("cara@customer.example")[0] == 250
        assert [client.rcpt(recipient)[0] for recipient in RECIPIENTS] == [250] * 4
        return [client.data(MAIL), *(client.getreply() for _ in RECIPIENTS[1:])]


def test_mixed_recipients(lmtp: Server) -> None:
    replies = deliver(lmtp)
    assert [code for code, _ in replies] == [250, 550, 250, 250]
    assert b"sender.unknown" in replies[1][1]
    assert replies[3] == replies[0]
    rows = {row["rcpt_to"]: row for row in lmtp.json("log", "list")}
    assert {recipient: row["outcome"] for recipient, row in rows.items()} == {
        "support@example.org": "created",
        "Support+tag@example.org": "created",
        "partners@example.org": "rejected",
    }
    for recipient, (code, text) in zip(RECIPIENTS, replies, strict=True):
        assert rows[recipient]["id"] == log_id(text)
        assert rows[recipient]["reply"]["code"] == code
    assert len(lmtp.json("issue", "list")) == 1
    # RFC 1047: the same mail again is known where it was taken, and refused again where it was not.
    again = deliver(lmtp)
    assert [code for code, _ in again] == [250, 550, 250, 250]
    assert len(lmtp.json("issue", "list")) == 1
    assert sorted(row["outcome"] for row in lmtp.json("log", "list"))[:4] == ["created"] * 2 + ["duplicate"] * 2
