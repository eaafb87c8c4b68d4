"""What DNS is asked for one mail, when, and for whom."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpintake.auth.results import AuthResult, SpfIdentity
from smtpintake.intake.inquiry import MAX_HEAD, Inquiry
from smtpintake.intake.spool import SpoolSpace
from smtpintake.intake.upload import Upload
from smtpintake.mail.address import NULL_PATH
from smtpintake.mail.envelope import Envelope, Hello, Login, Peer, Relay, ToldBy
from smtpintake.net.lookups import Lookups
from smtpintake.net.resolver import Resolver
from tests import dns, make
from tests.dns import dns_server
from tests.mail.letters import mail

ZONE: dns.Zone = {
    "customer.example": {"TXT": "v=spf1 ip4:192.0.2.1 -all"},
    "client.example": {"TXT": "v=spf1 ip4:192.0.2.1 -all"},
}
SIGNATURE = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=signer.example; s=s1; h=from; bh=eA==; b=eA=="
RECEIVED = "Received: from box.example (box.example [192.0.2.1]) by relay.example with ESMTP id 1"


@pytest.fixture
async def server() -> AsyncIterator[dns.Server]:
    with dns_server(ZONE) as server:
        yield server


@pytest.fixture
async def resolver(server: dns.Server) -> AsyncIterator[Resolver]:
    async with Resolver([server.address], 2.0, 4.0) as resolver:
        yield resolver


def inquiry(resolver: Resolver, envelope: Envelope) -> Inquiry:
    return Inquiry(Lookups(resolver, 4.0), envelope)


def letter(*fields: str, body: str = "Help!\n") -> bytes:
    return mail(*fields, author="Cara <cara@customer.example>", body=body)


async def test_both_identities_and_every_name_that_verification_will_read(resolver: Resolver) -> None:
    asked = inquiry(resolver, make.envelope())
    asked.header(letter(SIGNATURE))
    evidence = await asked.evidence()
    assert (evidence.spf.result, evidence.spf.domain) == (AuthResult.PASS, "customer.example")
    assert (evidence.helo.result, evidence.helo.identity) == (AuthResult.PASS, SpfIdentity.HELO)
    assert evidence.now == make.NOW
    names = {answer.name for answer in evidence.answers}
    assert {"s1._domainkey.signer.example", "_dmarc.customer.example", "_dmarc.example"} <= names
    assert "_dmarc.signer.example" in names, "who signs may be of the author's organisation"


async def test_the_null_path_stands_for_the_name_in_hello(resolver: Resolver) -> None:
    asked = inquiry(resolver, make.envelope(mail_from=None))
    assert make.envelope(mail_from=None).mail_from == NULL_PATH
    evidence = await asked.evidence()
    assert (evidence.spf.result, evidence.spf.domain) == (AuthResult.PASS, "client.example")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"relay": Relay("10.0.0.1", ToldBy.NOBODY)}, "the relay 10.0.0.1 does not tell its client"),
        ({"login": Login("scanner", ("scanner@customer.example",))}, "scanner logged in"),
        ({"peer": Peer("")}, "no client is known"),
    ],
)
async def test_spf_is_not_asked_of_who_is_not_the_client(
    resolver: Resolver, server: dns.Server, values: dict[str, object], why: str
) -> None:
    asked = inquiry(resolver, make.envelope(**values))
    evidence = await asked.evidence()
    assert (evidence.spf.result, evidence.spf.detail, evidence.helo.detail) == (AuthResult.NONE, why, why)
    assert server.queries == []


async def test_a_relay_that_tells_in_the_mail_is_believed_in_its_own_field_only(resolver: Resolver) -> None:
    envelope = make.envelope(
        mail_from="cara@customer.example",
        peer=Peer("10.0.0.1", 25),
        hello=Hello("relay.example"),
        relay=Relay("10.0.0.1", ToldBy.RECEIVED),
    )
    asked = inquiry(resolver, envelope)
    asked.header(letter(RECEIVED, RECEIVED.replace("192.0.2.1", "203.0.113.9")))
    evidence = await asked.evidence()
    assert evidence.spf.result is AuthResult.PASS
    told = asked.envelope(envelope)
    assert (told.peer.ip, told.hello.name) == ("192.0.2.1", "box.example")
    assert told.relay == envelope.relay

    silent = inquiry(resolver, envelope)
    silent.header(letter("Received: from localhost by relay.example", RECEIVED))
    assert (await silent.evidence()).spf.detail == "the relay 10.0.0.1 does not tell its client"
    assert silent.envelope(envelope).peer.ip == "10.0.0.1"


async def test_a_mail_that_is_refused_for_its_header_costs_no_questions(resolver: Resolver, server: dns.Server) -> None:
    asked = inquiry(resolver, make.envelope(peer=Peer("")))
    asked.header(letter(SIGNATURE, "X-Long: " + "x" * 70_000)[:MAX_HEAD])
    await asked.evidence()
    assert server.queries == []


async def test_one_that_is_given_up_takes_its_questions_along(resolver: Resolver) -> None:
    asked = inquiry(resolver, make.envelope())
    asked.header(letter(SIGNATURE))
    asked.abandon()
    asked.abandon()


@pytest.mark.parametrize("cut", [1, 3, 7, 1000])
async def test_the_header_is_told_once_however_the_octets_are_cut(tmp_path: Path, cut: int) -> None:
    told: list[bytes] = []
    upload = Upload(SpoolSpace(tmp_path, 1 << 20), 1 << 20, told.append)
    octets = b"From: a@b.example\r\nSubject: x\r\n\r\n..\r\n\r\nbody\r\n.\r\n"
    for start in range(0, len(octets), cut):
        await upload.feed(octets[start : start + cut])
    assert upload.ended
    assert told == [b"From: a@b.example\r\nSubject: x\r\n\r\n"]


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"Subject: no body\r\n.\r\n", b"Subject: no body\r\n"),
        (b"x" * (MAX_HEAD + 10) + b"\r\n.\r\n", b"x" * MAX_HEAD),
    ],
)
async def test_a_mail_without_an_end_of_its_header(tmp_path: Path, octets: bytes, told: bytes) -> None:
    heard: list[bytes] = []
    upload = Upload(SpoolSpace(tmp_path, 1 << 20), 1 << 20, heard.append)
    await upload.feed(octets)
    assert heard == [told]
