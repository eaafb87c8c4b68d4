"""Content-Transfer-Encoding (RFC 2045 s6): the octets that a part means, piece by piece.

Contract: linear, total, and bounded in memory whatever the size of the part. The same function measures an attachment
when the mail arrives and opens it later, so its size and hash are those of what a reader gets. What is not in the
alphabet of base64 is passed over, as RFC 2045 s6.8 asks.
"""

import binascii
import hashlib
from collections.abc import Iterator
from typing import Final

import pybase64

from smtpintake.mail.prescan import CHUNK, Octets

IDENTITY: Final = frozenset(("", "7bit", "8bit", "binary"))
KNOWN: Final = IDENTITY | {"base64", "quoted-printable"}

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_OTHERS: Final = bytes(sorted(set(range(256)) - set(_ALPHABET)))


def decoded(octets: Octets, offset: int, length: int, encoding: str) -> Iterator[bytes]:
    """The decoded octets of `octets[offset:offset + length]`, in pieces; as they are where `encoding` is unknown."""
    pieces = _pieces(octets, offset, length)
    if encoding == "base64":
        return _base64(pieces)
    if encoding == "quoted-printable":
        return _quoted_printable(pieces)
    return pieces


def measure(octets: Octets, offset: int, length: int, encoding: str) -> tuple[int, str]:
    """The size and the SHA-256 (hex) of the decoded octets."""
    digest = hashlib.sha256()
    size = 0
    for piece in decoded(octets, offset, length, encoding):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def head(octets: Octets, offset: int, length: int, encoding: str, limit: int) -> tuple[bytes, bool]:
    """At most `limit` decoded octets from the beginning, and whether there are more."""
    taken = bytearray()
    for piece in decoded(octets, offset, length, encoding):
        taken += piece
        if len(taken) > limit:
            return bytes(taken[:limit]), True
    return bytes(taken), False


def _pieces(octets: Octets, offset: int, length: int) -> Iterator[bytes]:
    for start in range(offset, offset + length, CHUNK):
        yield octets[start : min(start + CHUNK, offset + length)]


def _base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        clean = rest + piece.translate(None, _OTHERS)
        padded = clean.rfind(b"=") + 1
        if padded:
            yield from _padded(clean[:padded])
        whole = padded + (len(clean) - padded & ~3)
        yield pybase64.b64decode(clean[padded:whole], validate=True)
        rest = clean[whole:]
    yield from _padded(rest)


def _padded(clean: bytes) -> Iterator[bytes]:
    """Base64 with padding in it: at its end, or in the middle where encoded pieces were put one after another."""
    for piece in clean.rstrip(b"=").split(b"="):
        # Six bits alone make no octet.
        usable = piece[:-1] if len(piece) % 4 == 1 else piece
        if usable:
            yield pybase64.b64decode(usable + b"=" * (-len(usable) % 4), validate=True)


def _quoted_printable(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        whole = rest + piece
        # `=3D` and `=\r\n` must not be cut in two.
        cut = whole.rfind(b"=", max(0, len(whole) - 2))
        cut = len(whole) if cut < 0 else cut
        rest = whole[cut:]
        yield binascii.a2b_qp(whole[:cut])
    yield binascii.a2b_qp(rest)
