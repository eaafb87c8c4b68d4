"""People with mail programs: they write to a real server over SMTP, find in their mailbox what it sends by way of a
real smarthost, and answer that as their program does.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime, getaddresses, parseaddr
from functools import cached_property
from html import escape
from uuid import uuid4

from aiosmtpd.smtp import Envelope

from tests import clients, shown
from tests.clients import Reply, Written
from tests.server import PATIENCE, Server
from tests.shown import Dress, text_of
from tests.smarthost import Host, listening

_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)
# RFC 5256 s2.1: what a program that gathers conversations leaves out of a subject.
_LEADERS = re.compile(r"(?:\s*(?:(?:re|aw|sv|fwd?)\s*(?:\[[^\]]*\])?:|\[[^\]]*\]))*\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Program:
    """A mail program: how it quotes, dresses text, and begins the subject of an answer; which fields name the mail that
    it answers; and whether it knows Reply-To.
    """

    quotes: Reply
    dress: Dress
    prefix: str = "Re: "
    form: str = "both"
    refers: tuple[str, ...] = ("In-Reply-To", "References")
    knows_reply_to: bool = True


GMAIL = Program(clients.gmail, shown.GMAIL)
OUTLOOK = Program(clients.outlook, shown.OUTLOOK, prefix="RE: ")
APPLE = Program(clients.apple, shown.APPLE)
THUNDERBIRD = Program(clients.thunderbird, shown.THUNDERBIRD)
PLAIN = Program(clients.thunderbird, shown.THUNDERBIRD, form="text")


@dataclass(frozen=True)
class Received:
    """A mail in somebody's mailbox, and the envelope that it came in."""

    message: EmailMessage
    mail_from: str

    def __getitem__(self, name: str) -> str:
        return str(self.message[name] or "")

    @cached_property
    def text(self) -> str:
        """The plain text, lines as they are read."""
        part = self.message.get_body(("plain",))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")

    @cached_property
    def html(self) -> str:
        """What is inside the body of the HTML; of a mail of plain text, the HTML that a program shows it as."""
        part = self.message.get_body(("html",))
        if part is None:
            return f"<pre>{escape(self.text)}</pre>"
        found = _BODY.search(str(part.get_content()))
        assert found is not None
        return found[1]

    @cached_property
    def seen(self) -> str:
        """What a person reads."""
        return text_of(self.html)

    @property
    def references(self) -> list[str]:
        return [*self["References"].split(), *self["In-Reply-To"].split()]


class PostOffice:
    """The smarthost, and everybody's mailbox."""

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host, self._loop = host, loop
        self._opened: dict[int, Received] = {}

    @property
    def port(self) -> int:
        return self._host.port

    def mails(self, address: str) -> list[Received]:
        """What was delivered to `address` so far."""
        taken = list(enumerate(self._host.taken))
        return [self._open(number, envelope) for number, envelope in taken if envelope.rcpt_tos == [address]]

    def _open(self, number: int, envelope: Envelope) -> Received:
        """Each mail is read once, however often it is asked for."""
        if number not in self._opened:
            self._opened[number] = _opened(envelope)
        return self._opened[number]

    def wait(self, address: str, words: str) -> Received:
        """The first mail to `address` that says `words`, once it was delivered."""

        def found() -> list[Received]:
            return [mail for mail in self.mails(address) if words in " ".join(mail.seen.split())]

        async def arrive() -> Received:
            try:
                async with asyncio.timeout(PATIENCE), self._host.arrived:
                    return (await self._host.arrived.wait_for(found))[0]
            except TimeoutError as error:
                heard = [mail.seen for mail in self.mails(address)]
                raise AssertionError(f"{address} never heard {words!r}, but {heard}") from error

        return asyncio.run_coroutine_threadsafe(arrive(), self._loop).result()


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """A post office, with a loop and a thread of its own: tests and their people wait for it."""
    loop = asyncio.new_event_loop()
    opened, closing = threading.Event(), asyncio.Event()
    host = Host()

    async def serve() -> None:
        async with listening(host):
            opened.set()
            await closing.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    opened.wait()
    try:
        yield PostOffice(host, loop)
    finally:
        loop.call_soon_threadsafe(closing.set)
        thread.join()
        loop.close()


@dataclass
class Account:
    """Somebody who writes with a program. `sent` is what they sent."""

    name: str
    address: str
    program: Program
    server: Server
    office: PostOffice
    sent: list[EmailMessage] = field(default_factory=list)

    @property
    def received(self) -> list[Received]:
        return self.office.mails(self.address)

    def hears(self, words: str) -> Received:
        """The mail that says so, once it has come."""
        return self.office.wait(self.address, words)

    def write(self, to: str, subject: str, words: str) -> str:
        """Send a new mail; what the server says of it."""
        return self._submit(to, replace(clients.first(self.name, self.address, words), subject=subject), {})

    def answer(self, mail: Received, words: str) -> str:
        """Answer as the program does; what the server says of it."""
        author, address = parseaddr(mail["From"])
        text = mail.text if self.program.form == "text" else text_of(mail.html, self.program.dress)
        answered = Written(author, address, "", mail["Subject"], text, mail.html, mail["To"])
        reply = self.program.quotes(self.name, self.address, words, answered)
        subject = mail["Subject"]
        if not subject.lower().startswith(self.program.prefix.strip().lower()):
            subject = self.program.prefix + subject
        fields = {
            "In-Reply-To": mail["Message-ID"],
            "References": " ".join(dict.fromkeys((*mail["References"].split(), mail["Message-ID"]))),
        }
        to = parseaddr(mail["Reply-To"] if self.program.knows_reply_to and mail["Reply-To"] else mail["From"])[1]
        return self._submit(to, replace(reply, subject=subject), {name: fields[name] for name in self.program.refers})

    def _submit(self, to: str, written: Written, fields: dict[str, str]) -> str:
        header = {
            "From": f"{self.name} <{self.address}>",
            "To": to,
            "Subject": written.subject,
            "Date": format_datetime(datetime.now(UTC)),
            "Message-ID": f"<{uuid4().hex}@{self.address.partition('@')[2]}>",
            **fields,
        }
        content, body = clients.octets(written, self.program.form)
        octets = "".join(f"{name}: {value}\r\n" for name, value in header.items()) + content + "\r\n" + body
        with self.server.client() as client:
            client.ehlo("mail." + self.address.partition("@")[2])
            client.mail(self.address)
            client.rcpt(to)
            code, reply = client.data(octets.encode())
        assert code == 250, reply
        self.sent.append(BytesParser(policy=policy.default).parsebytes(octets.encode()))
        return reply.decode().removeprefix("2.0.0 ").partition(";")[0]

    def conversations(self) -> list[set[str]]:
        """How the program gathers what was sent and received: mails of one subject of which one names the other."""
        gathered: list[tuple[str, set[str], set[str]]] = []
        for message in (*self.sent, *(mail.message for mail in self.received)):
            own, subject = str(message["Message-ID"]), base_subject(str(message["Subject"]))
            names = {own, *str(message["References"] or "").split(), *str(message["In-Reply-To"] or "").split()}
            ids = {own}
            for other in [each for each in gathered if each[0] == subject and each[1] & names]:
                gathered.remove(other)
                names |= other[1]
                ids |= other[2]
            gathered.append((subject, names, ids))
        return [ids for _, _, ids in gathered]


def base_subject(subject: str) -> str:
    """What the mails of a conversation have in common (RFC 5256 s2.1)."""
    return _LEADERS.sub("", subject, count=1).strip().lower()


def addresses(value: str) -> list[str]:
    return [address for _, address in getaddresses([value])]


def _opened(envelope: Envelope) -> Received:
    assert isinstance(envelope.content, bytes)
    message = BytesParser(policy=policy.default).parsebytes(envelope.content)
    assert isinstance(message, EmailMessage)
    return Received(message, envelope.mail_from or "")
