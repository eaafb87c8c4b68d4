"""Scripted sessions over a real socket: what is said, and what the journey gets to hear."""

import asyncio
import re
from datetime import UTC, datetime

import pytest

from smtpintake.decide.policy import Policy
from smtpintake.mail.envelope import Hello
from smtpintake.mail.ids import is_id
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS
from tests import make
from tests.intake.smtpserver import GUARD, FakeJourney, Server

MAIL = "MAIL FROM:<cara@customer.example>"
RCPT = "RCPT TO:<support@example.org>"


async def test_a_mail_from_greeting_to_goodbye(server: Server) -> None:
    client = await server.client()
    hello = await client.ask("EHLO client.example")
    assert hello.splitlines() == [
        "250-mx.example.org",
        "250-PIPELINING",
        "250-SIZE 1048576",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-ENHANCEDSTATUSCODES",
        "250 HELP",
    ]
    assert await client.ask(MAIL + " SIZE=20 BODY=8BITMIME") == "250 2.1.0 sender OK"
    assert await client.ask(RCPT) == "250 2.1.5 recipient OK"
    assert await client.ask("RCPT TO:<Support+tag@Example.ORG>") == "250 2.1.5 recipient OK"
    assert await client.ask("DATA") == "354 end data with <CR><LF>.<CR><LF>"
    await client.send(b"Subject: x\r\n\r\n..dot\r\n\xff8bit\r\n.\r\n")
    reply = await client.reply()
    assert re.fullmatch(r"250 2\.0\.0 SUP-1 created; log [0-9a-z]{16}", reply)
    assert await client.ask("QUIT") == "221 2.0.0 bye"
    assert await client.reply() == ""

    envelope, octets = server.journey.mails[0]
    assert octets == b"Subject: x\r\n\r\n.dot\r\n\xff8bit\r\n"
    assert is_id(envelope.transaction_id)
    assert abs((datetime.now(UTC) - envelope.received_at).total_seconds()) < 60
    assert (envelope.peer.ip, envelope.hello, envelope.tls) == ("127.0.0.1", Hello("client.example"), None)
    assert envelope.peer.port > 0
    assert envelope.listener == f"127.0.0.1:{server.port}"
    assert str(envelope.mail_from) == "cara@customer.example"
    assert [str(mailbox) for mailbox in envelope.rcpt_to] == ["support@example.org", "Support+tag@Example.ORG"]


async def test_the_null_sender_and_helo(server: Server) -> None:
    client = await server.client()
    assert await client.ask("HELO client.example") == "250 mx.example.org"
    assert await client.ask("MAIL FROM:<>") == "250 2.1.0 sender OK"
    assert await client.ask(RCPT) == "250 2.1.5 recipient OK"
    assert (await client.data(b".\r\n")).startswith("250 2.0.0 SUP-1")
    envelope, octets = server.journey.mails[0]
    assert envelope.mail_from.is_null
    assert envelope.hello == Hello("client.example", extended=False)
    assert octets == b""


async def test_several_mails_in_one_session_are_apart(server: Server) -> None:
    client = await server.client()
    await client.envelope()
    assert (await client.data(b"one\r\n.\r\n")).startswith("250 ")
    assert await client.ask("DATA") == "503 5.5.1 need MAIL command"
    assert await client.ask("MAIL FROM:<other@customer.example>") == "250 2.1.0 sender OK"
    assert await client.ask("RSET") == "250 2.0.0 flushed"
    assert await client.ask(RCPT) == "503 5.5.1 need MAIL command"
    assert await client.ask("MAIL FROM:<third@customer.example>") == "250 2.1.0 sender OK"
    assert await client.ask("RCPT TO:<anyone@example.net>") == "250 2.1.5 recipient OK"
    assert (await client.data(b"two\r\n.\r\n")).startswith("250 ")
    (first, _), (second, octets) = server.journey.mails
    assert first.transaction_id != second.transaction_id
    assert (str(second.mail_from), [str(m) for m in second.rcpt_to]) == (
        "third@customer.example",
        ["anyone@example.net"],
    )
    assert octets == b"two\r\n"


OUT_OF_TURN = [
    ([], "MAIL FROM:<a@b.example>", "503 5.5.1 send EHLO first"),
    ([], RCPT, "503 5.5.1 send EHLO first"),
    ([], "DATA", "503 5.5.1 send EHLO first"),
    ([], "EHLO", "501 5.5.4 "),
    ([], "HELO", "501 5.5.4 "),
    ([], "EHLO \xfc", "501 5.5.4 "),
    ([], "EHLO " + "x" * 256, "501 5.5.4 "),
    (["EHLO x"], RCPT, "503 5.5.1 need MAIL"),
    (["EHLO x"], "DATA", "503 5.5.1 need MAIL"),
    (["EHLO x", MAIL], MAIL, "503 5.5.1 nested MAIL"),
    (["EHLO x", MAIL], "DATA", "503 5.5.1 need RCPT"),
    (["EHLO x", MAIL, "EHLO x"], RCPT, "503 5.5.1 need MAIL"),
    (["EHLO x", MAIL, RCPT], "DATA now", "501 5.5.4 "),
    (["EHLO x"], "RSET now", "501 5.5.4 "),
    (["EHLO x"], "QUIT now", "501 5.5.4 "),
    (["EHLO x"], "MAIL", "501 5.5.4 "),
    (["EHLO x"], "MAIL TO:<a@b.example>", "501 5.5.4 "),
    (["EHLO x"], "MAIL FROM:<a@b.example", "501 5.5.4 "),
    (["EHLO x"], "MAIL FROM:<a @ b.example>", "501 5.5.4 "),
    (["EHLO x"], b"MAIL FROM:<a\0@b.example>", "501 5.5.4 "),
    (["EHLO x"], b'MAIL FROM:<"a\rb"@b.example>', "501 5.5.4 "),
    (["EHLO x"], b"MAIL FROM:<\xff@b.example>", "501 5.5.4 "),
    (["EHLO x"], MAIL + " SIZE", "501 5.5.4 "),
    (["EHLO x"], MAIL + " SIZE=many", "501 5.5.4 "),
    (["EHLO x"], MAIL + " BODY=BINARYMIME", "501 5.5.4 "),
    (["EHLO x"], MAIL + " SMTPUTF8=yes", "501 5.5.4 "),
    (["EHLO x"], MAIL + " RET=HDRS", "555 5.5.4 "),
    (["EHLO x"], MAIL + " AUTH=<>", "555 5.5.4 "),
    (["EHLO x", MAIL], RCPT + " NOTIFY=NEVER", "555 5.5.4 "),
    (["EHLO x", MAIL], "RCPT TO:support@example.org", "501 5.5.4 "),
    (["EHLO x"], "NOOP anything", "250 2.0.0 OK"),
    (["EHLO x"], "VRFY support@example.org", "252 2.5.0 "),
    (["EHLO x"], "VRFY", "501 5.5.4 "),
    (["EHLO x"], "EXPN staff", "502 5.5.1 "),
    (["EHLO x"], "HELP", "214 2.0.0 "),
    (["EHLO x"], "STARTTLS", "502 5.5.1 "),
    (["EHLO x"], "AUTH PLAIN AGEAYg==", "502 5.5.1 "),
    (["EHLO x"], "BDAT 10 LAST", "500 5.5.1 "),
    (["EHLO x"], "XCLIENT ADDR=192.0.2.1", "500 5.5.1 "),
    (["EHLO x"], "PROXY TCP4 192.0.2.1 192.0.2.2 1 2", "500 5.5.1 "),
    (["EHLO x"], b"\x16\x03\x01", "500 5.5.1 "),
    (["EHLO x"], "", "500 5.5.1 "),
    (["EHLO x"], "NOOP " + "x" * 2048, "500 5.5.2 "),
    (["EHLO x"], "NOOP " + "x" * 200_000, "500 5.5.2 "),
]


@pytest.mark.parametrize(("before", "line", "reply"), OUT_OF_TURN)
async def test_commands_out_of_turn(server: Server, before: list[str], line: str | bytes, reply: str) -> None:
    client = await server.client()
    for command in before:
        assert (await client.ask(command)).startswith("250")
    assert (await client.ask(line)).startswith(reply)
    # Whatever it was, the session goes on, and nothing of it is left over.
    assert await client.ask("NOOP") == "250 2.0.0 OK"
    assert not server.journey.mails


async def test_a_long_command_is_a_matter_of_its_own_session(server: Server) -> None:
    long = f"MAIL FROM:<{'x' * 64}@{'d' * 60}.example> SIZE=100 BODY=8BITMIME SMTPUTF8" + " " * 400
    first = await (await server.client()).hello()
    await (await server.client()).hello()
    assert await first.ask(long) == "250 2.1.0 sender OK"


@pytest.mark.parametrize(
    "line", [b"NOOP\n", b"NOOP\nNOOP\r\n", b"MAIL FROM:<a@b.example>\nRCPT TO:<support@example.org>\n"]
)
async def test_commands_end_with_crlf(server: Server, line: bytes) -> None:
    client = await (await server.client()).hello()
    await client.send(line)
    assert await client.reply() == "500 5.5.2 commands end with CRLF"


REFUSED_SENDERS = [
    ("MAIL FROM:<a..b@c.example>", "553 5.1.7 mail.syntax", Reason.MAIL_SYNTAX, "a..b@c.example"),
    ("MAIL FROM:<nobody>", "553 5.1.7 mail.syntax", Reason.MAIL_SYNTAX, "nobody"),
    ("MAIL FROM:<ü@b.example>", "553 5.1.7 mail.syntax", Reason.MAIL_SYNTAX, "ü@b.example"),
    (MAIL + " SIZE=1048577", "552 5.3.4 mail.size", Reason.MAIL_SIZE, "cara@customer.example"),
]


@pytest.mark.parametrize(("line", "reply", "reason", "sender"), REFUSED_SENDERS)
async def test_senders_that_are_refused(server: Server, line: str, reply: str, reason: Reason, sender: str) -> None:
    client = await (await server.client()).hello()
    answer = await client.ask(line)
    assert answer.startswith(reply)
    refusal = server.journey.refusals[0]
    assert answer.endswith(f"; log {refusal.transaction_id}")
    assert (refusal.reason, refusal.mail_from, refusal.rcpt_to) == (reason, sender, None)
    assert refusal.hello == Hello("client.example")
    assert refusal.detail
    assert await client.ask(RCPT) == "503 5.5.1 need MAIL command"
    assert await client.ask(MAIL) == "250 2.1.0 sender OK"


REFUSED_RECIPIENTS = [
    ("<>", "553 5.1.3 rcpt.syntax", Reason.RCPT_SYNTAX),
    ("<support@@example.org>", "553 5.1.3 rcpt.syntax", Reason.RCPT_SYNTAX),
    ("<ü@example.net>", "553 5.1.3 rcpt.syntax", Reason.RCPT_SYNTAX),
    ("<nobody@example.org>", "550 5.1.1 rcpt.unknown", Reason.RCPT_UNKNOWN),
    ("<support@elsewhere.example>", "550 5.7.1 rcpt.domain", Reason.RCPT_DOMAIN),
    ("<support%elsewhere.example@other.example>", "550 5.7.1 rcpt.domain", Reason.RCPT_DOMAIN),
    ("<Postmaster>", "550 5.7.1 rcpt.domain", Reason.RCPT_DOMAIN),
]


@pytest.mark.parametrize(("path", "reply", "reason"), REFUSED_RECIPIENTS)
async def test_recipients_that_are_refused(server: Server, path: str, reply: str, reason: Reason) -> None:
    client = await (await server.client()).hello()
    assert await client.ask(MAIL + " SIZE=77") == "250 2.1.0 sender OK"
    assert (await client.ask(f"RCPT TO:{path}")).startswith(reply)
    refusal = server.journey.refusals[0]
    assert (refusal.reason, refusal.mail_from, refusal.size) == (reason, "cara@customer.example", 77)
    assert await client.ask(RCPT) == "250 2.1.5 recipient OK"
    assert (await client.data(b".\r\n")).startswith("250 2.0.0")
    assert server.journey.mails[0][0].transaction_id == refusal.transaction_id


async def test_an_inactive_inbox(server: Server) -> None:
    server.journey.rules = make.policy(active=False)
    client = await (await server.client()).hello()
    assert await client.ask(MAIL) == "250 2.1.0 sender OK"
    assert (await client.ask(RCPT)).startswith("550 5.2.1 rcpt.inactive")


async def test_a_new_policy_counts_from_the_next_recipient_on(server: Server) -> None:
    client = await (await server.client()).envelope()
    server.journey.rules = Policy(2, make.policy(addresses=["other@example.org"]).document)
    assert (await client.ask(RCPT)).startswith("550 5.1.1 ")


async def test_too_many_recipients_are_for_another_transaction(server: Server) -> None:
    client = await (await server.client()).envelope("a@example.net", "b@example.net", "c@example.net")
    for _ in range(100):
        assert (await client.ask("RCPT TO:<d@example.net>")).startswith("452 4.5.3 rcpt.limit")
    assert (await client.data(b".\r\n")).startswith("250 ")
    assert [mailbox.localpart for mailbox in server.journey.mails[0][0].rcpt_to] == ["a", "b", "c"]


async def test_a_recipient_given_twice_is_one(server: Server) -> None:
    client = await (await server.client()).envelope("a@example.net", "a@example.net")
    await client.data(b".\r\n")
    assert [str(mailbox) for mailbox in server.journey.mails[0][0].rcpt_to] == ["a@example.net"]


async def test_internationalised_addresses_need_smtputf8(server: Server) -> None:
    client = await (await server.client()).hello()
    assert await client.ask("MAIL FROM:<ü@bücher.example> SMTPUTF8") == "250 2.1.0 sender OK"
    assert await client.ask("RCPT TO:<ü@example.net>") == "250 2.1.5 recipient OK"
    await client.data(b".\r\n")
    envelope = server.journey.mails[0][0]
    assert (str(envelope.mail_from), envelope.smtputf8) == ("ü@bücher.example", True)


REFUSED_OCTETS = [
    (b"a\nb\r\n.\r\n", Reason.DATA_NEWLINE),
    (b"a\rb\r\n.\r\n", Reason.DATA_NEWLINE),
    (b"a\n.\nMAIL FROM:<evil@example.com>\r\n.\r\n", Reason.DATA_NEWLINE),
    (b"a\r\n.\nMAIL FROM:<evil@example.com>\r\n.\r\n", Reason.DATA_NEWLINE),
    (b"a\n.\r\nMAIL FROM:<evil@example.com>\r\n.\r\n", Reason.DATA_NEWLINE),
    (b"a\r.\r\nMAIL FROM:<evil@example.com>\r\n.\r\n", Reason.DATA_NEWLINE),
    (b"a\r\n.\rMAIL FROM:<evil@example.com>\r\n.\r\n", Reason.DATA_NEWLINE),
    (b"a\r\n\0.\r\nMAIL FROM:<evil@example.com>\r\n.\r\n", Reason.DATA_NUL),
    (b"x" * (1 << 20) + b"\r\n.\r\n", Reason.DATA_SIZE),
    (b"x" * (3 << 20) + b"\r\n.\r\n", Reason.DATA_SIZE),
    (b"\r\n" * (1 << 20) + b".\r\n", Reason.DATA_SIZE),
]


@pytest.mark.parametrize(("octets", "reason"), REFUSED_OCTETS)
async def test_octets_that_are_refused(server: Server, octets: bytes, reason: Reason) -> None:
    client = await (await server.client()).envelope("a@example.net", "b@example.net")
    answer = await client.data(octets)
    assert answer.startswith(str(REFUSALS[reason]))
    assert [(refusal.reason, refusal.rcpt_to) for refusal in server.journey.refusals] == [
        (reason, "a@example.net"),
        (reason, "b@example.net"),
    ]
    assert {refusal.size for refusal in server.journey.refusals} == {len(octets.replace(b"\r\n.", b"\r\n")) - 2}
    # Read to its end: what follows is a command, and the transaction is over.
    assert await client.ask(RCPT) == "503 5.5.1 need MAIL command"
    assert not server.journey.mails


@pytest.mark.parametrize("size", [(1 << 20) - 2, 300_000])
async def test_a_large_message_arrives_whole(server: Server, size: int) -> None:
    client = await (await server.client()).envelope()
    line = b".line of the message\r\n"
    message = (line * (size // len(line) + 1))[: size - 2].rstrip(b"\r\n") + b"\r\n"
    wire = message.replace(b"\r\n.", b"\r\n..")
    assert (await client.data(b"." + wire + b".\r\n")).startswith("250 ")
    assert server.journey.mails[0][1] == message


async def test_a_whole_session_in_one_write(server: Server) -> None:
    client = await server.connect()
    mail = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n"
    await client.send(
        b"EHLO x\r\n"
        + mail
        + b"one\r\n.\r\n"
        + mail
        + b".\r\n"
        + mail
        + b"a\nb\r\n.\r\n"
        + mail
        + b"..\r\n.\r\nQUIT\r\n"
    )
    replies = [reply[:3] for reply in await client.replies(2 + 4 * 4 + 1)]
    mails = ["250", "250", "354", "250"]
    assert replies == ["220", "250", *mails, *mails, *mails[:3], "550", *mails, "221"]
    assert [octets for _, octets in server.journey.mails] == [b"one\r\n", b"", b".\r\n"]


async def test_a_session_octet_by_octet(server: Server) -> None:
    client = await server.connect()
    wire = (
        b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n"
        b"..one\r\n.\rx\r\n..\r\n.\r\nRSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n"
        b"..one\r\n..\r\n.\r\nQUIT\r\n"
    )
    for octet in wire:
        await client.send(bytes((octet,)))
        await asyncio.sleep(0)
    assert [reply[:3] for reply in await client.replies(12)] == (
        ["220", "250", "250", "250", "354", "550", "250", "250", "250", "354", "250", "221"]
    )
    assert [octets for _, octets in server.journey.mails] == [b".one\r\n.\r\n"]


async def test_a_fault_of_ours_is_451_and_says_nothing_of_itself(server: Server) -> None:
    server.journey.fault = ValueError("secret\r\n250 forged")
    client = await (await server.client()).envelope()
    assert await client.data(b".\r\n") == str(REFUSALS[Reason.FAULT_INTERNAL])
    assert await client.ask(RCPT) == "503 5.5.1 need MAIL command"
    assert await client.ask(MAIL) == "250 2.1.0 sender OK"
    assert await client.ask("RCPT TO:<nobody@example.org>") == str(REFUSALS[Reason.FAULT_INTERNAL])
    server.journey.fault = None
    assert await client.ask(RCPT) == "250 2.1.5 recipient OK"
    assert (await client.data(b".\r\n")).startswith("250 ")


async def test_a_bug_in_a_command_is_451_and_forgets_the_transaction(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await (await server.client()).envelope()
    monkeypatch.setattr(FakeJourney, "policy", lambda self: 1 // 0)
    assert await client.ask(RCPT) == str(REFUSALS[Reason.FAULT_INTERNAL])
    assert await client.ask("DATA") == "503 5.5.1 need MAIL command"


async def test_a_disk_that_takes_nothing_is_452(server: Server) -> None:
    server.spool.rmdir()
    client = await (await server.client()).envelope()
    assert (await client.data(b"x" * 600_000 + b"\r\n.\r\n")).startswith("452 4.3.1 fault.storage")
    server.spool.mkdir()
    assert await client.ask(MAIL) == "250 2.1.0 sender OK"
    assert await client.ask(RCPT) == "250 2.1.5 recipient OK"
    assert (await client.data(b"x" * 600_000 + b"\r\n.\r\n")).startswith("250 ")


@pytest.mark.parametrize("large", [False, True])
async def test_a_client_that_leaves_does_not_stop_the_journey(server: Server, large: bool) -> None:
    server.journey.gate.clear()
    client = await (await server.client()).envelope()
    await client.send(b"DATA\r\n" + b"x" * (600_000 if large else 3) + b"\r\n.\r\nMAIL FROM:<next@b.example>\r\n")
    await asyncio.wait_for(server.journey.entered.wait(), GUARD)
    client.writer.transport.abort()
    # The server has noticed when it serves somebody else after us.
    assert await (await server.client()).ask("NOOP") == "250 2.0.0 OK"
    assert not server.journey.mails
    server.journey.gate.set()
    await asyncio.wait_for(server.journey.finished.wait(), GUARD)
    assert len(server.journey.mails) == 1


async def test_a_client_that_only_stops_sending_hears_the_reply(server: Server) -> None:
    client = await (await server.client()).envelope()
    assert (await client.ask("DATA")).startswith("354")
    server.journey.gate.clear()
    await client.send(b"one\r\n.\r\n")
    client.writer.write_eof()
    await asyncio.wait_for(server.journey.entered.wait(), GUARD)
    server.journey.gate.set()
    assert (await client.reply()).startswith("250 2.0.0 SUP-1 created")
    assert await client.reply() == ""


async def test_half_a_message_is_none(server: Server) -> None:
    client = await (await server.client()).envelope()
    await client.ask("DATA")
    await client.send(b"x" * 600_000 + b"\r\n.\r")
    await client.close()
    while len(server.listener.sessions):
        await asyncio.sleep(0.001)
    assert not server.journey.mails
    assert not server.journey.refusals
    assert not list(server.spool.iterdir())
