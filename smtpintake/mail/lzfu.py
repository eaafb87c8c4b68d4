"""Compressed RTF ([MS-OXRTFCP]), the form in which Outlook keeps the text of a mail.

Contract: total and linear: each octet in gives at most 17 out, and no more come than the header announces.
"""

from typing import Final

MAX_RTF: Final = 16 << 20  # octets; what would come after them is left out

_HEADER: Final = 16
_WINDOW: Final = 4096
# s2.1.2.1: what every stream is taken to have said already.
_COMMON: Final = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


def decompressed(octets: bytes, limit: int = MAX_RTF) -> bytes:
    """The RTF in `octets`, at most `limit` octets of it; as far as it goes where the stream is cut off, nothing where
    it is something else.
    """
    size = min(int.from_bytes(octets[4:8], "little"), limit)
    if octets[8:12] == b"MELA":  # s2.1.3.1.5: not compressed
        return octets[_HEADER:][:size]
    if octets[8:12] != b"LZFu":
        return b""
    said = bytearray(_COMMON)
    at, end = _HEADER, len(octets)
    while at < end and len(said) < size + len(_COMMON):
        control = octets[at]
        at += 1
        for bit in range(8):
            if control >> bit & 1:
                reference = int.from_bytes(octets[at : at + 2], "big")
                at += 2
                back = (len(said) - (reference >> 4)) % _WINDOW
                if back == 0 or back > len(said) or at > end:  # s2.1.3.2: a reference to the present ends it
                    return bytes(said[len(_COMMON) :][:size])
                _repeat(said, back, (reference & 15) + 2)
            elif at < end:
                said.append(octets[at])
                at += 1
    return bytes(said[len(_COMMON) :][:size])


def _repeat(said: bytearray, back: int, length: int) -> None:
    """Say again the `length` octets that began `back` octets ago; they may reach into themselves."""
    start = len(said) - back
    said += (said[start : start + length] * (length // back + 1))[:length]
