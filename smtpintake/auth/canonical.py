"""Bodies as DKIM signs them (RFC 6376 s3.4.3, s3.4.4): made canonical and hashed, once for all signatures alike.

Contract: linear in the body whatever it holds, and in memory a few times `_PIECE`: the octets may be a mapped file of
any size. Each CR and each LF must be half of a CRLF, as `mail.prescan` sees to; what else the octets are never matters.

> s3.4.3: The "simple" body canonicalization algorithm ignores all empty lines at the end of the message body. […] If
> there is no body or no trailing CRLF on the message body, a CRLF is added. It makes no other changes to the message
> body.

> s3.4.4: Ignore all whitespace at the end of lines. […] Reduce all sequences of WSP within a line to a single SP
> character. […] Ignore all empty lines at the end of the message body. […] If the body is non-empty but does not end
> with a CRLF, a CRLF is added.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import re2

from smtpintake.mail.prescan import Octets

_PIECE: Final = 128 << 10  # stays in the processor's cache while it is copied, searched and hashed
_TO_FOLD: Final = re2.compile(rb" [ \r]")
_EMPTY_LINES: Final = b"\r\n" * 8192


class Canonicalization(StrEnum):
    """RFC 6376 s3.5, c=."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


@dataclass(frozen=True, slots=True)
class BodyHash:
    """The hash of the first `length` octets of a canonical body; `whole` where that is all of it."""

    digest: bytes
    length: int
    whole: bool


class BodyHashes:
    """The hashes of one mail's body. It begins at `body_offset`."""

    def __init__(self, raw: Octets, body_offset: int) -> None:
        self._raw = raw
        self._offset = body_offset
        self._known: dict[tuple[Canonicalization, str, int | None], BodyHash] = {}

    def digest(self, canonicalization: Canonicalization, algorithm: str, length: int | None = None) -> BodyHash:
        """The body's hash by `algorithm`, a name of hashlib's, of at most `length` octets (l=, RFC 6376 s3.4.5)."""
        wanted = canonicalization, algorithm, length
        if wanted not in self._known:
            pieces = canonical(self._raw, self._offset, canonicalization)
            self._known[wanted] = _hashed(pieces, algorithm, length)
        return self._known[wanted]


def canonical(raw: Octets, start: int, canonicalization: Canonicalization) -> Iterator[bytes]:
    """The canonical form of the body from `start` on, in pieces.

    White space and line ends between two pieces of text are held back until it is known that text follows: as a number
    of line ends and whether white space comes after the last, which is all that the canonical form keeps of them.
    """
    relaxed = canonicalization is Canonicalization.RELAXED
    blank = b" \t\r\n" if relaxed else b"\r\n"
    lines, space, empty = 0, False, True
    for at in range(start, len(raw), _PIECE):
        piece = raw[at : at + _PIECE]
        behind = piece.lstrip(blank)
        text = behind.rstrip(blank)
        lines, space = _held(piece[: len(piece) - len(behind)], lines, space=space)
        if not text:
            continue
        yield from _line_ends(lines)
        if space:
            yield b" "
        yield _folded(text) if relaxed else text
        lines, space = _held(behind[len(text) :], 0, space=False)
        empty = False
    if not (relaxed and empty):
        yield b"\r\n"


def _held(blank: bytes, lines: int, *, space: bool) -> tuple[int, bool]:
    """What is held back once `blank` came too."""
    ended, _, rest = blank.rpartition(b"\n")
    if len(rest) < len(blank):
        return lines + ended.count(b"\n") + 1, b" " in rest or b"\t" in rest
    return lines, space or b" " in rest or b"\t" in rest


def _line_ends(lines: int) -> Iterator[bytes]:
    while lines > 0:
        yield _EMPTY_LINES[: 2 * lines]
        lines -= len(_EMPTY_LINES) // 2


def _folded(text: bytes) -> bytes:
    """`text`, which neither begins nor ends with white space, with runs of it reduced and none at the end of lines.

    Searching for one octet costs next to nothing, so encoded text without a blank is hashed as it stands; whether
    ordinary text may be, RE2 finds out quickest. The loop halves every run: at most as often as `_PIECE` has binary
    digits.
    """
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    if b" " not in text or _TO_FOLD.search(text) is None:
        return text
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.replace(b" \r\n", b"\r\n")


def _hashed(pieces: Iterator[bytes], algorithm: str, length: int | None) -> BodyHash:
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    done = 0
    for piece in pieces:
        if length is not None and done + len(piece) > length:
            hasher.update(piece[: length - done])
            return BodyHash(hasher.digest(), length, whole=False)
        hasher.update(piece)
        done += len(piece)
    return BodyHash(hasher.digest(), done, whole=True)
