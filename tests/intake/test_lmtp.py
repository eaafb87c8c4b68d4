"""LMTP (RFC 2033): the dialogue over real sockets, and the socket's file."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from smtpintake.intake.bound import bind_unix
from smtpintake.intake.limits import Limits
from smtpintake.intake.listener import Listener
from smtpintake.intake.options import Options
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Hello, Peer, Relay, ToldBy
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import HELD, REFUSALS, Reply, created
from tests.intake.smtpserver import GUARD, Client, FakeJourney, Server, serving

LMTP = Options(lmtp=True)
ONLY = "500 5.5.1 this is LMTP, say LHLO"


async def client_of(server: Server, *recipients: str) -> Client:
    client = await server.connect()
    assert await client.reply() == "220 mx.example.org LMTP smtpintake"
    assert (await client.ask("LHLO relay.example")).startswith("250-mx.example.org")
    if recipients:
        assert await client.ask("MAIL FROM:<cara@customer.example>") == "250 2.1.0 sender OK"
    for recipient in recipients:
        assert await client.ask(f"RCPT TO:<{recipient}>") == "250 2.1.5 recipient OK"
    return client


def verdict(recipient: Mailbox) -> Reply:
    return {"support": created("SUP-7"), "partners": REFUSALS[Reason.SENDER_UNKNOWN]}.get(recipient.localpart, HELD)


async def test_only_lhlo_says_hello(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", options=LMTP) as server:
        client = await server.connect()
        await client.reply()
        assert await client.ask("EHLO x.example") == ONLY
        assert await client.ask("HELO x.example") == ONLY
        assert await client.ask("MAIL FROM:<>") == "503 5.5.1 send EHLO first"
        hello = (await client.ask("LHLO x.example")).splitlines()
        # RFC 2033 s4.3 and s5 ask for these.
        assert {"250-PIPELINING", "250-ENHANCEDSTATUSCODES", "250-8BITMIME"} <= set(hello)
        assert await client.ask("MAIL FROM:<>") == "250 2.1.0 sender OK"
        assert await client.ask("DATA") == "503 5.5.1 need RCPT command"
    async with serving(tmp_path / "spool") as server:
        assert await (await server.client()).ask("LHLO x.example") == "500 5.5.1 command unrecognised"


async def test_each_recipient_hears_its_verdict_in_the_order_of_rcpt(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", options=LMTP) as server:
        server.journey.verdicts = verdict
        again = "support@example.org"
        client = await client_of(server, "info@example.net", again, "partners@example.net", again)
        assert (await client.ask("RCPT TO:<nobody@example.org>")).startswith("550 5.1.1 ")
        assert (await client.data(b"x\r\n.\r\n")) == str(HELD)
        assert [(await client.reply())[:9] for _ in range(3)] == ["250 2.0.0", "550 5.7.1", "250 2.0.0"]
        assert await client.ask("NOOP") == "250 2.0.0 OK"
        envelope, _ = server.journey.mails[0]
        assert [str(recipient) for recipient in envelope.rcpt_to] == [
            "info@example.net",
            "support@example.org",
            "partners@example.net",
        ]
        assert envelope.lmtp
        assert envelope.hello == Hello("relay.example")
        assert envelope.relay == Relay("127.0.0.1", ToldBy.NOBODY)


async def test_one_reply_for_all_is_said_to_each(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", options=LMTP) as server:
        server.journey.fault = RuntimeError("a bug")
        client = await client_of(server, "a@example.net", "b@example.net")
        assert (await client.data(b"x\r\n.\r\n")).startswith("451 4.3.0 ")
        assert (await client.reply()).startswith("451 4.3.0 ")
        assert await client.ask("NOOP") == "250 2.0.0 OK"


async def test_octets_that_are_refused_are_refused_to_each(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", options=LMTP) as server:
        client = await client_of(server, "a@example.net", "b@example.net", "a@example.net")
        replies = [await client.data(b"bare\nnewline\r\n.\r\n"), await client.reply(), await client.reply()]
        assert {reply[:9] for reply in replies} == {"550 5.5.2"}
        assert [refusal.rcpt_to for refusal in server.journey.refusals] == ["a@example.net", "b@example.net"]
        assert await client.ask("NOOP") == "250 2.0.0 OK"


async def test_several_recipients_of_smtp_hear_one_reply(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool") as server:
        client = await (await server.client()).envelope("a@example.net", "b@example.net")
        assert (await client.data(b"x\r\n.\r\n")).startswith("250 ")
        assert await client.ask("NOOP") == "250 2.0.0 OK"
        assert not server.journey.mails[0][0].lmtp


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    journey = FakeJourney()
    limits = Limits("mx.example.org", max_connections_per_peer=1)
    listener = Listener(journey, limits, tmp_path)
    bound = bind_unix(path, 0o660)
    assert bound.name == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with pytest.raises(OSError, match="in use"):
        bind_unix(path, 0o660)
    await listener.listen(bound, LMTP)
    with pytest.raises(OSError, match="in use"):
        bind_unix(path, 0o660)
    first, second = [Client(*await asyncio.open_unix_connection(str(path))) for _ in range(2)]
    assert (await first.reply()).startswith("220 ")
    assert (await second.reply()).startswith("220 ")  # they are no peers of each other
    await second.close()
    await first.ask("LHLO relay.example")
    assert (await first.ask("MAIL FROM:<>")).startswith("250 ")
    assert (await first.ask("RCPT TO:<support@example.org>")).startswith("250 ")
    assert (await first.data(b"x\r\n.\r\n")).startswith("250 2.0.0 SUP-1")
    envelope, _ = journey.mails[0]
    assert (envelope.peer.ip, envelope.listener) == ("", f"unix:{path}")
    assert envelope.relay == Relay("", ToldBy.NOBODY)
    # Who may open it is believed: whose mail it is, XFORWARD tells.
    assert await first.ask("XFORWARD ADDR=192.0.2.1 HELO=box.example") == "250 2.0.0 noted"
    assert (await first.ask("MAIL FROM:<>")).startswith("250 ")
    assert (await first.ask("RCPT TO:<support@example.org>")).startswith("250 ")
    assert (await first.data(b"x\r\n.\r\n")).startswith("250 2.0.0 SUP-2")
    envelope, _ = journey.mails[1]
    assert (envelope.peer, envelope.hello) == (Peer("192.0.2.1"), Hello("box.example"))
    assert envelope.relay == Relay("", ToldBy.XCLIENT)
    await first.close()
    assert await listener.drain(GUARD) == 0
    assert not path.exists()


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("dear")
    with pytest.raises(OSError, match="in use"):
        bind_unix(tmp_path / "file", 0o660)
    assert (tmp_path / "file").read_text() == "dear"
