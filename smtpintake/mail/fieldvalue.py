"""The text of an unstructured header field: unfolded, encoded-words decoded (RFC 2047), one line, storable.

Contract: total and linear. Raw UTF-8 is taken as such (RFC 6532), other octets as windows-1252.
"""

import binascii
import re
from typing import Final

from smtpintake.mail import charset

# Senders put spaces into the encoded text although RFC 2047 s2 forbids it; a word longer than 75 occurs, too.
_WORD: Final = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]+")
_UNDERSCORE: Final = bytes.maketrans(b"_", b" ")


def unfold(value: bytes) -> str:
    """The field body as text on one line, encoded-words still encoded."""
    flat = value.replace(b"\r\n", b"")
    if flat.isascii():
        text = flat.decode("ascii")
    else:
        text, _ = charset.decode(flat, "")
    if text.isprintable():
        return text.strip()
    return _CONTROL.sub(" ", text).strip()


def decode(value: bytes) -> str:
    """The field body as its author meant it to be read."""
    text = unfold(value)
    return decode_words(text) if "=?" in text else text


def decode_words(text: str) -> str:
    """`text` with its encoded-words decoded; one that cannot be decoded stays as it is."""
    pieces: list[str] = []
    pending = b""
    label = ""
    end = 0
    for match in _WORD.finditer(text):
        octets = _octets(match[2], match[3])
        if octets is None:
            continue
        between = text[end : match.start()]
        # RFC 2231 s5: a language may follow. Raw octets in the word have been read already, and are UTF-8 now.
        word_label = match[1].partition("*")[0].lower() if match[3].isascii() else "utf-8"
        # RFC 2047 s6.2: white space between two encoded-words is not shown. Senders cut characters in two.
        if pending and (between.strip() or word_label != label):
            pieces.append(charset.decode(pending, label)[0])
            pending = b""
        if between.strip() or end == 0:
            pieces.append(between)
        pending += octets
        label = word_label
        end = match.end()
    if pending:
        pieces.append(charset.decode(pending, label)[0])
    pieces.append(text[end:])
    return _CONTROL.sub(" ", charset.storable("".join(pieces))).strip()


def _octets(encoding: str, encoded: str) -> bytes | None:
    raw = encoded.encode("utf-8")
    if encoding in "qQ":
        return binascii.a2b_qp(raw.translate(_UNDERSCORE))
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return None
