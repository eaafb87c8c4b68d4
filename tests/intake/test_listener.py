"""Deadlines, caps and the end: with small limits, over a real socket."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from smtpintake.intake.bound import bind
from smtpintake.intake.limits import Limits
from smtpintake.intake.listener import Listener
from smtpintake.intake.sessions import Sessions
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS, Reply
from tests.intake.smtpserver import GUARD, FakeJourney, serving

IDLE = str(REFUSALS[Reason.CONNECT_IDLE])
SLOW = str(REFUSALS[Reason.CONNECT_SLOW])
DRAINING = str(REFUSALS[Reason.CONNECT_DRAINING])


@pytest.mark.parametrize("said", [b"", b"NO", b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n"])
async def test_an_idle_client_is_told_and_closed(tmp_path: Path, said: bytes) -> None:
    async with serving(tmp_path / "spool", idle_timeout=0.1) as server:
        client = await server.client()
        await client.send(said)
        await client.replies(said.count(b"\r\n"))
        assert await client.reply() == IDLE
        assert await client.reply() == ""


async def test_a_command_must_be_whole_in_time_however_it_trickles(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", idle_timeout=0.2) as server:
        client = await server.client()
        reply = asyncio.create_task(client.reply())
        while not reply.done():
            await client.send(b"x")
            await asyncio.sleep(0.02)
        assert await reply == IDLE


async def test_an_idle_message_is_told_and_forgotten(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", idle_timeout=0.2) as server:
        client = await (await server.client()).envelope()
        await client.ask("DATA")
        await client.send(b"x" * 600_000)
        assert await client.reply() == IDLE
        assert await client.reply() == ""
        assert not server.journey.mails


async def test_a_slow_message_is_told(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", idle_timeout=0.3, min_data_rate=1 << 20) as server:
        client = await (await server.client()).envelope()
        await client.ask("DATA")
        reply = asyncio.create_task(client.reply())
        while not reply.done():
            await client.send(b"x")
            await asyncio.sleep(0.02)
        assert await reply == SLOW


async def test_our_own_work_has_no_deadline(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", idle_timeout=0.1) as server:
        server.journey.gate.clear()
        client = await (await server.client()).envelope()
        await client.ask("DATA")
        await client.send(b".\r\n")
        other = await server.client()
        assert await other.reply() == IDLE  # one whole deadline has passed meanwhile
        server.journey.gate.set()
        assert (await client.reply()).startswith("250 2.0.0 SUP-1 created")


async def test_a_client_that_reads_nothing_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", idle_timeout=0.2, max_junk=1 << 30) as server:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", server.port))
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(loop.sock_sendall(client, b"HELP\r\n" * 10_000_000), GUARD)
        assert not len(server.listener.sessions)


@pytest.mark.parametrize("command", ["NOOP", "RSET", "EHLO x", "HELP", "VRFY a", "NONSENSE", "MAIL FROM:<a", ""])
async def test_idle_talk_has_an_end(tmp_path: Path, command: str) -> None:
    async with serving(tmp_path / "spool", max_junk=5) as server:
        client = await server.client()
        for _ in range(6):
            assert not (await client.ask(command)).startswith("421")
        assert await client.reply() == str(REFUSALS[Reason.COMMAND_LIMIT])
        assert await client.reply() == ""


async def test_guessing_recipients_has_an_end(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", max_junk=5) as server:
        client = await (await server.client()).envelope()
        for number in range(5):
            assert (await client.ask(f"RCPT TO:<guess{number}@example.org>")).startswith("550 5.1.1")
        assert await client.reply() == str(REFUSALS[Reason.COMMAND_LIMIT])


async def test_recipients_beyond_the_limit_have_an_end(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", max_junk=5, max_recipients=1, max_overshoot=20) as server:
        client = await (await server.client()).envelope()
        for number in range(20 + 5):
            assert (await client.ask(f"RCPT TO:<more{number}@example.net>")).startswith("452 4.5.3 rcpt.limit")
        assert await client.reply() == str(REFUSALS[Reason.COMMAND_LIMIT])
    async with serving(tmp_path / "spool", max_junk=5, max_recipients=1, max_overshoot=20) as server:
        client = await (await server.client()).envelope()
        for number in range(20):
            assert (await client.ask(f"RCPT TO:<more{number}@example.net>")).startswith("452 4.5.3 rcpt.limit")
        assert (await client.data(b".\r\n")).startswith("250 ")


async def test_who_sends_mail_may_talk(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", max_junk=5) as server:
        client = await server.client()
        for _ in range(5):
            await client.envelope()
            assert await client.ask("NOOP") == "250 2.0.0 OK"
            assert (await client.data(b".\r\n")).startswith("250 ")
            assert await client.ask("RSET") == "250 2.0.0 flushed"


@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "POST /x HTTP/1.1", "CONNECT mx:25 HTTP/1.1"])
async def test_a_browser_is_not_served(tmp_path: Path, request_line: str) -> None:
    async with serving(tmp_path / "spool") as server:
        client = await server.client()
        await client.send(request_line.encode() + b"\r\nHost: mx\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.example>\r\n")
        assert await client.reply() == "500 5.5.1 command unrecognised"
        with suppress(ConnectionError):  # closed with octets of it unread
            assert await client.reply() == ""


async def test_a_line_without_end_is_not_read_for_ever(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool") as server:
        client = await server.client()
        with pytest.raises(ConnectionError):
            await client.send(b"x" * (64 << 20))
        assert not server.journey.refusals


async def test_caps_in_total_and_per_peer(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", max_connections=10, max_connections_per_peer=2) as server:
        first = await server.client()
        await server.client()
        refused = await server.connect()
        assert await refused.reply() == str(REFUSALS[Reason.CONNECT_LIMIT])
        assert await refused.reply() == ""
        assert await first.ask("QUIT") == "221 2.0.0 bye"
        assert await first.reply() == ""
        await server.client()
    async with serving(tmp_path / "spool", max_connections=2, max_connections_per_peer=10) as server:
        await server.client()
        await server.client()
        assert await (await server.connect()).reply() == str(REFUSALS[Reason.CONNECT_OVERLOAD])


class _Nobody:
    def drain(self) -> None: ...

    def cut_off(self) -> None: ...


async def test_an_ipv6_peer_is_its_network() -> None:
    sessions = Sessions(10, 1)
    one = _Nobody()
    assert sessions.admit(one, "2001:db8:0:1::1") is None
    assert sessions.admit(_Nobody(), "2001:db8:0:1:ffff::2") is Reason.CONNECT_LIMIT
    assert sessions.admit(_Nobody(), "2001:db8:0:2::1") is None
    assert sessions.admit(_Nobody(), "192.0.2.1") is None
    assert sessions.admit(_Nobody(), "192.0.2.2") is None
    sessions.leave(one)
    assert sessions.admit(_Nobody(), "2001:db8:0:1:ffff::2") is None


async def test_draining_tells_the_idle_and_waits_for_the_others(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool") as server:
        server.journey.gate.clear()
        idle = await (await server.client()).hello()
        starting = await (await server.client()).envelope()
        committing = await (await server.client()).envelope()
        await committing.ask("DATA")
        await committing.send(b"one\r\n.\r\n")
        await asyncio.wait_for(server.journey.entered.wait(), GUARD)
        drained = asyncio.create_task(server.listener.drain(GUARD))

        assert await idle.reply() == DRAINING
        assert await idle.reply() == ""
        with pytest.raises(ConnectionError):
            await server.connect()
        await starting.ask("DATA")
        await starting.send(b"two\r\n.\r\n")
        assert not drained.done()
        server.journey.gate.set()
        for client in (starting, committing):
            assert (await client.reply()).startswith("250 2.0.0 SUP-")
            assert await client.reply() == DRAINING
            assert await client.reply() == ""
        assert await drained == 0


async def test_draining_has_a_deadline(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool") as server:
        server.journey.gate.clear()
        waiting = await (await server.client()).envelope()
        sending = await (await server.client()).envelope()
        await sending.ask("DATA")
        await sending.send(b"x" * 600_000)
        committing = await (await server.client()).envelope()
        await committing.ask("DATA")
        await committing.send(b"one\r\n.\r\n")
        await asyncio.wait_for(server.journey.entered.wait(), GUARD)
        assert await server.listener.drain(0.05) == 3
        assert await waiting.reply() == DRAINING
        assert await sending.reply() == DRAINING
        assert await committing.reply() == ""
        # What was under way still comes to its end, if the process lives to see it.
        server.journey.gate.set()
        await asyncio.wait_for(server.journey.finished.wait(), GUARD)


async def test_two_listeners_share_an_address(tmp_path: Path) -> None:
    first = Listener(FakeJourney(), Limits("mx.example.org"), tmp_path)
    second = Listener(FakeJourney(), Limits("mx.example.org"), tmp_path)
    bound = bind("127.0.0.1", 0, reuse_port=True)
    port = bound.socket.getsockname()[1]
    shared = bind("127.0.0.1", port, reuse_port=True)
    assert bound.name == shared.name == f"127.0.0.1:{port}"
    await first.listen(bound)
    await second.listen(shared)
    with pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", port)
    assert await first.drain(1) == await second.drain(1) == 0


async def test_who_connects_before_the_server_is_ready_is_refused_and_not_kept_waiting(tmp_path: Path) -> None:
    bound = bind("127.0.0.1", 0)
    rival = bind("127.0.0.1", bound.socket.getsockname()[1])  # it begins at the same moment
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*bound.socket.getsockname())
    listener = Listener(FakeJourney(), Limits("mx.example.org"), tmp_path)
    await listener.listen(bound)
    with pytest.raises(OSError, match="in use"):
        await Listener(FakeJourney(), Limits("mx.example.org"), tmp_path).listen(rival)
    rival.socket.close()
    assert await listener.drain(1) == 0


async def test_large_messages_at_once_hold_little_memory(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", max_memory=2 << 20) as server:
        greatest = 0
        message = b"x" * 76 + b"\r\n"

        async def send() -> None:
            nonlocal greatest
            client = await (await server.client()).envelope()
            await client.ask("DATA")
            for _ in range(48):
                await client.send(message * 800)
                greatest = max(greatest, server.listener.space.in_memory)
            await client.send(b".\r\n")
            assert (await client.reply()).startswith("250 ")

        await asyncio.gather(*(send() for _ in range(10)))
        assert greatest < 6 << 20
        assert [len(octets) for _, octets in server.journey.mails] == [48 * 800 * len(message)] * 10


def test_every_reply_is_one_line() -> None:
    for reply in REFUSALS.values():
        assert isinstance(reply, Reply)
        assert len(str(reply.logged("0" * 16))) <= 510
