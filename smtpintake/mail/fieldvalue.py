"""The text of an unstructured header field: unfolded, encoded-words decoded (RFC 2047), one line, storable.

Contract: total and linear. Raw UTF-8 is taken as such (RFC 6532), other octets as what the body is in, or as a guess.
"""

import binascii
import re
from itertools import groupby
from operator import itemgetter
from typing import Final

from smtpintake.mail import charset

# Senders put spaces and question marks into the encoded text although RFC 2047 s2 forbids it; a word longer than 75
# occurs, too.
_WORD: Final = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*(?:(?<!=)\?(?!=)[^?]*){0,10})\?=")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]+")
_UNDERSCORE: Final = bytes.maketrans(b"_", b" ")


def unfold(value: bytes, hint: str = "") -> str:
    """The field body as text on one line, encoded-words still encoded. `hint` is the charset that raw octets are likely
    to be in: that of the body.
    """
    flat = value.replace(b"\r\n", b"")
    text = flat.decode("ascii") if flat.isascii() else _raw(flat, hint)
    return text.strip() if text.isprintable() else one_line(text)


def _raw(octets: bytes, hint: str) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return charset.decode(octets, hint)[0]


def decode(value: bytes, hint: str = "") -> str:
    """The field body as its author meant it to be read."""
    if b"\x1b$" in value:  # raw ISO-2022-JP; not in `unfold`, as it never decides who wrote
        value = charset.decode(value, "")[0].encode()
    text = unfold(value, hint)
    return decode_words(text) if "=?" in text else text


def decode_words(text: str) -> str:
    """`text` with its encoded-words decoded; what only looks like one stays as it is."""
    pieces: list[str] = []
    run: list[tuple[str, str]] = []
    label = ""
    end = 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        # RFC 2231 s5: a language may follow. Raw octets in the word have been read already, and are UTF-8 now.
        word_label = match[1].partition("*")[0].lower() if match[3].isascii() else "utf-8"
        # RFC 2047 s6.2: white space between two encoded-words is not shown. Senders cut characters in two.
        if run and (between.strip() or word_label != label):
            pieces.append(charset.decode(_octets(run), label)[0])
            run = []
        if between.strip() or end == 0:
            pieces.append(between)
        run.append((match[2].lower(), match[3]))
        label = word_label
        end = match.end()
    if run:
        pieces.append(charset.decode(_octets(run), label)[0])
    pieces.append(text[end:])
    return one_line(charset.storable("".join(pieces)))


def one_line(text: str) -> str:
    """`text` without controls and what else ends a line, none of which a field may have."""
    return _CONTROL.sub(" ", text).strip()


def _octets(run: list[tuple[str, str]]) -> bytes:
    """What words of one charset, each an encoding and a text in it, mean one after another."""
    octets = b""
    for encoding, words in groupby(run, key=itemgetter(0)):
        encoded = [word for _, word in words]
        if encoding == "q":
            octets += binascii.a2b_qp("".join(encoded).encode("utf-8").translate(_UNDERSCORE))
        else:
            octets += b"".join(map(_base64, _whole(["".join(word.split()) for word in encoded])))
    return octets


def _whole(words: list[str]) -> list[str]:
    """Words of base64, put together where one was cut and goes on in the next; one may also lack its padding."""
    together = "".join(words)
    cut = any(len(word) % 4 for word in words) and len(together) % 4 == 0 and "=" not in together[:-2]
    return [together] if cut else words


def _base64(text: str) -> bytes:
    clean = _NOT_BASE64.sub("", text)
    usable = clean[:-1] if len(clean) % 4 == 1 else clean  # six bits alone make no octet
    return binascii.a2b_base64(usable + "=" * (-len(usable) % 4))
