"""The header of the PROXY protocol, versions 1 and 2, in front of a connection that a proxy passes on.

Contract: pure; octets in, a value out. Source: https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, whose
sections are cited here. TLVs are skipped.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final

from smtpintake.intake.relay import plain_ip
from smtpintake.mail.envelope import Peer

MAX_HEADER: Final = 4096  # of version 2, TLVs included; 536 octets are what a sender may count on (s2.2)

_MAX_LINE: Final = 107  # s2.1, CRLF included
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = struct.Struct("!12sBBH")
_INET: Final = struct.Struct("!4s4sHH")
_INET6: Final = struct.Struct("!16s16sHH")
_PORT: Final = r"(0|[1-9][0-9]{0,4})"
_LINE: Final = re.compile(rf"PROXY (TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) {_PORT} {_PORT}")


class ProxyHeaderError(Exception):
    """The octets are no PROXY header. The message says why, without repeating them."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """The first `length` octets. `client` is None where the proxy speaks for itself, or can't tell for whom."""

    length: int
    client: Peer | None


def read_header(octets: bytes) -> ProxyHeader | None:
    """The header that `octets` begin with; None where some of it is still to come. Raises ProxyHeaderError."""
    if octets.startswith(_SIGNATURE[: len(octets)]):
        return _binary(octets) if len(octets) >= _FIXED.size else None
    if octets.startswith(b"PROXY "[: len(octets)]):
        return _line(octets)
    raise ProxyHeaderError("something else than a PROXY header came first")


def _line(octets: bytes) -> ProxyHeader | None:
    """Version 1 (s2.1)."""
    line, end, _ = octets[:_MAX_LINE].partition(b"\r\n")
    if not end:
        if len(octets) >= _MAX_LINE:
            raise ProxyHeaderError(f"version 1: no line end within {_MAX_LINE} octets")
        return None
    length = len(line) + len(end)
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return ProxyHeader(length, None)
    match = _LINE.fullmatch(line.decode("latin-1"))
    if match is None:
        raise ProxyHeaderError("version 1: malformed")
    family, source, _, port, _ = match.groups()
    try:
        ip = plain_ip(source)
    except ValueError as error:
        raise ProxyHeaderError("version 1: malformed address") from error
    if (":" in source) != (family == "TCP6") or int(port) > 65535:
        raise ProxyHeaderError("version 1: malformed address or port")
    return ProxyHeader(length, Peer(ip, int(port)))


def _binary(octets: bytes) -> ProxyHeader | None:
    """Version 2 (s2.2)."""
    _, version_command, family_protocol, size = _FIXED.unpack_from(octets)
    version, command = version_command >> 4, version_command & 15
    family, protocol = family_protocol >> 4, family_protocol & 15
    length = _FIXED.size + size
    if version != 2 or command > 1 or family > 3 or protocol > 2:
        raise ProxyHeaderError("version 2: unknown version, command, family or protocol")
    if length > MAX_HEADER:
        raise ProxyHeaderError(f"version 2: longer than {MAX_HEADER} octets")
    if len(octets) < length:
        return None
    if command == 0 or protocol != 1 or family not in (1, 2):
        return ProxyHeader(length, None)  # LOCAL, or a client without an IP address
    form = _INET if family == 1 else _INET6
    if size < form.size:
        raise ProxyHeaderError("version 2: too short for its addresses")
    source, _, port, _ = form.unpack_from(octets, _FIXED.size)
    return ProxyHeader(length, Peer(plain_ip(_textual(source)), port))


def _textual(packed: bytes) -> str:
    return ".".join(map(str, packed)) if len(packed) == 4 else packed.hex(":", 2)
