"""The exchanges of AUTH: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login), as far as the password.

Contract: an exchange asks the client through `Ask` and gives Credentials, or raises ExchangeError with the reply that
ends it. What was said is never part of an error.
"""

import base64
import binascii
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from smtpintake.mail.reply import AUTH_CANCELLED, AUTH_NOT_BASE64, AUTH_TOO_LONG, BARE_NEWLINE_COMMAND, Reply

MAX_LINE: Final = 12288  # RFC 4954 s4, octets with CRLF
MAX_NAME: Final = 255

# Sends a challenge, gives the line that answers it, with its end; None for one that no buffer holds.
Ask = Callable[[bytes], Awaitable[bytes | None]]


class ExchangeError(Exception):
    """The exchange is over without credentials."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the client says it is. `acts_as` is the identity that it wants to act as, empty for its own."""

    username: str
    password: str = field(repr=False)
    acts_as: str = ""


async def plain(initial: str | None, ask: Ask) -> Credentials:
    """message = [authzid] NUL authcid NUL passwd (RFC 4616 s2)."""
    message = await _answer(b"", ask) if initial is None else _initial(initial)
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise ExchangeError(AUTH_NOT_BASE64)
    acts_as, username, password = map(_text, parts)
    return _credentials(username, password, acts_as)


async def login(initial: str | None, ask: Ask) -> Credentials:
    """First the name, then the password."""
    username = await _answer(b"Username:", ask) if initial is None else _initial(initial)
    password = await _answer(b"Password:", ask)
    return _credentials(_text(username), _text(password))


MECHANISMS: Final[Mapping[str, Callable[[str | None, Ask], Awaitable[Credentials]]]] = {"PLAIN": plain, "LOGIN": login}


def prepared(text: str) -> str:
    """A name or password in the one form that is compared, however a keyboard composes it (RFC 8265 s4.2)."""
    return unicodedata.normalize("NFC", text)


async def _answer(challenge: bytes, ask: Ask) -> bytes:
    line = await ask(challenge)
    if line is None or len(line) > MAX_LINE:
        raise ExchangeError(AUTH_TOO_LONG)
    if not line.endswith(b"\r\n"):
        raise ExchangeError(BARE_NEWLINE_COMMAND)
    if line == b"*\r\n":
        raise ExchangeError(AUTH_CANCELLED)
    return _decoded(line[:-2])


def _initial(text: str) -> bytes:
    return b"" if text == "=" else _decoded(text.encode())  # RFC 4954 s4: "=" is a response of no octets


def _decoded(octets: bytes) -> bytes:
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error as error:
        raise ExchangeError(AUTH_NOT_BASE64) from error


def _text(octets: bytes) -> str:
    try:
        return prepared(octets.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ExchangeError(AUTH_NOT_BASE64) from error


def _credentials(username: str, password: str, acts_as: str = "") -> Credentials:
    # RFC 4616 s2: neither may be empty.
    if not username or not password or len(username) > MAX_NAME:
        raise ExchangeError(AUTH_NOT_BASE64)
    return Credentials(username, password, acts_as)
