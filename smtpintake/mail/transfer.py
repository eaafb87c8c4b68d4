"""Content-Transfer-Encoding (RFC 2045 s6) and what comes after it: the octets that a part means, piece by piece.

Contract: linear, total, and bounded in memory whatever the size of the part. The same function measures an attachment
when the mail arrives and opens it later, so its size and hash are those of what a reader gets. What is not in the
alphabet of base64 is passed over, as RFC 2045 s6.8 asks.

An `encoding` is a path of steps, undone from left to right: `base64`, `base64/cms/812+4096/quoted-printable`,
`uuencode`. The steps beyond RFC 2045 are those of `mail/container.py`.
"""

import binascii
import hashlib
from collections.abc import Iterator
from typing import Final

import pybase64

from smtpintake.mail import container
from smtpintake.mail.prescan import CHUNK, Octets

IDENTITY: Final = frozenset(("", "7bit", "8bit", "binary"))
KNOWN: Final = IDENTITY | {"base64", "quoted-printable", "uuencode"}
_MEANT: Final = {"x-uuencode": "uuencode", "x-uue": "uuencode", "uue": "uuencode"}

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_OTHERS: Final = bytes(sorted(set(range(256)) - set(_ALPHABET)))


def step(stated: str) -> str | None:
    """The step that a Content-Transfer-Encoding field states; None where there is no such encoding."""
    name = _MEANT.get(stated, stated)
    return name if name in KNOWN else None


def decoded(octets: Octets, offset: int, length: int, encoding: str) -> Iterator[bytes]:
    """The decoded octets of `octets[offset:offset + length]`, in pieces; a step that is unknown changes nothing."""
    pieces = _pieces(octets, offset, length)
    for name in encoding.split("/"):
        if name == "base64":
            pieces = _base64(pieces)
        elif name == "quoted-printable":
            pieces = _quoted_printable(pieces)
        elif name not in IDENTITY:
            pieces = container.opened(pieces, name)
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
