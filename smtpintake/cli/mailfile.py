"""A mail in a file, with what SMTP would have said of it: what `deliver` and `explain` are given."""

import hashlib
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import click

from smtpintake.intake.spool import Received
from smtpintake.mail.address import NULL_PATH, AddressError, Mailbox, ReversePath
from smtpintake.mail.envelope import Envelope, Hello, Peer
from smtpintake.mail.ids import new_id
from smtpintake.mail.parse import read

LISTENER: Final = "deliver"

_Options = Callable[[Callable[..., None]], Callable[..., None]]

_ARGUMENTS: Final[tuple[_Options, ...]] = (
    click.argument("file", type=click.File("rb")),
    click.option("--to", "to", metavar="ADDR", multiple=True, required=True, help="A recipient; may be given again."),
    click.option("--mail-from", metavar="ADDR", help="The envelope sender, <> for none.  [default: the mail's author]"),
    click.option("--peer", metavar="IP", default="127.0.0.1", show_default=True, help="The client's address."),
    click.option("--helo", metavar="NAME", default=socket.gethostname, help="What the client called itself."),
)


def mail_options(function: Callable[..., None]) -> Callable[..., None]:
    """FILE, and what SMTP would have said of it."""
    for option in reversed(_ARGUMENTS):
        function = option(function)
    return function


def as_sent(octets: bytes) -> bytes:
    """The octets with the line ends of SMTP: a pipe gives LF, and mailbox files begin with a line of their own."""
    if octets.startswith((b"From ", b">From ")):
        octets = octets.partition(b"\n")[2]
    # Each line by itself: one CRLF in a mail of LF, left over by some gateway, must not make all others bare.
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def received(octets: bytes) -> Received:
    return Received(octets, None, len(octets), hashlib.sha256(octets).hexdigest())


def envelope_of(
    octets: bytes, to: tuple[str, ...], *, mail_from: str | None, peer: str | None, helo: str | None
) -> Envelope:
    """What the options say of the mail. Raises click's BadParameter for what is no address."""
    now = datetime.now(UTC)
    path = _reverse_path(mail_from, octets)
    recipients = tuple(dict.fromkeys(_mailbox("--to", address) for given in to for address in given.split(",")))
    return Envelope(new_id(now), now, LISTENER, Peer(peer or ""), Hello(helo or ""), None, path, recipients)


def _reverse_path(given: str | None, octets: bytes) -> ReversePath:
    if given is None:
        author = read(octets).author
        return ReversePath(author.mailbox if author else None)
    address = given.strip().removeprefix("<").removesuffix(">")
    return ReversePath(_mailbox("--mail-from", address)) if address else NULL_PATH


def _mailbox(option: str, text: str) -> Mailbox:
    try:
        return Mailbox.parse(text.strip().removeprefix("<").removesuffix(">"))
    except AddressError as error:
        raise click.BadParameter(f"{text!r} is no address: {error}", param_hint=option) from error
