"""The attributes of XCLIENT and XFORWARD, with which a mail server tells of its own client.

Contract: pure; the argument of a command in, a value out. Sources: Postfix 3.7, XCLIENT_README and XFORWARD_README. A
name that was looked up, LOGIN and the destination are read and left alone: a relay is trusted to name its client, not
to know what DNS says, nor to speak for an account of ours.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from smtpintake.intake.command import MAX_HELLO
from smtpintake.intake.relay import plain_ip

XCLIENT: Final = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT")
XFORWARD: Final = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE")

_UNKNOWN: Final = frozenset(("[UNAVAILABLE]", "[TEMPUNAVAIL]"))
_XTEXT: Final = re.compile(r"(?:[!-*,-~]|\+[0-9A-F]{2})*")  # RFC 3461 s4; a "=" is taken, which old clients send plain
_HEX: Final = re.compile(r"\+([0-9A-F]{2})")


class AttributeSyntaxError(Exception):
    """The command is malformed, or has an attribute that was not offered."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a relay has told of its client so far; None where it didn't, or doesn't know."""

    ip: str | None = None
    port: int = 0
    hello: str | None = None
    extended: bool = True

    def and_then(self, argument: str | None, offered: tuple[str, ...]) -> "Told":
        """With what another command's argument tells laid over it. Raises AttributeSyntaxError."""
        ip, port, hello, extended = self.ip, self.port, self.hello, self.extended
        for name, value in _attributes(argument or "", offered):
            match name:
                case "ADDR":
                    ip = None if value is None else _address(value)
                case "PORT":
                    port = 0 if value is None else _port(value)
                case "HELO":
                    hello = value or None
                case "PROTO":
                    extended = value is None or value.upper() != "SMTP"
        return Told(ip, port, hello, extended)


def _attributes(argument: str, offered: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """Names in upper case with their values, None for one that is unavailable."""
    found: list[tuple[str, str | None]] = []
    for word in argument.split():
        name, equals, xtext = word.partition("=")
        if not equals or name.upper() not in offered or not _XTEXT.fullmatch(xtext):
            raise AttributeSyntaxError(name)
        value = _HEX.sub(lambda octet: chr(int(octet[1], 16)), xtext)
        if not value.isascii() or not value.isprintable() or len(value) > MAX_HELLO:
            raise AttributeSyntaxError(name)
        found.append((name.upper(), None if value.upper() in _UNKNOWN else value))
    if not found:
        raise AttributeSyntaxError("no attribute")
    return found


def _address(value: str) -> str:
    prefixed = value[:5].upper() == "IPV6:"
    try:
        address = ipaddress.ip_address(value[5:] if prefixed else value)
    except ValueError as error:
        raise AttributeSyntaxError("ADDR") from error
    if prefixed != (address.version == 6):
        raise AttributeSyntaxError("ADDR")
    return plain_ip(str(address))


def _port(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or int(value) > 65535:
        raise AttributeSyntaxError("PORT")
    return int(value)
