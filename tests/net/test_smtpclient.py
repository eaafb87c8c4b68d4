"""The smarthost client against a real server: what each behaviour comes to, and that nothing is raised."""

import asyncio
import ssl
from dataclasses import replace
from typing import Any

import pytest

from smtpintake.net.smarthost import Smarthost, Tls
from smtpintake.net.smtpclient import Connection, Deferred, Failed, Result, Sent
from tests.smarthost import CERTIFICATE, DROP, Host, listening

MAIL = b"From: support@example.org\r\nSubject: s\r\n\r\n.dot\r\nbody\r\n"


def smarthost(host: Host, **values: Any) -> Smarthost:
    return Smarthost(**{"host": "127.0.0.1", "port": host.port, "hello": "intake.example", "timeout": 10.0} | values)


async def send(target: Smarthost, rcpt_to: str = "cara@customer.example", octets: bytes = MAIL) -> Result:
    connection = Connection(target)
    try:
        return await connection.send("", rcpt_to, octets)
    finally:
        await connection.close()


async def test_a_mail_arrives_as_it_is_from_the_null_reverse_path() -> None:
    async with listening(Host()) as host:
        assert await send(smarthost(host)) == Sent("250 OK")
    [envelope] = host.taken
    assert envelope.mail_from in ("", "<>")
    assert envelope.rcpt_tos == ["cara@customer.example"]
    assert envelope.content == MAIL


@pytest.mark.parametrize(
    ("stage", "reply", "result"),
    [
        ("MAIL", "451 4.3.0 busy", Deferred("{} refused the mail: 451 4.3.0 busy")),
        ("RCPT", "450 4.2.1 greylisted", Deferred("{} refused cara@customer.example: 450 4.2.1 greylisted")),
        ("DATA", "452 4.3.1 disk full", Deferred("{} refused the mail: 452 4.3.1 disk full")),
        ("MAIL", "550 5.7.1 no null senders", Failed("{} refused the mail: 550 5.7.1 no null senders")),
        ("RCPT", "550 5.1.1 nobody", Failed("{} refused cara@customer.example: 550 5.1.1 nobody", "5.1.1 nobody")),
        ("DATA", "554 5.6.0 dislike", Failed("{} refused the mail: 554 5.6.0 dislike")),
        ("MAIL", "421 4.3.2 later", Deferred("{} refused the mail: 421 4.3.2 later", unreachable=True)),
        ("MAIL", "530 5.7.0 log in", Deferred("{} refused the mail: 530 5.7.0 log in", unreachable=True)),
        ("MAIL", DROP, Deferred("{} closed the connection before the mail", unreachable=True)),
        ("RCPT", DROP, Deferred("{} closed the connection before the mail", unreachable=True)),
    ],
)
async def test_each_refusal_is_a_value(stage: str, reply: str, result: Result) -> None:
    host = Host(always={stage: reply})
    async with listening(host):
        given = await send(smarthost(host))
    expected = type(result)(**_fields(result) | {"note": result.note.format(f"127.0.0.1:{host.port}")})
    assert given == expected
    assert not host.taken


def _fields(result: Result) -> dict[str, Any]:
    return {name: getattr(result, name) for name in result.__slots__}


async def test_silence_after_the_final_dot_defers_this_mail_only() -> None:
    async with listening(Host(always={"DATA": DROP})) as host:
        result = await send(smarthost(host))
    assert isinstance(result, Deferred)
    assert not result.unreachable
    assert "after the mail" in result.note


async def test_a_smarthost_that_never_answers_the_mail_is_given_up() -> None:
    async with listening(Host()) as host:
        host.stall("DATA")
        result = await send(smarthost(host, data_timeout=0.2))
        host.gate.set()
    assert isinstance(result, Deferred)
    assert "after the mail" in result.note


async def test_nobody_listens() -> None:
    async with listening(Host()) as host:
        pass
    result = await send(smarthost(host))
    assert isinstance(result, Deferred)
    assert result.unreachable
    assert f"cannot use 127.0.0.1:{host.port}" in result.note


@pytest.mark.parametrize(
    "greeting", [b"554 5.3.2 no\r\n", b"\r\n\r\n", b"\xff\xfe garbage\r\n", b"220 x\r\nwhat\r\n", b""]
)
async def test_a_server_of_another_kind_is_a_value_too(greeting: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        result = await send(Smarthost("127.0.0.1", port, "intake.example", timeout=5))
    assert isinstance(result, Deferred)
    assert result.unreachable
    assert result.note.isprintable()


async def test_a_smarthost_that_refuses_our_greeting_refuses_no_mail() -> None:
    host = Host(always={"EHLO": "550 5.7.1 go away"})
    async with listening(host):
        result = await send(smarthost(host, tls=Tls.NONE))
    assert isinstance(result, Deferred)
    assert result.unreachable
    assert "550 5.7.1 go away" in result.note


async def test_one_connection_serves_many_mails_refused_ones_between() -> None:
    async with listening(Host()) as host:
        host.plan("RCPT", "250 OK", "550 no", "250 OK")
        connection = Connection(smarthost(host))
        results = [await connection.send("", "cara@customer.example", MAIL) for _ in range(3)]
        await connection.close()
    assert [type(result) for result in results] == [Sent, Failed, Sent]
    assert host.connections == 1


async def test_a_connection_closed_between_two_mails_is_opened_again() -> None:
    async with listening(Host()) as host:
        host.plan("MAIL", "250 OK", DROP)
        connection = Connection(smarthost(host))
        assert isinstance(await connection.send("", "cara@customer.example", MAIL), Sent)
        assert isinstance(await connection.send("", "cara@customer.example", MAIL), Sent)
        await connection.close()
    assert (host.connections, len(host.taken)) == (2, 2)


async def test_internationalised_addresses_ask_for_smtputf8() -> None:
    async with listening(Host()) as host:
        result = await send(
            smarthost(host), "jürgen@customer.example", "To: jürgen@customer.example\r\n\r\nx\r\n".encode()
        )
    assert isinstance(result, Sent)
    [envelope] = host.taken
    assert "SMTPUTF8" in envelope.mail_options
    assert envelope.rcpt_tos == ["jürgen@customer.example"]


# ---- TLS and login -------------------------------------------------------------------------------------------------


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


WAYS = pytest.mark.parametrize("way", ["starttls", "implicit"])


@WAYS
async def test_tls_with_a_certificate_that_we_trust(way: str) -> None:
    async with listening(Host(), tls=way) as host:
        target = smarthost(host, tls=Tls.VERIFIED, implicit=way == "implicit", context=trusting())
        assert isinstance(await send(target), Sent)
    assert host.encrypted == [True]


@WAYS
async def test_an_unknown_certificate_sends_nothing_where_it_must_be_verified(way: str) -> None:
    async with listening(Host(), tls=way) as host:
        result = await send(smarthost(host, tls=Tls.VERIFIED, implicit=way == "implicit"))
    assert isinstance(result, Deferred)
    assert result.unreachable
    assert "certificate" in result.note.lower()
    assert not host.seen


async def test_a_certificate_for_another_name_sends_nothing_where_it_must_be_verified() -> None:
    async with listening(Host(), tls="starttls") as host:
        result = await send(replace(smarthost(host, tls=Tls.VERIFIED, context=trusting()), host="127.1"))
    assert isinstance(result, Deferred)
    assert "certificate" in result.note.lower()
    assert not host.seen


@WAYS
async def test_an_unknown_certificate_does_where_encryption_is_all_that_is_required(way: str) -> None:
    async with listening(Host(), tls=way) as host:
        assert isinstance(await send(smarthost(host, tls=Tls.REQUIRED, implicit=way == "implicit")), Sent)
    assert host.encrypted == [True]


@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.VERIFIED])
async def test_what_is_not_encrypted_is_not_sent_where_it_must_be(tls: Tls) -> None:
    async with listening(Host()) as host:
        result = await send(smarthost(host, tls=tls, context=trusting()))
    assert isinstance(result, Deferred)
    assert result.unreachable
    assert not host.seen


@pytest.mark.parametrize(("offered", "encrypted"), [("none", False), ("starttls", True), ("broken", False)])
async def test_opportunistic_takes_what_there_is(offered: str, encrypted: bool) -> None:
    async with listening(Host(), tls=offered) as host:
        assert isinstance(await send(smarthost(host, tls=Tls.OPPORTUNISTIC)), Sent)
    assert host.encrypted == [encrypted]


async def test_none_is_plain_though_the_smarthost_offers_more() -> None:
    async with listening(Host(), tls="starttls") as host:
        assert isinstance(await send(smarthost(host, tls=Tls.NONE)), Sent)
    assert host.encrypted == [False]


async def test_a_smarthost_that_is_slow_about_one_recipient_can_still_be_reached() -> None:
    async with listening(Host()) as host:
        host.stall("RCPT")
        result = await send(smarthost(host, timeout=0.2))
        host.gate.set()
    assert result == Deferred(f"127.0.0.1:{host.port} said nothing about cara@customer.example in time")


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # loopback
async def test_login() -> None:
    async with listening(Host(), auth=True) as host:
        assert isinstance(await send(smarthost(host, tls=Tls.NONE, username="intake", password="secret")), Sent)
        wrong = await send(smarthost(host, tls=Tls.NONE, username="intake", password="wrong"))
        without = await send(smarthost(host))
    for result in (wrong, without):
        assert isinstance(result, Deferred)
        assert result.unreachable
    assert len(host.taken) == 1


def test_the_password_is_in_no_log() -> None:
    assert "hush" not in repr(Smarthost("h", 25, "x", password="hush"))
