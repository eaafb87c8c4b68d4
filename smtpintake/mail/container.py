"""Parts that hold parts: how to get from the octets of one to those of another inside it.

Contract: total and linear; what cannot be opened gives no octets. A step is a token, so that an attachment can be found
again in the raw mail by `Attachment.encoding` alone, a path of such steps:

| step | what it gives |
|---|---|
| `812+4096` | 4096 octets from the 812th on: a part of a signed mail, a file in a winmail.dat |
| `cms` | the content of a signed CMS message (RFC 5652) |
| `crlf` | the same with CRLF at the end of each line |
| `lzfu` | the RTF that Outlook compressed |
| `uuencode`, `yenc` | the file that lines of text mean |
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from smtpintake.mail import cms, lzfu, textfile
from smtpintake.mail.prescan import Octets

MAX_OPENED: Final = 64 << 20  # octets of a container that are held in memory to look inside

_STRETCH: Final = re.compile(r"([0-9]{1,12})\+([0-9]{1,12})")
_NEWLINE: Final = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Frame:
    """Octets in which parts are looked for: what `encoding` makes of a stretch of the raw mail, or where that is None
    the raw mail itself.
    """

    octets: Octets
    offset: int = 0
    length: int = 0
    encoding: str | None = None

    def view(self, offset: int, length: int, encoding: str) -> tuple[int, int, str]:
        """Offset, length and encoding, in the raw mail, of what this frame has at `offset`."""
        if self.encoding is None:
            return offset, length, encoding
        return self.offset, self.length, joined(self.encoding, f"{offset}+{length}", encoding)

    def inside(self, offset: int, length: int, encoding: str, octets: bytes) -> "Frame":
        """The frame of `octets`, which `encoding` made of what this one has at `offset`."""
        return Frame(octets, *self.view(offset, length, encoding))


def joined(*steps: str) -> str:
    """One encoding that takes these one after another."""
    return "/".join(filter(None, steps))


def opened(pieces: Iterator[bytes], step: str) -> Iterator[bytes]:
    """What `step` makes of the octets in `pieces`, as they are where the step is unknown."""
    if match := _STRETCH.fullmatch(step):
        return _stretch(pieces, int(match[1]), int(match[1]) + int(match[2]))
    undo = _STEPS.get(step)
    return iter((undo(whole(pieces)),)) if undo else pieces


def whole(pieces: Iterator[bytes]) -> bytes:
    """The pieces in one, and no more of them than `MAX_OPENED` octets."""
    taken = bytearray()
    for piece in pieces:
        taken += piece
        if len(taken) >= MAX_OPENED:
            break
    return bytes(taken[:MAX_OPENED])


def with_crlf(octets: bytes) -> bytes:
    """`octets` with lines that end as they do in a mail."""
    return _NEWLINE.sub(b"\r\n", octets)


_STEPS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "cms": lambda octets: cms.signed_content(octets) or b"",
    "crlf": with_crlf,
    "lzfu": lzfu.decompressed,
    "uuencode": textfile.uudecoded,
    "yenc": textfile.ydecoded,
}


def _stretch(pieces: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    at = 0
    for piece in pieces:
        if at + len(piece) > start and (cut := piece[max(0, start - at) : end - at]):
            yield cut
        at += len(piece)
        if at >= end:
            return
