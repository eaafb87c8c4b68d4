"""What stands among the lines of a text and is no text: files in uuencode (POSIX) or yEnc (its draft of 2002), and PGP
armour (RFC 9580 s6, s7).

Contract: total and linear. What begins like one of them and does not go on so is text. Nothing is lost: what `split`
takes out of a text is a `Stretch` of it, but for the line which says that a signed text begins. What a signed message
says stands in its place, of the first in a text.
"""

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from smtpintake.mail import openpgp

MAX_STRETCHES: Final = 100  # in one text; what would be the next stays text

SIGNATURE: Final = "application/pgp-signature"
ENCRYPTED: Final = "application/pgp-encrypted"

PGP: Final = "application/pgp"  # before RFC 3156, and still the only name for both in one

_UU_BEGIN: Final = b"begin "
_Y_BEGIN: Final = b"=ybegin "
_SIGNED_BEGIN: Final = b"-----BEGIN PGP SIGNED MESSAGE-----"
_MESSAGE_BEGIN: Final = b"-----BEGIN PGP MESSAGE-----"
_SIGN: Final = re.compile(b"^(" + b"|".join((_UU_BEGIN, _Y_BEGIN, _SIGNED_BEGIN, _MESSAGE_BEGIN)) + b")", re.MULTILINE)

_UU: Final = re.compile(
    rb"begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n(?:[!-`][ -`]{1,85}\r?\n)*+(?:[` ]?[ \t]*\r?\n)?end[ \t]*(?:\r?\n|\Z)"
)
_Y: Final = re.compile(rb"=ybegin [^\r\n]{0,200}? name=([^\r\n]{1,255})\r?\n")
_Y_END: Final = re.compile(rb"=yend [^\r\n]*\r?\n?")
_Y_CONTROL: Final = re.compile(rb"^=y[^\r\n]*\r?\n?", re.MULTILINE)
_Y_ESCAPES: Final = re.compile(rb"={2,}")  # of which only the last has something to escape
# So much is decoded at a time, as each escape costs memory; and none is cut in two.
_Y_BLOCK: Final = re.compile(rb".{1,65536}(?:(?<==).)?", re.DOTALL)
_Y_PLAIN: Final = bytes((octet - 42) % 256 for octet in range(256))
_Y_ESCAPED: Final = bytes((octet - 42 - 64) % 256 for octet in range(256))
_SIGNED: Final = re.compile(_SIGNED_BEGIN + rb"[ \t]*\r?\n(?:[A-Za-z]+: [^\r\n]*\r?\n){0,20}[ \t]*\r?\n")
# RFC 9580 s7.2: a line of signed text that begins with a hyphen has `- ` before it.
_DASHED: Final = re.compile(rb"^- ", re.MULTILINE)


class Seal(Enum):
    """What PGP did to a text."""

    SIGNED = auto()  # and the text is here
    SIGNED_UNREAD = auto()  # it is in the stretch alone, for all who know how to open that
    ENCRYPTED = auto()


@dataclass(frozen=True, slots=True)
class Stretch:
    """`octets[offset : offset + length]`. `encoding` is the step that opens it, '' where it is kept as it is."""

    name: bytes
    content_type: str
    offset: int
    length: int
    encoding: str = ""
    seal: Seal | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A stretch, the text that comes with it, and where the text after both begins."""

    stretch: Stretch
    end: int
    text: bytes = b""


def is_mixed(octets: bytes) -> bool:
    """True where `split` may find something; quick where it would not."""
    # yEnc's line has that of uuencode in it.
    return (_UU_BEGIN in octets or b"-----BEGIN PGP " in octets) and bool(_SIGN.search(octets))


def split(octets: bytes) -> tuple[bytes, list[Stretch]]:
    """The text in `octets`, and what stands among its lines without being text."""
    kept: list[bytes] = []
    stretches: list[Stretch] = []
    end = 0
    readers = dict(_READERS)
    for sign in _SIGN.finditer(octets):
        read = readers.get(sign[1])
        if read is None or sign.start() < end or len(stretches) == MAX_STRETCHES:
            continue
        found = read(octets, sign.start())
        if found is not None:
            kept += octets[end : sign.start()], found.text
            stretches.append(found.stretch)
            end = found.end
            if read is _message:  # a few octets of it may be 256 KiB to inflate, and nobody writes two
                readers[sign[1]] = _further_message
        elif read is not _uu:
            del readers[sign[1]]  # it looked for an end through all that follows, and would again
    kept.append(octets[end:])
    return b"".join(kept), stretches


def uudecoded(lines: bytes) -> bytes:
    """The file that `lines`, from `begin` to `end`, mean."""
    pieces = []
    _, _, content = lines.partition(b"\n")
    for line in content.splitlines():
        if line.rstrip() == b"end":
            break
        # A line may be longer than its first octet says: some encoders add a checksum, as Python's uu module knows.
        length = ((((line[0] - 32) & 63) * 4 + 5) // 3) if line else 0
        try:
            pieces.append(binascii.a2b_uu(line[:length]))
        except binascii.Error:  # no line of ours
            continue
    return b"".join(pieces)


def ydecoded(lines: bytes) -> bytes:
    """The file that `lines`, from `=ybegin` to `=yend`, mean."""
    encoded = _Y_ESCAPES.sub(b"=", _Y_CONTROL.sub(b"", lines).translate(None, b"\r\n"))
    return b"".join(_ydecoded(block[0]) for block in _Y_BLOCK.finditer(encoded))


def _ydecoded(encoded: bytes) -> bytes:
    plain, *escaped = encoded.split(b"=")
    pieces = [plain.translate(_Y_PLAIN)]
    for piece in escaped:
        pieces += piece[:1].translate(_Y_ESCAPED), piece[1:].translate(_Y_PLAIN)
    return b"".join(pieces)


def _uu(octets: bytes, start: int) -> _Found | None:
    match = _UU.match(octets, start)
    if match is None:
        return None
    return _Found(_file(match[1], start, match.end(), "uuencode"), match.end())


def _y(octets: bytes, start: int) -> _Found | None:
    match = _Y.match(octets, start)
    last = octets.find(b"\n=yend ", match.end() - 1) if match else -1
    end = _Y_END.match(octets, last + 1) if last >= 0 else None
    if match is None or end is None:
        return None
    return _Found(_file(match[1], start, end.end(), "yenc"), end.end())


def _file(name: bytes, start: int, end: int, encoding: str) -> Stretch:
    return Stretch(name.strip(b' "\t'), "application/octet-stream", start, end - start, encoding)


def _signed(octets: bytes, start: int) -> _Found | None:
    """A text with its signature after it: the text stays, the signature is taken out."""
    opening = _SIGNED.match(octets, start)
    if opening is None:
        return None
    signature = octets.find(b"\n-----BEGIN PGP SIGNATURE-----", opening.end() - 1) + 1
    end = _after(octets, b"-----END PGP SIGNATURE-----", signature) if signature else -1
    if end < 0:
        return None
    text = _DASHED.sub(b"", octets[opening.end() : signature])
    return _Found(Stretch(b"signature.asc", SIGNATURE, signature, end - signature, seal=Seal.SIGNED), end, text)


def _message(octets: bytes, start: int, *, opened: bool = True) -> _Found | None:
    """A message in armour, whatever it is: what is only signed is no secret, and read if it shall be `opened`."""
    end = _after(octets, b"-----END PGP MESSAGE-----", start)
    if end < 0:
        return None
    packets = openpgp.dearmoured(octets[start:end])
    kind = openpgp.kind(packets)
    if kind is openpgp.Kind.ENCRYPTED:
        return _Found(Stretch(b"encrypted.asc", ENCRYPTED, start, end - start, seal=Seal.ENCRYPTED), end)
    if kind is openpgp.Kind.OTHER:
        return None
    text = openpgp.signed_text(packets) if opened else None
    seal = Seal.SIGNED_UNREAD if text is None else Seal.SIGNED
    return _Found(Stretch(b"signed.asc", PGP, start, end - start, seal=seal), end, _whole_lines(text or b""))


def _further_message(octets: bytes, start: int) -> _Found | None:
    return _message(octets, start, opened=False)


def _whole_lines(text: bytes) -> bytes:
    return text if not text or text.endswith(b"\n") else text + b"\n"


def _after(octets: bytes, line: bytes, start: int) -> int:
    """Where the line after the next `line` begins; -1 where there is none."""
    at = octets.find(b"\n" + line, start)
    if at < 0:
        return -1
    newline = octets.find(b"\n", at + 1)
    return newline + 1 if newline >= 0 else len(octets)


_READERS: Final[dict[bytes, Callable[[bytes, int], _Found | None]]] = {
    _UU_BEGIN: _uu,
    _Y_BEGIN: _y,
    _SIGNED_BEGIN: _signed,
    _MESSAGE_BEGIN: _message,
}
