"""OpenPGP (RFC 9580): what kind an armoured message is, and what one that is only signed says.

Contract: total and linear, and bounded: no more than `MAX_CONTENT` octets are inflated, once. Nothing is verified here.
"""

import binascii
import re
import zlib
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    OTHER = "other"


MAX_CONTENT: Final = 256 << 10  # octets of what was signed

# Packets, s5
_SIGNATURE, _ONE_PASS, _COMPRESSED, _MARKER, _LITERAL = 2, 4, 8, 10, 11
_KINDS: Final = {
    **dict.fromkeys((1, 3, 9, 18, 20), Kind.ENCRYPTED),  # session keys, and data under them
    **dict.fromkeys((_SIGNATURE, _ONE_PASS, _COMPRESSED, _LITERAL), Kind.SIGNED),
}
_WINDOW: Final = {1: -zlib.MAX_WBITS, 2: zlib.MAX_WBITS}  # s9.4: ZIP and ZLIB; BZip2 takes long for what it gives
_BINARY: Final = ord("b")
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

# s6.2: headers, an empty line, base64, and perhaps a checksum
_ARMOUR: Final = re.compile(
    rb"-----BEGIN PGP MESSAGE-----[ \t]*\r?\n(?:[A-Za-z]+: [^\r\n]*\r?\n){0,20}[ \t]*\r?\n([A-Za-z0-9+/=\s]*+)"
)
_CHECKSUM: Final = re.compile(rb"\n=[A-Za-z0-9+/]{4}\s*\Z")


class _MalformedError(Exception):
    """The octets are no packets that we can find our way in."""


def dearmoured(lines: bytes) -> bytes:
    """The packets in armour; nothing where `lines` are none."""
    match = _ARMOUR.match(lines)
    if match is None:
        return b""
    try:
        return binascii.a2b_base64(_CHECKSUM.sub(b"", match[1]))
    except binascii.Error:
        return b""


def kind(octets: bytes) -> Kind:
    """What a message is by its first packet."""
    try:
        packets = _Packets(octets)
        tag = packets.tag()
        while tag == _MARKER:  # s5.8: to be passed over
            packets.body()
            tag = packets.tag()
    except _MalformedError:
        return Kind.OTHER
    return _KINDS.get(tag, Kind.OTHER)


def signed_text(octets: bytes) -> bytes | None:
    """The text that a message has which is only signed; None where it has none, or more than we take."""
    try:
        return _text(octets, may_inflate=True)
    except (_MalformedError, zlib.error):
        return None


def _text(octets: bytes, *, may_inflate: bool) -> bytes | None:
    packets = _Packets(octets)
    while True:
        tag = packets.tag()
        body = packets.body()
        if tag == _LITERAL:
            return _literal(body)
        if tag == _COMPRESSED and may_inflate:
            return _text(_inflated(body), may_inflate=False)
        if tag not in (_SIGNATURE, _ONE_PASS, _MARKER):
            return None


def _literal(body: bytes) -> bytes | None:
    """The content of literal data (s5.9): a format, a name, a date of four octets, and then the content."""
    start = 2 + (body[1] if len(body) > 1 else 0) + 4
    content = body[start:]
    if len(body) < start or len(content) > MAX_CONTENT:
        return None
    if body[0] == _BINARY and _NOT_TEXT.search(content):  # GnuPG says so of text, too
        return None
    return content


def _inflated(body: bytes) -> bytes:
    window = _WINDOW.get(body[0]) if body else None
    if window is None:
        raise _MalformedError
    return zlib.decompressobj(window).decompress(body[1:], MAX_CONTENT + (1 << 10))


class _Packets:
    """Packets one after another (s4.2): the tag of each, then its body."""

    def __init__(self, octets: bytes) -> None:
        self._octets: Final = octets
        self._at = 0
        self._old_length: int | None = None

    def tag(self) -> int:
        first = self._octet()
        if not first & 0x80:
            raise _MalformedError
        if first & 0x40:
            self._old_length = None
            return first & 0x3F
        self._old_length = first & 3
        return first >> 2 & 0xF

    def body(self) -> bytes:
        if self._old_length == 3:  # s4.2.2.4: to the end
            return self._take(len(self._octets) - self._at)
        if self._old_length is not None:
            return self._take(self._number(1 << self._old_length))
        pieces = []
        while 224 <= (first := self._octet()) < 255:  # s4.2.1.4: a piece, and more of them
            pieces.append(self._take(1 << (first & 0x1F)))
        if first < 192:
            length = first
        elif first < 224:
            length = (first - 192 << 8) + self._octet() + 192
        else:
            length = self._number(4)
        return b"".join((*pieces, self._take(length)))

    def _octet(self) -> int:
        return self._number(1)

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size))

    def _take(self, length: int) -> bytes:
        start = self._at
        self._at += length
        if self._at > len(self._octets):
            raise _MalformedError
        return self._octets[start : self._at]
