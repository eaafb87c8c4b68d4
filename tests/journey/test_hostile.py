"""Mail and dialogues made to break a mail server, against a real one. While each waits for its verdict, somebody else's
ordinary mail is taken; at the end the log tells of every attempt.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.policy import SMTP
from itertools import count

import pytest

from tests.journey.test_first_hour import mail as ordinary_mail
from tests.mail.letters import mail, multipart
from tests.server import PATIENCE, Server, log_id

MAX_SIZE = 4 << 20
MAX_RECIPIENTS = 100  # what is set when nothing is
MAX_CONNECTIONS = 20
RECIPIENTS = 500
ENVELOPE = (b"EHLO evil.example", b"MAIL FROM:<mallory@evil.example>", b"RCPT TO:<support@example.org>", b"DATA")
COMPLEX = "554 5.6.0 message.complex: "
NEWLINE = "550 5.5.2 data.newline: "
NUL = "550 5.6.0 data.nul: "
TOO_LARGE = "552 5.3.4 data.size: "
CREATED = "250 2.0.0 SUP-"


class Attacker:
    """A connection that sends whatever it likes, and reads replies, the last line of each."""

    def __init__(self, server: Server, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE, (source, 0))
        self.lines = self.socket.makefile("rb")
        self.greeting = self.reply()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> str:
        """An empty string when the server has closed the connection."""
        while True:
            line = self.lines.readline().decode("ascii")
            assert not line or re.fullmatch(r"[2345][0-9]{2}[ -][\x20-\x7e]*\r\n", line), line
            if line[3:4] != "-":
                return line.rstrip("\r\n")

    def ask(self, line: bytes) -> str:
        self.send(line + b"\r\n")
        return self.reply()

    def data(self, domain: bytes = b"evil.example") -> None:
        """Everything up to the message, which comes from `domain`."""
        envelope = [line.replace(b"evil.example", domain) for line in ENVELOPE]
        assert [self.ask(line)[:3] for line in envelope] == ["250", "250", "250", "354"]

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


@dataclass
class Scene:
    """The server under attack, a neighbour whose session is open all the time, and what everybody was told."""

    server: Server
    told: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.neighbour = self.server.client()
        self.neighbour.ehlo()

    def attacker(self) -> Attacker:
        attacker = Attacker(self.server)
        assert attacker.greeting.startswith("220 ")
        return attacker

    def neighbour_is_served(self) -> None:
        message = ordinary_mail("support@example.org", f"Ordinary mail {next(self.numbers)}")
        assert self.neighbour.mail("cara@customer.example")[0] == 250
        assert self.neighbour.rcpt("support@example.org")[0] == 250
        code, text = self.neighbour.data(message.as_bytes(policy=SMTP))
        self.heard(f"{code} {text.decode()}", CREATED)

    def heard(self, reply: str, expected: str) -> None:
        assert reply.startswith(expected), reply
        self.told.append(reply)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    limits = {
        "SMTPINTAKE_SMTP__MAX_MESSAGE_SIZE": str(MAX_SIZE),
        "SMTPINTAKE_LIMITS__EXEMPT": "127.0.0.1",
        "SMTPINTAKE_SMTP__MAX_CONNECTIONS_PER_PEER": str(MAX_CONNECTIONS),
        "SMTPINTAKE_SMTP__ANALYSIS_DEADLINE": str(PATIENCE / 2),
    }
    server = Server(tmp_path_factory.mktemp("hostile"), limits)
    server.prepare()
    server.start()
    yield Scene(server)
    if server.process is not None and server.process.poll() is None:
        server.kill()


# ---- messages --------------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    fields = [f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}" for n in range(depth)]
    return mail(*fields, body="\nx\n")


def field_of(name: str, length: int) -> str:
    """A header field with a value of `length` octets, in lines that keep RFC 5322's limit."""
    value = " " + ("x" * 70 + "\r\n ") * (length // 73)
    return f"{name}:{value}{'x' * (length - len(value))}"


def html(body: str) -> bytes:
    return mail("Content-Type: text/html", body=body)


RECEIVED = "Received: from a.example by b.example; Mon, 3 Nov 2025 10:00:00 +0100"

MESSAGES = {
    # Beyond a bound of the header section.
    "From with 50k dots": (mail(author="." * 50_000 + "@b.example"), COMPLEX),
    "From of 2 KB and more": (mail(author=field_of("From", 2100)[5:] + " <a@b.example>"), COMPLEX),
    "To with 50k addresses": (mail("To: " + ",\n ".join(["a@b.example"] * 50_000)), COMPLEX),
    "To of 32 KB and more": (mail("To: " + ",\n ".join(["a@b.example"] * 2400)), COMPLEX),
    "Cc of 32 KB and more": (mail("Cc: " + ",\n ".join(["a@b.example"] * 2400)), COMPLEX),
    "20k Content-Type parameters": (mail("Content-Type: text/plain" + ";\n a=b" * 20_000), COMPLEX),
    "20k encoded-words": (mail("Subject: " + "=?utf-8?q?a?=\n " * 20_000), COMPLEX),
    "100k folded header lines": (mail("X-A: a" + "\n b" * 100_000), COMPLEX),
    "a header section of more than 256 KB": (mail(*[field_of(f"X-{n}", 60_000) for n in range(5)]), COMPLEX),
    "1,001 fields": (mail(*[f"X-{n}: a" for n in range(1001)]), COMPLEX),
    "a field of more than 64 KB": (mail(field_of("X-A", (64 << 10) + 1)), COMPLEX),
    "a header section without end": (b"From: a@b.example\r\n" + b"X: x\r\n" * 300_000, COMPLEX),
    "51 Received": (mail(*[RECEIVED] * 51), "554 5.4.6 loop.received: "),
    # Beyond a bound of the body.
    "100k attachments": (multipart(*["Content-Type: a/b\n\nx"] * 100_000), COMPLEX),
    "100k boundaries": (multipart(*[""] * 100_000), COMPLEX),
    "1,001 boundary lines": (multipart(*["\nx"] * 1000), COMPLEX),
    "nesting of 1,000": (nested(1000), COMPLEX),
    "nesting of 51": (nested(51), COMPLEX),
    "a part with 20k parameters": (multipart("Content-Type: text/plain" + ";\n a=b" * 20_000 + "\n\nx"), COMPLEX),
    "a part with a header of 300 KB": (multipart("\n".join(["X: x"] * 60_000) + "\n\nx"), COMPLEX),
    # Octets that are refused wherever they are.
    "NUL in the header": (mail("Subject: a\0b"), NUL),
    "NUL in a charset": (mail("Content-Type: text/plain; charset=utf-8\0"), NUL),
    "NUL behind 300 KB": (mail(body="x\n" * 150_000 + "\0\n"), NUL),
    "CR in a header field": (b"From: a@b.example\r\nSubject: a\rBcc: c@d.example\r\n\r\nx\r\n", NEWLINE),
    "LF in a header field": (b"From: a@b.example\r\nSubject: a\nBcc: c@d.example\r\n\r\nx\r\n", NEWLINE),
    "LF alone in the body": (mail(body="x\n" * 150_000) + b"a\nb\r\n", NEWLINE),
    "CR alone at the end": (mail() + b"\r\r\n", NEWLINE),
    # Too much of it.
    "12 MB of CRLF": (b"\r\n" * (6 << 20), TOO_LARGE),
    "12 MB without CRLF": (b"x" * (12 << 20) + b"\r\n", TOO_LARGE),
    "one octet too many": (mail(body="x" * MAX_SIZE)[: MAX_SIZE - 1] + b"\r\n", TOO_LARGE),
    # Nobody, or several people, wrote it.
    "nothing at all": (b"", "550 5.6.0 author.missing: "),
    "a body without header": (b"\r\nHello.\r\n", "550 5.6.0 author.missing: "),
    "no From": (mail("Sender: a@b.example", author=None), "550 5.6.0 author.missing: "),
    "two From fields": (mail("From: Bo <bo@c.example>"), "550 5.6.0 author.several: "),
    "two authors": (mail(author="a@b.example, c@d.example"), "550 5.6.0 author.several: "),
    "an author without a domain": (mail(author="root"), "550 5.6.0 author.invalid: "),
    "an empty From": (mail(author=""), "550 5.6.0 author.invalid: "),
    # Odd, within every bound, and so accepted.
    "no Content at all, but an author": (b"From: a@b.example\r\n", CREATED),
    "1 MB of CRLF": (mail("Message-ID: <crlf@b.example>", body="\n" * (512 << 10)), CREATED),
    "1 MB without CRLF": (mail("Message-ID: <line@b.example>", body="x" * (1 << 20) + "\n"), CREATED),
    "lines of dots": (mail(body=".\n..\n...\n" * 20_000), CREATED),
    "50 Received": (mail(*[RECEIVED] * 50), CREATED),
    "1,000 fields": (mail(*[f"X-{n}: a" for n in range(999)]), CREATED),
    "encoded-words in fields of 60 KB": (mail(*["X-A: " + "=?utf-8?q?a?=\n " * 3700] * 4), CREATED),
    "900 attachments": (multipart(*["Content-Type: a/b; name=x\n\nx"] * 900), CREATED),
    "nesting of 49": (nested(49), CREATED),
    "a charset that decodes to NUL": (mail("Content-Type: text/plain; charset*=''u%00"), CREATED),
    "a charset that nobody knows": (mail("Content-Type: text/plain; charset=\xff\xfe".encode("latin-1")), CREATED),
    "an attached mail without end": (mail("Content-Type: message/rfc822", body=nested(1000)), CREATED),
    "a multipart without boundary": (mail("Content-Type: multipart/mixed"), CREATED),
    "a boundary of 300 octets": (mail("Content-Type: multipart/mixed; boundary=" + "b" * 300), CREATED),
    "CRLF in an encoded subject": (mail("Subject: =?utf-8?q?a=0D=0ABcc:_c@d.example=00?="), CREATED),
    "CRLF in a file name": (multipart("Content-Disposition: attachment; filename*=''..%2F%0D%0Ax%00\n\nx"), CREATED),
    "escapes for a terminal": (mail("Subject: \x1b]0;x\x07\x1b[2J"), CREATED),
    "a date of comments": (mail("Date: " + "(" * 1000), CREATED),
    "a year that is none": (mail("Date: Mon, 3 Nov 99999 10:00:00 +9999"), CREATED),
    "lone surrogates": (mail("Subject: =?utf-16?b?2ADYAA==?="), CREATED),
    "100k empty lines in a reply": (mail("Subject: Re: x", body=">x\n" + "\n" * 100_000), CREATED),
    "quotation marks": (mail("Subject: Re: x", body="> " * 100_000), CREATED),
    "50k nested div": (html("<div>" * 50_000), CREATED),
    "opened tags": (html("<a" * 100_000), CREATED),
    "base64 of padding": (mail("Content-Type: a/b", "Content-Transfer-Encoding: base64", body="A=" * 300_000), CREATED),
    "HTML that would run": (html("<script>alert(1)</script><img src=x onerror=alert(1)>"), CREATED),
}


def stuffed(message: bytes) -> bytes:
    """RFC 5321 s4.5.2, and the end mark."""
    message += b"" if not message or message.endswith(b"\r\n") else b"\r\n"
    return (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


@pytest.mark.parametrize(("message", "expected"), MESSAGES.values(), ids=MESSAGES.keys())
def test_a_hostile_message_gets_its_verdict_and_a_neighbour_theirs(scene: Scene, message: bytes, expected: str) -> None:
    attacker = scene.attacker()
    attacker.data()
    attacker.send(stuffed(message))
    scene.neighbour_is_served()
    scene.heard(attacker.reply(), expected)
    assert attacker.ask(b"NOOP") == "250 2.0.0 OK"  # one reply, and the session goes on
    attacker.close()


# Where some servers see the end of a message and others don't, a second one hides behind the first.
END_MARKS = {
    b"\n.\n": NEWLINE,
    b"\n.\r\n": NEWLINE,
    b"\r\n.\n": NEWLINE,
    b"\r.\r": NEWLINE,
    b"\r.\r\n": NEWLINE,
    b"\r\n.\r": NEWLINE,
    b"\r\n.\r\r\n": NEWLINE,
    b"\r\r\n.\r\r\n": NEWLINE,
    b"\n\r.\n\r": NEWLINE,
    b"\n.\r": NEWLINE,
    b"\r\n\0.\r\n": NUL,
    b"\r\n.\0\r\n": NUL,
    b"\r\n. \r\n": CREATED,
    b"\r\n\x85.\r\n": CREATED,
}


@pytest.mark.parametrize(("mark", "expected"), END_MARKS.items(), ids=map(repr, END_MARKS))
def test_no_second_message_is_smuggled(scene: Scene, mark: bytes, expected: str) -> None:
    attacker = scene.attacker()
    attacker.data()
    smuggled = mail("Subject: smuggled", author="root@example.org")
    attacker.send(mail() + b"x" + mark + b"\r\n".join(ENVELOPE[1:]) + b"\r\n" + smuggled + b".\r\n")
    scene.neighbour_is_served()
    scene.heard(attacker.reply(), expected)
    assert attacker.ask(b"NOOP") == "250 2.0.0 OK"
    attacker.close()


def test_half_a_message_is_none(scene: Scene) -> None:
    attacker = scene.attacker()
    attacker.data()
    attacker.send(mail("Subject: half a message", body="x\n" * 300_000))
    scene.neighbour_is_served()
    attacker.close()
    scene.neighbour_is_served()


# ---- dialogues -------------------------------------------------------------------------------------------------------

HELLO, SENDER, RECIPIENT = ENVELOPE[:3]
BAD_SENDER, BAD_RECIPIENT = "553 5.1.7 mail.syntax: ", "553 5.1.3 rcpt.syntax: "
BAD_GRAMMAR = "501 5.5.4 "

COMMANDS = {
    "a null recipient": ([HELLO, SENDER], b"RCPT TO:<>", BAD_RECIPIENT),
    "a recipient without a domain": ([HELLO, SENDER], b"RCPT TO:<support>", BAD_RECIPIENT),
    "a recipient with two @": ([HELLO, SENDER], b"RCPT TO:<support@@example.org>", BAD_RECIPIENT),
    "a recipient of an unknown kind": ([HELLO, SENDER], b"RCPT TO:<support@[nowhere]>", BAD_RECIPIENT),
    "a recipient of 3 KB": ([HELLO, SENDER], b"RCPT TO:<" + b"x" * 3000 + b"@example.org>", "500 5.5.2 "),
    "a local part of 1,500": ([HELLO, SENDER], b"RCPT TO:<" + b"x" * 1500 + b"@example.org>", BAD_RECIPIENT),
    "a recipient in UTF-8 without SMTPUTF8": ([HELLO, SENDER], "RCPT TO:<sü@example.org>".encode(), BAD_RECIPIENT),
    "a relay by percent": ([HELLO, SENDER], b"RCPT TO:<a%b.example@c.example>", "550 5.7.1 rcpt.domain: "),
    "a relay by bang": ([HELLO, SENDER], b"RCPT TO:<c.example!a@example.org>", "550 5.1.1 rcpt.unknown: "),
    "a recipient of another domain": ([HELLO, SENDER], b"RCPT TO:<a@elsewhere.example>", "550 5.7.1 rcpt.domain: "),
    "an unknown recipient": ([HELLO, SENDER], b"RCPT TO:<nobody@example.org>", "550 5.1.1 rcpt.unknown: "),
    "a recipient with a space": ([HELLO, SENDER], b"RCPT TO:<support @ example.org>", BAD_GRAMMAR),
    "a recipient without a bracket": ([HELLO, SENDER], b"RCPT TO:<support@example.org", BAD_GRAMMAR),
    "a recipient with NUL": ([HELLO, SENDER], b"RCPT TO:<support\0@example.org>", BAD_GRAMMAR),
    "a recipient with CR in quotes": ([HELLO, SENDER], b'RCPT TO:<"a\rb"@example.org>', BAD_GRAMMAR),
    "a recipient that is no text": ([HELLO, SENDER], b"RCPT TO:<\xed\xa0\x80@example.org>", BAD_GRAMMAR),
    "a sender with two dots": ([HELLO], b"MAIL FROM:<a..b@c.example>", BAD_SENDER),
    "a sender without a domain": ([HELLO], b"MAIL FROM:<mallory>", BAD_SENDER),
    "a sender in UTF-8 without SMTPUTF8": ([HELLO], "MAIL FROM:<ü@b.example>".encode(), BAD_SENDER),
    "a sender with an invisible mark": ([HELLO], "MAIL FROM:<a\u200bb@c.example> SMTPUTF8".encode(), BAD_GRAMMAR),
    "a sender with NUL": ([HELLO], b"MAIL FROM:<a\0@b.example>", BAD_GRAMMAR),
    "a declared size that is too large": ([HELLO], SENDER + b" SIZE=4194305", "552 5.3.4 mail.size: "),
    "a declared size of 30 digits": ([HELLO], SENDER + b" SIZE=" + b"9" * 30, BAD_GRAMMAR),
    "a command injected by CR": ([HELLO], b"MAIL FROM:<a@b.example>\rRCPT TO:<support@example.org>", BAD_GRAMMAR),
    "a parameter that nobody offered": ([HELLO], SENDER + b" ENVID=x RET=FULL", "555 5.5.4 "),
    "a hello with an escape": ([], b"EHLO \x1b[2J", BAD_GRAMMAR),
    "a hello of 2 KB": ([], b"EHLO " + b"x" * 2000, BAD_GRAMMAR),
    "a line of 500 KB": ([HELLO], b"NOOP " + b"x" * 500_000, "500 5.5.2 "),
    "a TLS handshake": ([], b"\x16\x03\x01\x02\x00\x01", "500 5.5.1 "),
    "a proxy that nobody trusts": ([], b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2", "500 5.5.1 "),
    "a client that nobody trusts": ([HELLO], b"XCLIENT ADDR=192.0.2.1", "500 5.5.1 "),
    "EHLO forgets the sender": ([HELLO, SENDER, HELLO], RECIPIENT, "503 5.5.1 "),
    "EHLO forgets the recipients": ([HELLO, SENDER, RECIPIENT, HELLO, SENDER], b"DATA", "503 5.5.1 "),
    "DATA without a recipient": ([HELLO, SENDER], b"DATA", "503 5.5.1 "),
    "MAIL twice": ([HELLO, SENDER], SENDER, "503 5.5.1 "),
}


@pytest.mark.parametrize(("before", "line", "expected"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_hostile_command_is_refused_alone(scene: Scene, before: list[bytes], line: bytes, expected: str) -> None:
    attacker = scene.attacker()
    for command in before:
        assert attacker.ask(command).startswith("250 ")
    attacker.send(line + b"\r\n")
    scene.neighbour_is_served()
    scene.heard(attacker.reply(), expected)
    # The session is as good as before.
    attacker.data()
    attacker.send(stuffed(mail("Subject: after all")))
    scene.heard(attacker.reply(), CREATED)
    attacker.close()


def replies(attacker: Attacker, number: int) -> list[str]:
    return [attacker.reply() for _ in range(number)]


@pytest.mark.parametrize(
    "octets", [b"RSET\n", b"RSET\nRSET\r\n", b"MAIL FROM:<mallory@evil.example>\nRCPT TO:<support@example.org>\r\n"]
)
def test_a_command_that_ends_with_lf_is_none(scene: Scene, octets: bytes) -> None:
    attacker = scene.attacker()
    assert attacker.ask(HELLO).startswith("250 ")
    attacker.send(octets)
    scene.neighbour_is_served()
    assert attacker.reply() == "500 5.5.2 commands end with CRLF"
    attacker.close()


def test_a_line_that_never_ends(scene: Scene) -> None:
    attacker = scene.attacker()
    with suppress(ConnectionError):
        for _ in range(8):
            attacker.send(b"x" * (1 << 20))
        assert attacker.reply() == ""
    scene.neighbour_is_served()
    attacker.close()


def test_mails_without_a_pause_between_them(scene: Scene) -> None:
    attacker = scene.attacker()
    messages = [mail(f"Subject: pipelined {n}", f"Message-ID: <p{n}@b.example>") for n in range(20)]
    messages[7] = mail("Subject: pipelined 7", body="a\r\n.b\r\n").replace(b"a\r\n", b"a\n")
    transactions = [b"\r\n".join(ENVELOPE[1:]) + b"\r\n" + stuffed(message) for message in messages]
    attacker.send(HELLO + b"\r\n" + b"".join(transactions) + b"QUIT\r\n")
    scene.neighbour_is_served()
    assert attacker.reply().startswith("250 ")
    for number in range(20):
        assert [reply[:3] for reply in replies(attacker, 3)] == ["250", "250", "354"]
        scene.heard(attacker.reply(), NEWLINE if number == 7 else CREATED)
    assert replies(attacker, 2) == ["221 2.0.0 bye", ""]
    attacker.close()


def test_a_flood_of_recipients(scene: Scene) -> None:
    attacker = scene.attacker()
    flood = b"".join(b"RCPT TO:<support+%d@example.org>\r\n" % n for n in range(RECIPIENTS))
    attacker.send(HELLO + b"\r\n" + SENDER + b"\r\n" + flood + b"DATA\r\n")
    scene.neighbour_is_served()
    told = replies(attacker, RECIPIENTS + 3)
    assert [reply[:3] for reply in told[: MAX_RECIPIENTS + 2]] == ["250"] * (MAX_RECIPIENTS + 2)
    for reply in told[MAX_RECIPIENTS + 2 : -1]:
        scene.heard(reply, "452 4.5.3 rcpt.limit: ")
    attacker.send(stuffed(mail("Subject: to many")))
    scene.heard(attacker.reply(), CREATED)
    attacker.close()


@pytest.mark.parametrize(
    "command", [b"NOOP", b"RSET", b"VRFY support", b"HELLO?", b"RCPT TO:<nobody@example.org>", HELLO]
)
def test_a_flood_of_commands(scene: Scene, command: bytes) -> None:
    attacker = scene.attacker()
    assert attacker.ask(HELLO).startswith("250 ")
    if command.startswith(b"RCPT"):
        assert attacker.ask(SENDER).startswith("250 ")
    attacker.send((command + b"\r\n") * 200)
    scene.neighbour_is_served()
    while (reply := attacker.reply()) and not reply.startswith("421 "):
        if "; log " in reply:
            scene.told.append(reply)
    assert reply.startswith("421 4.7.0 command.limit: ")
    attacker.close()


def test_a_browser_made_to_send_mail(scene: Scene) -> None:
    attacker = scene.attacker()
    body = b"\r\n".join(ENVELOPE) + b"\r\n" + stuffed(mail("Subject: from a browser"))
    attacker.send(b"POST / HTTP/1.1\r\nHost: mx.example.org:2525\r\nContent-Type: text/plain\r\n\r\n" + body)
    scene.neighbour_is_served()
    assert replies(attacker, 2) == ["500 5.5.1 command unrecognised", ""]
    attacker.close()


def test_a_flood_of_connections(scene: Scene) -> None:
    stranger = "127.0.0.2"
    flood = [Attacker(scene.server, stranger)]
    while flood[-1].greeting.startswith("220 "):
        flood.append(Attacker(scene.server, stranger))
    assert flood[-1].greeting.startswith("421 4.7.0 connect.limit: ")
    assert flood[-1].reply() == ""
    assert len(flood) == MAX_CONNECTIONS + 1
    scene.neighbour_is_served()
    for attacker in flood:
        attacker.close()


# ---- what remains ----------------------------------------------------------------------------------------------------


def test_at_the_end_all_of_it_is_told_and_the_server_is_well(scene: Scene) -> None:
    scene.neighbour_is_served()
    server = scene.server
    log = {row["id"]: row for row in server.json("log", "list", "--limit", "100000")}
    assert len(log) >= len(scene.told)
    for reply in scene.told:
        if "; log " not in reply:
            assert reply.startswith(("50", "555")), "only grammar and sequence are not logged"
            continue
        row = log[log_id(reply)]
        assert "{code} {status} {text}".format(**row["reply"]) == reply
        assert row["outcome"] in (("created", "duplicate") if reply.startswith("250 ") else ("rejected", "deferred"))
        assert reply.startswith("250 ") or f" {row['reason']}: " in reply
    titles = [issue["title"] for issue in server.json("issue", "list", "--limit", "100000")]
    assert not {"smuggled", "half a message", "from a browser"} & set(titles)
    assert all(title.isprintable() for title in titles)
    journal = server.journal.read_text()
    assert "Traceback" not in journal
    assert "[error" not in journal
    assert server.stop() == 0
