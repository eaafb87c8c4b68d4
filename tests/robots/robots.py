"""Robots that write back, each as careless as one of its kind was ever seen: none minds the null reverse-path."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from itertools import count

from tests.robots.post import Letter

_ids = count(1)
PROMPT = (timedelta(seconds=1), timedelta(minutes=5))
SLOW = (timedelta(minutes=20), timedelta(hours=5))

Reaction = Callable[["Robot", Letter, Message], Sequence[Letter]]


@dataclass(frozen=True, slots=True)
class Robot:
    """The robot of `domain`, at the address `desk@` of it. A person there begins each chain."""

    domain: str
    reaction: Reaction
    latency: tuple[timedelta, timedelta] = PROMPT

    @property
    def address(self) -> str:
        return f"desk@{self.domain}"

    def receive(self, letter: Letter, now: datetime) -> Sequence[Letter]:
        return self.reaction(self, letter, message_from_bytes(letter.octets))

    def letter(
        self, to: str, subject: str, chain: int, body: str = "Hello", mail_from: str | None = None, **fields: str
    ) -> Letter:
        """A mail of its own, or of the person there."""
        header = {
            "From": f"Desk <{self.address}>",
            "To": to,
            "Subject": subject,
            "Message-ID": f"<{next(_ids)}@{self.domain}>",
            **{name.replace("_", "-"): value for name, value in fields.items()},
            "MIME-Version": "1.0",
            "Content-Type": "text/plain; charset=utf-8",
        }
        text = "".join(f"{name}: {value}\n" for name, value in header.items()) + f"\n{body}\n"
        octets = text.replace("\n", "\r\n").encode()
        return Letter(self.address if mail_from is None else mail_from, to, octets, chain)


def _author(mail: Message) -> str:
    return parseaddr(mail["From"])[1]


def _text(mail: Message) -> str:
    plain = next((part for part in mail.walk() if part.get_content_type() == "text/plain"), None)
    octets = plain.get_payload(decode=True) if plain is not None else b""
    return octets.decode().replace("\r\n", "\n") if isinstance(octets, bytes) else ""


def reader(_: Robot, __: Letter, ___: Message) -> Sequence[Letter]:
    """No robot at all."""
    return ()


def vacation(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    """RFC 3834, but for when not to answer."""
    subject = f"Auto: {mail['Subject']}"
    fields = {"Auto_Submitted": "auto-replied", "In_Reply_To": mail["Message-ID"]}
    return (robot.letter(_author(mail), subject, letter.chain, "I am away.", "", **fields),)


def mute_vacation(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    """Says of itself nothing at all, and refers to nothing but in its subject."""
    return (robot.letter(_author(mail), f"Re: {mail['Subject']}", letter.chain, "I am away."),)


def vacation_with_a_subject_of_its_own(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    return (robot.letter(_author(mail), "I am away until Monday", letter.chain, "Call my colleague."),)


def to_reply_to(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    """Thanks, in the thread or out of it."""
    to = parseaddr(mail["Reply-To"] or mail["From"])[1]
    return (robot.letter(to, "Thank you for your mail", letter.chain, "We care."),)


def to_from_with_quote(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    quoted = "\n".join(f"> {line}" for line in _text(mail).splitlines())
    fields = {"In_Reply_To": mail["Message-ID"], "References": mail["Message-ID"]}
    return (robot.letter(_author(mail), f"Re: {mail['Subject']}", letter.chain, f"Noted.\n\n{quoted}", **fields),)


def tickets(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    """A ticket for each mail, and each ticket a thread of its own that shows nothing of ours."""
    return (robot.letter(_author(mail), f"[Ticket#{next(_ids)}] Request received", letter.chain, "We are on it."),)


def tickets_with_our_subject(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    subject = f"[Ticket#{next(_ids)}] Request received: {mail['Subject']}"
    return (robot.letter(_author(mail), subject, letter.chain, "We are on it."),)


def mailing_list(*members: str) -> Reaction:
    def echo(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
        octets = f"List-Id: <desk.{robot.domain}>\r\n".encode() + letter.octets
        return [Letter(f"desk-bounces@{robot.domain}", member, octets, letter.chain) for member in members]

    return echo


def alias(*members: str) -> Reaction:
    """Passes everything on as it came: authors, marks and signatures stay."""
    return lambda _, letter, __: [replace(letter, rcpt_to=member) for member in members]


def rewriting_forwarder(*members: str) -> Reaction:
    """Passes words on, as its own, and nothing else: every mark is lost."""

    def forward(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
        return [robot.letter(to, f"Fwd: {mail['Subject']}", letter.chain, _text(mail)) for to in members]

    return forward


def bouncer(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    """Returns what it gets to the author, where nobody asked for it, with a reverse-path."""
    daemon = f"MAILER-DAEMON@{robot.domain}"
    body = f"Your message could not be delivered.\n\n{mail.as_string()[:500]}"
    return (
        robot.letter(_author(mail), "Undelivered Mail Returned to Sender", letter.chain, body, daemon, From=daemon),
    )


def bouncer_in_words(robot: Robot, letter: Letter, mail: Message) -> Sequence[Letter]:
    """As a gateway writes it that has never heard of RFC 3464."""
    return (robot.letter(_author(mail), "Your mail", letter.chain, "It was not delivered: mailbox unknown."),)
