"""A message assembled by hand: header fields, encoded-words, a text and an HTML body, and one file with them.

Contract: whatever the values hold, a field is one field: controls and line ends in a value become spaces, so no text
can add a header (RFC 5322 s2.2). Lines are at most 998 octets, usually 78. The body is 7bit: ASCII as it is, else
quoted-printable or base64, whichever is shorter (RFC 2045 s6).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Final

Field = tuple[str, str]

_MAX_WORD: Final = 900  # with its field's name below the 998 octets of a line (RFC 5322 s2.1.1)
_NICE_LINE: Final = 78
_MAX_WORD_OCTETS: Final = 45  # 60 characters of base64; with `=?utf-8?B??=` an encoded-word of 72 (RFC 2047 s2: 75)
_BREAKS: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]+")
_NEWLINE: Final = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def one_line(text: str) -> str:
    """`text` without controls and line ends, each run of them a space."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _BREAKS.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def unstructured(text: str) -> str:
    """The value of a field of free text such as Subject: as it is where that can be, else encoded-words (RFC 2047)."""
    text = one_line(text)
    return text if text.isascii() and "=?" not in text else _encoded_words(text)


def mailbox(name: str, address: str) -> str:
    """`Name <address>`, or the address alone (RFC 5322 s3.4)."""
    name = one_line(name)
    if not name:
        return address
    if not name.isascii() or "=?" in name:
        phrase = _encoded_words(name)
    elif _PHRASE.fullmatch(name):
        phrase = name
    else:
        phrase = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{phrase} <{address}>"


def alternative(fields: Iterable[Field], text: str, html: str, boundary: str) -> bytes:
    """The octets of a message with these fields and both bodies, plain first (RFC 2046 s5.1.4).

    `boundary` must be unguessable, so that no text can hold it.
    """
    content_type = ("Content-Type", f'multipart/alternative; boundary="{boundary}"')
    header = _header((*fields, ("MIME-Version", "1.0"), content_type))
    delimiter = f"--{boundary}".encode("ascii")
    parts = (header, delimiter, _part("plain", text), delimiter, _part("html", html), delimiter + b"--", b"")
    return b"\r\n".join(parts)


def enclosing(fields: Iterable[Field], text: str, html: str, part: bytes, boundary: str) -> bytes:
    """As `alternative`, with one more `part`, complete with its own header, behind both bodies (multipart/mixed)."""
    content_type = ("Content-Type", f'multipart/mixed; boundary="{boundary}"')
    header = _header((*fields, ("MIME-Version", "1.0"), content_type))
    inner = f"{boundary}.1"
    delimiter, within = f"--{boundary}".encode("ascii"), f"--{inner}".encode("ascii")
    bodies = _header((("Content-Type", f'multipart/alternative; boundary="{inner}"'),))
    note = (bodies, within, _part("plain", text), within, _part("html", html), within + b"--")
    return b"\r\n".join((header, delimiter, *note, delimiter, part, delimiter + b"--", b""))


def file_part(name: str, octets: bytes) -> bytes:
    """A file as a part, in base64. `name` is plain ASCII."""
    header = _header(
        (
            ("Content-Type", "application/octet-stream"),
            ("Content-Disposition", f'attachment; filename="{name}"'),
            ("Content-Transfer-Encoding", "base64"),
        )
    )
    return header + b"\r\n" + base64.encodebytes(octets).replace(b"\n", b"\r\n")


def plain(fields: Iterable[Field], text: str) -> bytes:
    """The octets of a message with these fields and a text."""
    return _header((*fields, ("MIME-Version", "1.0"))) + _part("plain", text)


def _header(fields: Iterable[Field]) -> bytes:
    return "".join(f"{_folded(name, one_line(value))}\r\n" for name, value in fields).encode()


def _folded(name: str, value: str) -> str:
    """A field folded before words (RFC 5322 s2.2.3); one word alone longer than a line may be is cut."""
    line = f"{name}: {value}"
    if len(line) <= _NICE_LINE and line.isascii():
        return line
    lines = [f"{name}:"]
    for word in _words(value):
        if _octets(lines[-1]) + 1 + _octets(word) > _NICE_LINE and lines[-1].strip() != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines)


def _words(value: str) -> Iterator[str]:
    limit = _MAX_WORD if value.isascii() else _MAX_WORD // 4
    for word in value.split(" "):
        yield from (word[start : start + limit] for start in range(0, len(word) or 1, limit))


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _encoded_words(text: str) -> str:
    """Encoded-words in base64, split between characters as RFC 2047 s5 asks."""
    chunk, chunks = b"", []
    for octets in map(str.encode, text):
        if len(chunk) + len(octets) > _MAX_WORD_OCTETS:
            chunks.append(chunk)
            chunk = b""
        chunk += octets
    chunks.append(chunk)
    return " ".join(f"=?utf-8?B?{base64.b64encode(each).decode('ascii')}?=" for each in chunks)


def _part(subtype: str, text: str) -> bytes:
    encoding, body = _encoded(text)
    return (
        f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode("ascii")
        + body
    )


def _encoded(text: str) -> tuple[str, bytes]:
    """The transfer encoding and the octets of a body, lines ending in CRLF (RFC 2045 s6.7, s6.8)."""
    if not text.replace("\n", "").isprintable():
        text = _CONTROLS.sub(" ", _NEWLINE.sub("\n", text))
    if text.isascii() and max(map(len, text.split("\n"))) <= _NICE_LINE:
        return "7bit", text.encode("ascii").replace(b"\n", b"\r\n")
    octets = text.encode("utf-8", "replace")
    quoted = binascii.b2a_qp(octets, istext=True).replace(b"\n", b"\r\n")
    if len(quoted) <= len(octets) * 4 // 3:
        return "quoted-printable", quoted
    return "base64", base64.encodebytes(octets.replace(b"\n", b"\r\n")).replace(b"\n", b"\r\n")
