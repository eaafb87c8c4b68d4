"""What strangers hear who come too often, or who guess recipients: over a real socket, and without waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from smtpintake.intake.client import Client
from smtpintake.intake.greylist import Greylist, Patience
from smtpintake.intake.guards import Guards, Tarpit
from smtpintake.intake.limits import Rate
from smtpintake.intake.rates import Counted, Rates
from smtpintake.intake.relay import TrustedRelays
from smtpintake.mail.address import NULL_PATH, Mailbox, ReversePath
from smtpintake.mail.envelope import Listing, Login, Peer, Relay, ToldBy
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS
from smtpintake.net.dnsbl import Dnsbl
from smtpintake.net.resolver import Resolver
from smtpintake.net.zone import Action, Zone
from smtpintake.store.database import Database
from smtpintake.store.greylist import Triplet
from tests import make
from tests.dns import Server as DnsServer
from tests.dns import dns_server
from tests.intake.smtpserver import GUARD, Server, serving
from tests.intake.smtpserver import Client as SmtpClient

DAY = 86400
FOR_EVER = 3600.0  # seconds that no test waits
CARA = ReversePath(Mailbox.parse("Cara@Customer.example"))


def guards(*, tarpit: Tarpit | None = None, exempt: str = "", **rates: int) -> Guards:
    limited = {Counted(what): Rate(times, DAY) for what, times in rates.items()}
    networks = [ip_network(exempt)] if exempt else []
    return Guards(Rates(limited), tarpit, networks)


async def test_too_many_connections(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", guards=guards(connections=2)) as server:
        for _ in range(2):
            client = await server.client()
            assert await client.ask("QUIT") == "221 2.0.0 bye"
        refused = await server.connect()
        assert await refused.reply() == str(REFUSALS[Reason.CONNECT_RATE])
        assert await refused.reply() == ""
        assert not server.journey.refusals


async def test_too_many_mails_of_a_peer(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", guards=guards(mails=1)) as server:
        client = await (await server.client()).envelope()
        assert (await client.data(b".\r\n")).startswith("250 ")
        assert (await client.ask("MAIL FROM:<other@b.example>")).startswith("451 4.7.1 mail.rate: ")
        assert (await client.ask("RCPT TO:<support@example.org>")).startswith("503 ")
        (refusal,) = server.journey.refusals
        assert (refusal.reason, refusal.detail) == (Reason.MAIL_RATE, "more than 1 in 86400 s from 127.0.0.1")


async def test_too_many_mails_of_a_sender(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", guards=guards(sender=1)) as server:
        client = await (await server.client()).hello()
        for sender, expected in (
            ("cara@customer.example", "250"),
            ("CARA@customer.example", "451 4.7.1 sender.rate: "),
            ("other@customer.example", "250"),
            ("", "250"),
            ("", "250"),
        ):
            assert (await client.ask(f"MAIL FROM:<{sender}>")).startswith(expected), sender
            await client.ask("RSET")


async def test_who_is_over_a_rate_and_goes_on_is_closed(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", max_junk=5, guards=guards(sender=1)) as server:
        client = await (await server.client()).hello()
        await client.ask("MAIL FROM:<a@b.example>")
        await client.ask("RSET")
        for _ in range(4):
            assert (await client.ask("MAIL FROM:<a@b.example>")).startswith("451 ")
        assert await client.reply() == str(REFUSALS[Reason.COMMAND_LIMIT])


async def asked(guards: Guards, **values: Any) -> list[bool]:
    """Whether a second connection, mail and unknown recipient are refused, where one of each is allowed."""
    told = []
    for _ in range(2):
        client = Client("test", **({"peer": Peer("192.0.2.1")} | values))
        answers = (
            await guards.connect(client),
            await guards.mail(client, NULL_PATH),
            await guards.mail(client, CARA),
            await guards.unknown_recipient(client),
        )
        told = [answer is not None for answer in answers]
    return told


@pytest.mark.parametrize(
    ("guarded", "client", "refused"),
    [
        ({}, {}, [True, True, True, True]),
        ({}, {"relay": Relay("198.51.100.1", ToldBy.PROXY)}, [True, True, True, True]),
        ({}, {"relay": Relay("198.51.100.1", ToldBy.XCLIENT)}, [True, True, True, True]),
        ({}, {"relay": Relay("198.51.100.1", ToldBy.XCLIENT), "forwarded": True}, [False, False, True, False]),
        ({}, {"relay": Relay("192.0.2.1", ToldBy.RECEIVED)}, [False, False, True, False]),
        ({}, {"relay": Relay("192.0.2.1", ToldBy.NOBODY)}, [False, False, True, False]),
        ({}, {"login": Login("printer", ())}, [False, False, True, False]),
        ({"exempt": "192.0.2.0/24"}, {}, [False, False, False, False]),
        ({}, {"lmtp": True}, [False, False, False, False]),
        ({}, {"peer": Peer("")}, [False, False, False, False]),
    ],
)
async def test_who_is_guarded(guarded: dict[str, Any], client: dict[str, Any], refused: list[bool]) -> None:
    assert await asked(guards(connections=1, mails=2, sender=1, refused=1, **guarded), **client) == refused


async def test_a_network_is_one_peer() -> None:
    guarded = guards(connections=1)
    assert await guarded.connect(Client("test", Peer("2001:db8:0:1::1"))) is None
    assert await guarded.connect(Client("test", Peer("2001:db8:0:1:ffff::2"))) is Reason.CONNECT_RATE
    assert await guarded.connect(Client("test", Peer("2001:db8:0:2::1"))) is None


async def test_exempt_peers_are_not_capped(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", max_connections_per_peer=1, guards=guards(exempt="127.0.0.0/8")) as server:
        for _ in range(3):
            await server.client()


# ---- behind a relay that names its client ---------------------------------------------------------------------------

PROXY, XCLIENT = (TrustedRelays.of([(ip_network("127.0.0.1"), told)]) for told in (ToldBy.PROXY, ToldBy.XCLIENT))
both_relays = pytest.mark.parametrize("relay", [PROXY, XCLIENT], ids=["proxy", "xclient"])


async def named(server: Server, relay: TrustedRelays, ip: str) -> tuple[SmtpClient, str]:
    """A new session of the client at `ip`, and how it is greeted."""
    client = await server.connect()
    if relay is PROXY:
        await client.send(f"PROXY TCP4 {ip} 192.0.2.9 4711 25\r\n".encode())
        return client, await client.reply()
    assert (await client.reply()).startswith("220 ")
    return client, await client.ask(f"XCLIENT ADDR={ip} PORT=4711")


@both_relays
async def test_the_connections_of_a_named_client_are_counted(tmp_path: Path, relay: TrustedRelays) -> None:
    async with serving(tmp_path / "spool", relay, guards(connections=1)) as server:
        for ip, greeting in (("192.0.2.1", "220 "), ("192.0.2.2", "220 "), ("192.0.2.1", "421 4.7.0 connect.rate: ")):
            client, greeted = await named(server, relay, ip)
            assert greeted.startswith(greeting)
        assert await client.reply() == ""


@both_relays
async def test_the_mails_of_a_named_client_are_counted(tmp_path: Path, relay: TrustedRelays) -> None:
    async with serving(tmp_path / "spool", relay, guards(mails=1)) as server:
        for ip, reply in (("192.0.2.1", "250 "), ("192.0.2.2", "250 "), ("192.0.2.1", "451 4.7.1 mail.rate: ")):
            client, _ = await named(server, relay, ip)
            assert (await (await client.hello()).ask("MAIL FROM:<a@b.example>")).startswith(reply)
        (refusal,) = server.journey.refusals
        assert (refusal.peer.ip, refusal.detail) == ("192.0.2.1", "more than 1 in 86400 s from 192.0.2.1")


@both_relays
async def test_the_guesses_of_a_named_client_are_its_own(tmp_path: Path, relay: TrustedRelays) -> None:
    async with serving(tmp_path / "spool", relay, guards(tarpit=Tarpit(delay=0, end=2), refused=4)) as server:
        for ip, last in (("192.0.2.1", "421 4.7.0 rcpt.harvest: "), ("192.0.2.2", "421 4.7.0 rcpt.harvest: ")):
            client, _ = await named(server, relay, ip)
            await (await client.hello()).ask("MAIL FROM:<a@b.example>")
            assert [reply[:3] for reply in await guess(client, 2)] == ["550", "550"]
            assert (await guess(client, 1))[0].startswith(last)
        client, _ = await named(server, relay, "192.0.2.1")
        await (await client.hello()).ask("MAIL FROM:<a@b.example>")
        await guess(client, 1)
        _, greeting = await named(server, relay, "192.0.2.1")
        assert greeting.startswith("421 4.7.0 rcpt.harvest: ")
        _, greeting = await named(server, relay, "192.0.2.2")
        assert greeting.startswith("220 ")


@both_relays
async def test_a_named_client_is_greylisted(tmp_path: Path, relay: TrustedRelays, database: Database) -> None:
    async with serving(tmp_path / "spool", relay, Guards(greylist=Greylist(database, Patience()))) as server:
        client, _ = await named(server, relay, "192.0.2.1")
        await (await client.hello()).ask("MAIL FROM:<a@b.example>")
        assert (await client.ask("RCPT TO:<support@example.org>")).startswith("451 4.7.1 rcpt.greylist: ")
        (refusal,) = server.journey.refusals
        assert refusal.greylisted == Triplet("192.0.2.0/24", "a@b.example", "support")


async def test_one_session_of_a_relay_brings_many_clients(tmp_path: Path) -> None:
    """What one of them has done is not the next one's, and the relay is limited for none."""
    async with serving(
        tmp_path / "spool", XCLIENT, guards(tarpit=Tarpit(after=0, delay=0, end=2), connections=1, mails=1), max_junk=5
    ) as server:
        client = await server.client()
        for number in range(1, 6):
            assert (await client.ask(f"XCLIENT ADDR=192.0.2.{number}")).startswith("220 ")
            await (await client.hello()).ask("MAIL FROM:<a@b.example>")
            assert [reply[:3] for reply in await guess(client, 2)] == ["550", "550"]
            await client.ask("RSET")
        assert (await client.ask("XCLIENT ADDR=192.0.2.1")).startswith("421 4.7.0 connect.rate: ")


async def test_a_client_whose_mail_is_forwarded_is_not_guarded(tmp_path: Path) -> None:
    """The relay has taken the mail: a refusal would be a bounce of its, to a sender that may be forged."""
    async with serving(
        tmp_path / "spool", XCLIENT, guards(tarpit=Tarpit(end=0), connections=1, mails=1, refused=1)
    ) as server:
        client = await (await server.client()).hello()
        for _ in range(3):
            assert (await client.ask("XFORWARD ADDR=192.0.2.1")).startswith("250 ")
            assert (await client.ask("MAIL FROM:<a@b.example>")).startswith("250 ")
            assert (await guess(client, 1))[0].startswith("550 5.1.1 ")
            assert (await client.ask("RCPT TO:<support@example.org>")).startswith("250 ")
            assert (await client.data(b".\r\n")).startswith("250 ")
        # After its mails the relay is itself again, and then somebody else.
        assert (await client.ask("XCLIENT ADDR=192.0.2.1")).startswith("220 ")
        await (await client.hello()).ask("MAIL FROM:<a@b.example>")
        assert (await guess(client, 1))[0].startswith("421 4.7.0 rcpt.harvest: ")


# ---- the tarpit ---------------------------------------------------------------------------------------------------


def test_the_tarpit_grows_up_to_a_bound() -> None:
    tarpit = Tarpit(after=3, delay=0.5, end=20)
    assert [tarpit.penalty(number) for number in range(7)] == [0, 0, 0, 0, 0.5, 1.0, 1.5]
    assert tarpit.penalty(1000) == 5.0


async def guess(client: SmtpClient, count: int) -> list[str]:
    return [await client.ask(f"RCPT TO:<guess{number}@example.org>") for number in range(count)]


async def test_guesses_are_slowed_down_and_ended(tmp_path: Path) -> None:
    pit = Tarpit(after=2, delay=0.01, end=4)
    async with serving(tmp_path / "spool", guards=guards(tarpit=pit)) as server:
        client = await (await server.client()).envelope()
        assert [reply[:25] for reply in await guess(client, 4)] == ["550 5.1.1 rcpt.unknown: n"] * 4
        assert (await client.ask("RCPT TO:<another@example.org>")).startswith("421 4.7.0 rcpt.harvest: ")
        assert await client.reply() == ""
        reasons = [refusal.reason for refusal in server.journey.refusals]
        assert reasons == [Reason.RCPT_UNKNOWN] * 4 + [Reason.RCPT_HARVEST]


async def test_a_guess_is_logged_at_once_and_answered_late(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", guards=guards(tarpit=Tarpit(after=0, delay=FOR_EVER))) as server:
        client = await (await server.client()).envelope()
        reply = asyncio.create_task(client.ask("RCPT TO:<guess@example.org>"))
        await until(lambda: len(server.journey.refusals) == 1)
        other = await (await server.client()).envelope()
        assert (await other.data(b".\r\n")).startswith("250 ")  # nobody else waits
        assert not reply.done()
        drained = asyncio.create_task(server.listener.drain(GUARD))
        assert (await reply).startswith("550 5.1.1")  # who drains keeps nobody
        assert (await client.ask("RCPT TO:<other@example.org>")).startswith("550 5.1.1")
        assert await client.ask("QUIT") == "221 2.0.0 bye"
        assert await drained == 0


async def test_who_goes_while_it_waits_is_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", guards=guards(tarpit=Tarpit(after=0, delay=FOR_EVER))) as server:
        client = await (await server.client()).envelope()
        await client.send(b"RCPT TO:<guess@example.org>\r\n")
        await until(lambda: len(server.journey.refusals) == 1)
        await client.close()
        await until(lambda: not len(server.listener.sessions))


async def test_guesses_over_several_sessions(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", guards=guards(refused=3)) as server:
        for count in (2, 1):
            client = await (await server.client()).envelope()
            assert all(reply.startswith("550 ") for reply in await guess(client, count))
            await client.ask("QUIT")
        refused = await server.connect()
        assert await refused.reply() == str(REFUSALS[Reason.RCPT_HARVEST])
        assert await refused.reply() == ""


async def test_a_session_that_is_over_the_rate_ends(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", guards=guards(refused=1)) as server:
        client = await (await server.client()).envelope()
        assert [reply[:3] for reply in await guess(client, 2)] == ["550", "421"]
        assert await client.reply() == ""


async def test_a_recipient_that_is_switched_off_is_no_guess(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", guards=guards(tarpit=Tarpit(after=0, delay=FOR_EVER))) as server:
        server.journey.rules = make.policy(active=False)
        client = await (await server.client()).hello()
        await client.ask("MAIL FROM:<a@b.example>")
        assert (await client.ask("RCPT TO:<support@example.org>")).startswith("550 5.2.1")


# ---- block lists ----------------------------------------------------------------------------------------------------

LISTED, LABEL = "198.41.0.4", "4.0.41.198"


@asynccontextmanager
async def listing(
    tmp_path: Path, zone: dict[str, str], relay: TrustedRelays = PROXY, **actions: Action
) -> AsyncIterator[tuple[Server, DnsServer]]:
    """A server behind a relay that asks the lists `NAME.example`; `zone` has what those answer for LISTED."""
    records = {f"{LABEL}.{name}.example": {"A": code, "TXT": "buy a delisting"} for name, code in zone.items()}
    with dns_server(records) as dns:
        async with Resolver([dns.address]) as resolver:
            zones = [Zone(f"{name}.example", (), action) for name, action in actions.items()]
            asking = Guards(dnsbl=Dnsbl(resolver, zones))
            async with serving(tmp_path / "spool", relays=relay, guards=asking) as server:
                yield server, dns


async def from_(server: Server, ip: str) -> SmtpClient:
    """A client behind the proxy, greeted."""
    client, greeting = await named(server, PROXY, ip)
    assert greeting.startswith("220 ")
    return await client.hello()


@pytest.mark.parametrize(
    ("zone", "actions", "reply"),
    [
        ({"a": "127.0.0.2"}, {"a": Action.REJECT}, "550 5.7.1 peer.listed: "),
        ({"a": "127.0.0.2"}, {"a": Action.DEFER}, "451 4.7.1 peer.deferred: "),
        ({"a": "127.0.0.2"}, {"a": Action.MARK}, "250 2.1.5"),
        ({}, {"a": Action.REJECT}, "250 2.1.5"),
        ({"a": "127.0.0.2", "b": "127.0.0.2"}, {"a": Action.DEFER, "b": Action.REJECT}, "550 5.7.1 peer.listed: "),
        ({"a": "127.0.0.2", "b": "127.0.0.2"}, {"a": Action.MARK, "b": Action.DEFER}, "451 4.7.1 peer.deferred: "),
    ],
)
async def test_who_is_listed(tmp_path: Path, zone: dict[str, str], actions: dict[str, Action], reply: str) -> None:
    async with listing(tmp_path, zone, **actions) as (server, _):
        client = await from_(server, LISTED)
        assert (await client.ask("MAIL FROM:<a@b.example>")).startswith("250 ")
        assert (await client.ask("RCPT TO:<support@example.org>")).startswith(reply)


async def test_a_client_that_xclient_names_is_looked_up_and_the_next_one_by_itself(tmp_path: Path) -> None:
    async with listing(tmp_path, {"a": "127.0.0.2"}, XCLIENT, a=Action.REJECT) as (server, dns):
        client = await server.client()
        for ip, reply in ((LISTED, "550 5.7.1 peer.listed: "), ("198.41.0.5", "250 2.1.5")):
            assert (await client.ask(f"XCLIENT ADDR={ip}")).startswith("220 ")
            await (await client.hello()).ask("MAIL FROM:<a@b.example>")
            assert (await client.ask("RCPT TO:<support@example.org>")).startswith(reply)
            await client.ask("RSET")
        assert sorted(name for name, _ in dns.queries) == [f"{LABEL}.a.example", "5.0.41.198.a.example"]


async def test_the_reply_names_the_list_and_nothing_that_it_says(tmp_path: Path) -> None:
    async with listing(tmp_path, {"a": "127.0.0.2"}, a=Action.REJECT) as (server, _):
        client = await from_(server, LISTED)
        await client.ask("MAIL FROM:<a@b.example>")
        reply = await client.ask("RCPT TO:<support@example.org>")
        assert "on a block list that we ask (a.example); log " in reply
        (refusal,) = server.journey.refusals
        assert refusal.detail == "a.example lists 198.41.0.4: 127.0.0.2"


async def test_a_mark_goes_with_the_mail(tmp_path: Path) -> None:
    async with listing(tmp_path, {"a": "127.0.0.2"}, a=Action.MARK) as (server, _):
        client = await from_(server, LISTED)
        await client.ask("MAIL FROM:<a@b.example>")
        await client.ask("RCPT TO:<support@example.org>")
        assert (await client.data(b".\r\n")).startswith("250 ")
        ((envelope, _),) = server.journey.mails
        assert envelope.listings == (Listing("a.example", ("127.0.0.2",)),)


async def test_the_greeting_does_not_wait_for_the_lists(tmp_path: Path) -> None:
    async with listing(tmp_path, {"a": "127.0.0.2"}, a=Action.REJECT) as (server, dns):
        dns.holding = True
        client = await from_(server, LISTED)
        assert (await client.ask("MAIL FROM:<a@b.example>")).startswith("250 ")
        refused = asyncio.create_task(client.ask("RCPT TO:<support@example.org>"))
        await until(lambda: dns.count(f"{LABEL}.a.example", "A") == 1)
        assert not refused.done()
        dns.release()
        assert (await refused).startswith("550 5.7.1 peer.listed")


async def test_who_leaves_is_asked_about_no_more(tmp_path: Path) -> None:
    async with listing(tmp_path, {}, a=Action.REJECT) as (server, dns):
        dns.holding = True
        client = await from_(server, LISTED)
        assert await client.ask("QUIT") == "221 2.0.0 bye"
        await until(lambda: not len(server.listener.sessions))


async def test_private_peers_are_not_asked_about(tmp_path: Path) -> None:
    async with listing(tmp_path, {}, a=Action.REJECT) as (server, dns):
        client = await from_(server, "192.168.1.7")
        await client.ask("MAIL FROM:<a@b.example>")
        assert (await client.ask("RCPT TO:<support@example.org>")).startswith("250 ")
        assert not dns.queries


# ---- slow clients ---------------------------------------------------------------------------------------------------


async def test_without_a_least_rate_a_slow_message_is_taken(tmp_path: Path) -> None:
    async with serving(tmp_path / "spool", idle_timeout=0.3, min_data_rate=0) as server:
        client = await (await server.client()).envelope()
        await client.ask("DATA")
        loop = asyncio.get_running_loop()
        ends = loop.time() + 0.6
        while loop.time() < ends:
            await client.send(b"x\r\n")
            await asyncio.sleep(0.02)
        await client.send(b".\r\n")
        assert (await client.reply()).startswith("250 ")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(GUARD):
        while not condition():
            await asyncio.sleep(0.005)
