"""Guards in the whole server: what is counted, remembered and logged, and what `[limits]`, `[greylist]` set."""

import smtplib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.redis import Redis, redis  # noqa: F401 - a fixture
from tests.server import Server, log_id

MAIL = b"From: cara@customer.example\r\nSubject: Printer on fire\r\nMessage-ID: <1@customer.example>\r\n\r\nHelp!\r\n"
STRANGERS = {"SMTPINTAKE_LIMITS__EXEMPT": ""}  # otherwise nothing on loopback is guarded


@pytest.fixture
def started(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """Starts a server with these settings; stopped after the test."""

    def start(**settings: str) -> Server:
        server = Server(tmp_path, STRANGERS | {f"SMTPINTAKE_{key}": value for key, value in settings.items()})
        server.prepare()
        server.start()
        request.addfinalizer(server.stop)
        return server

    return start


def deliver(server: Server) -> tuple[int, str]:
    """The code and text of the first reply that isn't success, or of the mail's."""
    with server.client() as client:
        try:
            client.sendmail("cara@customer.example", "support@example.org", MAIL)
        except smtplib.SMTPRecipientsRefused as refused:
            (code, text), *_ = refused.recipients.values()
            return code, text.decode()
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code, str(refused.smtp_error, "ascii")
    return 250, ""


def moved(server: Server, table: str, column: str, seconds: int) -> int:
    """Make the rows of `table` so much older; how many there are."""
    with sqlite3.connect(server.database) as database:
        cursor = database.execute(f"UPDATE {table} SET {column} = datetime({column}, '-{seconds} seconds')")
        return cursor.rowcount


def test_a_greylisted_mail_is_taken_when_it_comes_again(started: Any) -> None:
    server = started(GREYLIST__ENABLED="true")
    code, text = deliver(server)
    assert (code, text[:23]) == (451, "4.7.1 rcpt.greylist: we")
    shown = server.json("log", "show", log_id(text))
    assert (shown["outcome"], shown["reason"], shown["rcpt_to"]) == (
        "deferred",
        "rcpt.greylist",
        "support@example.org",
    )
    assert shown["trace"][0]["detail"] == "not seen before from 127.0.0.0/24"
    assert deliver(server)[0] == 451
    assert moved(server, "greylist", "first_seen", 61) == 1
    assert deliver(server)[0] == 250
    # The mail has taken it along: the network is known to whoever starts next.
    assert moved(server, "greylist_network", "last_seen", 0) == 1
    assert [row["key"] for row in server.json("issue", "list")] == ["SUP-1"]


def test_rates_in_redis_and_without_it(started: Any, redis: Redis) -> None:  # noqa: F811
    server = started(LIMITS__BACKEND=redis.url, LIMITS__MAILS_PER_PEER="1/day")
    assert deliver(server)[0] == 250
    code, text = deliver(server)
    assert (code, text[:18]) == (451, "4.7.1 mail.rate: t")
    assert server.json("log", "show", log_id(text))["reason"] == "mail.rate"
    redis.stop()
    assert deliver(server)[0] == 250  # the first that this process counts
    assert deliver(server)[0] == 451
    assert server.journal.read_text().count("each process counts rates for itself") == 1
