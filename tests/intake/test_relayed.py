"""Clients behind a relay, over real sockets: who is believed, whom the envelope names, who is counted."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smtpintake.intake.certificate import Certificate
from smtpintake.intake.options import Options, TlsMode
from smtpintake.intake.relay import TrustedRelays
from smtpintake.mail.envelope import Hello, Peer, Relay, ToldBy
from tests.certificates import NAME, issue, trusting
from tests.intake.smtpserver import GUARD, Client, Server, serving
from tests.intake.test_relay import SIGNATURE, V4, binary

STRANGER, PROXY, XCLIENT, RECEIVED, NOBODY = (f"127.0.0.{last}" for last in range(1, 6))
RELAYS = TrustedRelays.of(
    (ipaddress.ip_network(ip), told)
    for ip, told in (
        (PROXY, ToldBy.PROXY),
        (XCLIENT, ToldBy.XCLIENT),
        (RECEIVED, ToldBy.RECEIVED),
        (NOBODY, ToldBy.NOBODY),
    )
)
LINE = b"PROXY TCP4 192.0.2.1 127.0.0.1 51234 25\r\n"
OFFERED = [
    "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT",
    "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
]


@pytest.fixture
async def relayed(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path / "spool", RELAYS, max_connections_per_peer=2) as server:
        yield server


async def greeted(server: Server, source: str, first: bytes = b"") -> Client:
    client = await server.connect(source)
    await client.send(first)
    assert (await client.reply()).startswith("220 mx.example.org ")
    return client


async def told(server: Server, client: Client, *, ready: bool = False) -> tuple[Peer, Hello, Relay | None]:
    """What the envelope says of the client of a mail that is sent now."""
    if not ready:
        await client.hello()
    assert await client.ask("MAIL FROM:<cara@customer.example>") == "250 2.1.0 sender OK"
    assert await client.ask("RCPT TO:<support@example.org>") == "250 2.1.5 recipient OK"
    assert (await client.data(b"x\r\n.\r\n")).startswith("250 ")
    envelope, _ = server.journey.mails[-1]
    return envelope.peer, envelope.hello, envelope.relay


SELF = Hello("client.example")


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (LINE, Peer("192.0.2.1", 51234)),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 51234 25\r\n", Peer("2001:db8::1", 51234)),
        (binary(0x21, 0x11, V4 + b"\x04\0\x03abc"), Peer("192.0.2.1", 51234)),
    ],
)
async def test_a_proxy_names_its_client_before_everything(relayed: Server, header: bytes, client: Peer) -> None:
    connection = await greeted(relayed, PROXY, header)
    assert await told(relayed, connection) == (client, SELF, Relay(PROXY, ToldBy.PROXY))


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", binary(0x20, 0), binary(0x21, 0)])
async def test_a_proxy_that_cannot_tell_leaves_the_client_unknown(relayed: Server, header: bytes) -> None:
    peer, hello, relay = await told(relayed, await greeted(relayed, PROXY, header))
    assert (peer.ip, hello, relay) == (PROXY, SELF, Relay(PROXY, ToldBy.NOBODY))


async def test_a_header_that_comes_in_pieces_and_with_commands_behind_it(relayed: Server) -> None:
    client = await relayed.connect(PROXY)
    for octet in binary(0x21, 0x11, V4):
        await client.send(bytes((octet,)))
        await asyncio.sleep(0)
    assert (await client.reply()).startswith("220 ")
    other = await greeted(relayed, PROXY, LINE + b"EHLO early.example\r\n")
    assert (await other.reply()).startswith("250-mx.example.org")
    assert await told(relayed, other, ready=True) == (
        Peer("192.0.2.1", 51234),
        Hello("early.example"),
        Relay(PROXY, ToldBy.PROXY),
    )


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_header_stands_before_tls(tmp_path: Path, at_once: bool) -> None:
    certificate = Certificate(*issue(tmp_path))
    options = Options(tls=TlsMode.IMPLICIT)
    async with serving(tmp_path / "spool", RELAYS, options=options, certificate=certificate) as server:
        client = await server.connect(PROXY)
        sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trusting().wrap_bio(received, sent, server_hostname=NAME)
        greeting = b""
        first = LINE
        while not greeting:
            with suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                greeting = tls.read()
            if first and not at_once:
                await client.send(first)
                first = b""
            await client.send(first + sent.read())
            first = b""
            if not greeting:
                received.write(await asyncio.wait_for(client.reader.read(65536), GUARD))
        assert greeting.startswith(b"220 mx.example.org ")
        tls.write(b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n")
        tls.write(b"x\r\n.\r\n")
        await client.send(sent.read())
        await asyncio.wait_for(server.journey.finished.wait(), GUARD)
        envelope, _ = server.journey.mails[0]
        assert (envelope.peer, envelope.relay) == (Peer("192.0.2.1", 51234), Relay(PROXY, ToldBy.PROXY))
        assert (envelope.tls or "").startswith("TLSv1.3 ")


@pytest.mark.parametrize("first", [b"EHLO client.example\r\n", b"PROXY TCP4 nonsense\r\n", SIGNATURE + b"\x31\0\0\0"])
async def test_without_its_header_a_proxy_is_not_heard(relayed: Server, first: bytes) -> None:
    with capture_logs() as journal:
        client = await relayed.connect(PROXY)
        await client.send(first)
        assert (await client.reply()).startswith("421 4.7.0 connect.proxy: ")
        assert await client.reply() == ""
    (line,) = journal
    assert (line["event"], line["peer"]) == ("session ended", PROXY)
    assert line["detail"].startswith("connect.proxy: ")


async def test_a_header_must_come_in_time(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", RELAYS, proxy_timeout=0.01) as server:
        client = await server.connect(PROXY)
        await client.send(LINE[:-1])
        assert (await client.reply()).startswith("421 4.7.0 connect.proxy: ")
        assert await client.reply() == ""


async def test_a_health_check_is_no_news_but_half_a_header_is(relayed: Server) -> None:
    with capture_logs() as journal:
        for octets in (b"", LINE[:9]):
            client = await relayed.connect(PROXY)
            await client.send(octets)
            client.writer.write_eof()
            assert await client.reply() == ""
    assert [(line["event"], line["detail"]) for line in journal] == [
        ("connection lost", "closed by the client in the middle of the PROXY header")
    ]


@pytest.mark.parametrize("source", [STRANGER, XCLIENT, RECEIVED, NOBODY])
async def test_from_anybody_else_a_proxy_header_is_no_command(relayed: Server, source: str) -> None:
    client = await greeted(relayed, source)
    assert (await client.ask(LINE.strip())).startswith("500 5.5.1 ")
    assert (await told(relayed, client))[0].ip == source


async def test_the_clients_of_a_proxy_are_counted_and_the_proxy_is_not(relayed: Server) -> None:
    for _ in range(2):
        await greeted(relayed, PROXY, LINE)
    third = await relayed.connect(PROXY)
    await third.send(LINE)
    assert (await third.reply()).startswith("421 4.7.0 connect.limit: ")
    assert await third.reply() == ""
    for last in range(2, 6):
        await greeted(relayed, PROXY, LINE.replace(b"192.0.2.1", f"192.0.2.{last}".encode()))
    for source in (PROXY, PROXY, PROXY):
        await greeted(relayed, source, b"PROXY UNKNOWN\r\n")
    for _ in range(3):
        await greeted(relayed, RECEIVED)


async def test_xclient_starts_the_session_again_as_another_client(relayed: Server) -> None:
    client = await greeted(relayed, XCLIENT)
    hello = (await client.ask("EHLO relay.example")).splitlines()
    assert [line for line in hello if line.startswith("250-X")] == OFFERED
    attributes = "NAME=mx.customer.example ADDR=192.0.2.1 PORT=51234 HELO=box.example PROTO=ESMTP"
    assert (await client.ask(f"XCLIENT {attributes}")).startswith("220 mx.example.org ")
    assert await client.ask("MAIL FROM:<cara@customer.example>") == "503 5.5.1 send EHLO first"
    # What the relay said of HELO stands, whatever it calls itself; and stays for the next mail.
    for _ in range(2):
        assert await told(relayed, client) == (
            Peer("192.0.2.1", 51234),
            Hello("box.example"),
            Relay(XCLIENT, ToldBy.XCLIENT),
        )


async def test_xclient_again_adds_and_takes_back(relayed: Server) -> None:
    client = await greeted(relayed, XCLIENT)
    for command in ("XCLIENT ADDR=IPV6:2001:db8::1 HELO=box+2Ey", "xclient PROTO=SMTP"):
        assert (await client.ask(command)).startswith("220 ")
    assert await told(relayed, client) == (
        Peer("2001:db8::1"),
        Hello("box.y", extended=False),
        Relay(XCLIENT, ToldBy.XCLIENT),
    )
    assert (await client.ask("XCLIENT ADDR=[UNAVAILABLE] HELO=[TEMPUNAVAIL]")).startswith("220 ")
    peer, hello, relay = await told(relayed, client)
    assert (peer.ip, hello, relay) == (XCLIENT, SELF, Relay(XCLIENT, ToldBy.NOBODY))


async def test_xclient_is_for_relays_that_may_and_not_within_a_mail(relayed: Server) -> None:
    for source in (STRANGER, RECEIVED, NOBODY):
        client = await greeted(relayed, source)
        assert "250-X" not in await client.ask("EHLO client.example")
        for command in ("XCLIENT ADDR=192.0.2.1", "XFORWARD ADDR=192.0.2.1"):
            assert await client.ask(command) == "500 5.5.1 command unrecognised"
        assert (await told(relayed, client))[0].ip == source
    client = await greeted(relayed, XCLIENT)
    assert await client.ask("XFORWARD ADDR=192.0.2.1") == "503 5.5.1 send EHLO first"
    await client.envelope()
    for command in ("XCLIENT ADDR=192.0.2.1", "XFORWARD ADDR=192.0.2.1"):
        assert await client.ask(command) == "503 5.5.1 mail transaction in progress"
    assert await client.ask("RSET") == "250 2.0.0 flushed"
    for command in ("XCLIENT", "XCLIENT ADDR=nobody", "XFORWARD ADDR=192.0.2.1 IDENT", "XCLIENT SOURCE=LOCAL"):
        assert await client.ask(command) == "501 5.5.4 syntax error in the arguments"


async def test_before_xclient_the_client_is_unknown(relayed: Server) -> None:
    for source in (XCLIENT, NOBODY):
        peer, hello, relay = await told(relayed, await greeted(relayed, source))
        assert (peer.ip, hello, relay) == (source, SELF, Relay(source, ToldBy.NOBODY))
    peer, _, relay = await told(relayed, await greeted(relayed, RECEIVED))
    assert (peer.ip, relay) == (RECEIVED, Relay(RECEIVED, ToldBy.RECEIVED))
    peer, _, relay = await told(relayed, await greeted(relayed, STRANGER))
    assert (peer.ip, relay) == (STRANGER, None)


async def test_the_clients_that_xclient_names_are_counted(relayed: Server) -> None:
    clients = [await greeted(relayed, XCLIENT) for _ in range(4)]
    for client in clients[:2]:
        assert (await client.ask("XCLIENT ADDR=192.0.2.1")).startswith("220 ")
        assert (await client.ask("XCLIENT ADDR=192.0.2.1")).startswith("220 ")  # is the same session still
    assert (await clients[2].ask("XCLIENT ADDR=192.0.2.1")).startswith("421 4.7.0 connect.limit: ")
    assert await clients[2].reply() == ""
    assert (await clients[0].ask("XCLIENT ADDR=192.0.2.2")).startswith("220 ")
    assert (await clients[3].ask("XCLIENT ADDR=192.0.2.1")).startswith("220 ")


async def test_xforward_tells_of_one_mail(relayed: Server) -> None:
    client = await (await greeted(relayed, XCLIENT)).hello()
    for number, end in ((1, None), (2, "RSET"), (3, "EHLO client.example")):
        for command in (f"XFORWARD NAME=mx ADDR=192.0.2.{number} PORT=51234", "XFORWARD PROTO=SMTP HELO=box IDENT=4"):
            assert await client.ask(command) == "250 2.0.0 noted"
        if end:
            await client.ask(end)
        peer, hello, relay = await told(relayed, client, ready=True)
        if end:
            assert (peer.ip, hello, relay) == (XCLIENT, SELF, Relay(XCLIENT, ToldBy.NOBODY))
        else:
            expected = Peer("192.0.2.1", 51234), Hello("box", extended=False), Relay(XCLIENT, ToldBy.XCLIENT)
            assert (peer, hello, relay) == expected
    # A mail of the relay's own machine; it says HELO of it, which means nothing.
    assert await client.ask("XFORWARD ADDR=[UNAVAILABLE] HELO=localhost SOURCE=LOCAL") == "250 2.0.0 noted"
    peer, hello, relay = await told(relayed, client, ready=True)
    assert (peer.ip, hello, relay) == (XCLIENT, Hello(""), Relay(XCLIENT, ToldBy.NOBODY))


async def test_xforward_is_no_junk_however_often_it_comes(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", RELAYS, max_junk=10) as server:
        client = await (await greeted(server, XCLIENT)).hello()
        for _ in range(20):
            assert await client.ask("XFORWARD ADDR=192.0.2.1") == "250 2.0.0 noted"
        assert (await told(server, client, ready=True))[0].ip == "192.0.2.1"
