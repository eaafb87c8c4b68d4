"""Queries over UDP: where they come from, and whom their replies are believed. The server is a socket of the test's."""

import asyncio
import socket
from collections.abc import AsyncIterator
from itertools import count

import pytest
from dnslib import QTYPE, RR, A, DNSRecord

from smtpintake.net import dnswire, ports
from smtpintake.net.dnswire import Query, RdType, random_numbers
from smtpintake.net.nameserver import Nameserver
from smtpintake.net.ports import ENOUGH, Ports

PATIENCE = 60.0  # seconds: a hang guard, no measurement


class Scene:
    """A name server that says what a test makes it say, and our ports to it."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self.ports = Ports(Nameserver(*self.socket.getsockname()), random_numbers())
        self.idents = count()

    def query(self, name: str = "example.org", ident: int | None = None) -> Query:
        wire = dnswire.name(name)
        assert wire is not None
        return Query(wire, RdType.A, next(self.idents) if ident is None else ident)

    def asked(self, query: Query) -> "asyncio.Task[dnswire.Message | None]":
        return asyncio.create_task(self.ports.ask(query, PATIENCE))

    async def heard(self) -> tuple[DNSRecord, tuple[str, int]]:
        octets, client = await asyncio.get_running_loop().sock_recvfrom(self.socket, 512)
        return DNSRecord.parse(octets), client

    def say(self, asked: DNSRecord, address: str, client: tuple[str, int]) -> None:
        reply = asked.reply()
        reply.add_answer(RR(asked.q.qname, QTYPE.A, rdata=A(address), ttl=60))
        self.socket.sendto(reply.pack(), client)

    async def served(self, number: int) -> list[int]:
        """Answer so many queries; the ports that they came from."""
        sources = []
        for _ in range(number):
            asked, client = await self.heard()
            self.say(asked, "192.0.2.1", client)
            sources.append(client[1])
        return sources


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    scene.ports.close()
    scene.socket.close()


def told(message: dnswire.Message | None) -> list[str]:
    assert message is not None
    return [record.data for record in message.records]


async def test_the_first_queries_come_from_ports_of_their_own(scene: Scene) -> None:
    asking = [scene.asked(scene.query()) for _ in range(100)]
    assert len(set(await scene.served(100))) == 100
    await asyncio.gather(*asking)


async def test_later_ones_from_any_of_them_and_none_for_long(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "MAX_USES", 4)
    sources = []
    for _ in range(200):
        asking = scene.asked(scene.query())
        sources += await scene.served(1)
        await asking
    assert len(set(sources)) >= 200 / 4
    assert len(set(sources[50:60])) > 2  # in no order


async def test_a_port_is_closed_when_its_time_is_over(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "LIFETIME", 0.0)
    monkeypatch.setattr(ports, "ENOUGH", 1)
    asking = scene.asked(scene.query())
    asked, client = await scene.heard()
    other = scene.asked(scene.query())
    assert (await scene.served(1))[0] != client[1]
    await other
    # What it was asked before is waited for.
    scene.say(asked, "192.0.2.1", client)
    assert told(await asking) == ["192.0.2.1"]


async def test_a_reply_must_have_the_id_and_the_question(scene: Scene) -> None:
    asking = scene.asked(scene.query("example.org"))
    asked, client = await scene.heard()
    scene.socket.sendto(b"", client)
    scene.socket.sendto(b"\0", client)
    scene.socket.sendto(asked.pack(), client)  # no reply
    for name, rdtype in (("example.com", "A"), ("example.org", "AAAA")):
        other = DNSRecord.question(name, rdtype)
        other.header.id = asked.header.id
        scene.say(other, "192.0.2.66", client)
    other = DNSRecord.parse(asked.pack())
    other.header.id ^= 1
    scene.say(other, "192.0.2.66", client)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        reply = asked.reply()
        reply.add_answer(RR("example.org", QTYPE.A, rdata=A("192.0.2.66"), ttl=60))
        stranger.sendto(reply.pack(), client)
    scene.say(asked, "192.0.2.1", client)
    assert told(await asking) == ["192.0.2.1"]


async def test_queries_with_the_same_id_have_different_ports(scene: Scene) -> None:
    warm = [scene.asked(scene.query()) for _ in range(ENOUGH)]
    await scene.served(ENOUGH)
    await asyncio.gather(*warm)
    asking = {name: scene.asked(scene.query(name, 7)) for name in ("a.example", "b.example", "c.example")}
    heard = [await scene.heard() for _ in asking]
    assert len({client for _, client in heard}) == 3
    for asked, client in heard:
        scene.say(asked, {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}[str(asked.q.qname)[0]], client)
    assert [told(await reply) for reply in asking.values()] == [["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"]]


async def test_silence_ends_in_time(scene: Scene) -> None:
    with pytest.raises(TimeoutError):
        await scene.ports.ask(scene.query(), 0.01)


async def test_where_nobody_listens_all_who_wait_hear_of_it(scene: Scene) -> None:
    scene.socket.close()
    results = await asyncio.gather(*(scene.asked(scene.query()) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(result, ConnectionRefusedError) for result in results)


def test_ids_cannot_be_guessed() -> None:
    numbers = random_numbers()
    drawn = [next(numbers) for _ in range(10_000)]
    assert 0 <= min(drawn) < 256
    assert 1 << 16 > max(drawn) > (1 << 16) - 256
    assert len(set(drawn)) > 9000
