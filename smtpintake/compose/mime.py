"""A message assembled by hand: header fields, encoded-words, a text and an HTML body, and files with them.

Contract: whatever the values hold, a field is one field: controls and line ends in a value become spaces, so no text
can add a header (RFC 5322 s2.2). Lines are at most 998 octets, usually 78. The body is 7bit: ASCII as it is, else
quoted-printable or base64, whichever is shorter (RFC 2045 s6).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

Field = tuple[str, str]

_MAX_WORD: Final = 900  # with its field's name below the 998 octets of a line (RFC 5322 s2.1.1)
_NICE_LINE: Final = 78
_MAX_WORD_OCTETS: Final = 45  # 60 characters of base64; with `=?utf-8?B??=` an encoded-word of 72 (RFC 2047 s2: 75)
_BREAKS: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]+")
_NEWLINE: Final = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
_LEAF_TYPE: Final = re.compile(r"(?:application|audio|font|image|model|text|video)/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}")
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


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes along. With a `content_id` it has its place in the HTML, as `cid:` and that (RFC 2392)."""

    name: str
    content_type: str
    octets: bytes
    content_id: str = ""


def alternative(fields: Iterable[Field], text: str, html: str, boundary: str, files: Sequence[File] = ()) -> bytes:
    """The octets of a message with these fields and both bodies, plain first (RFC 2046 s5.1.4), and files.

    `boundary` must be unguessable, so that no text can hold it.
    """
    placed = [_file(file, "inline") for file in files if file.content_id]
    others = [_file(file, "attachment") for file in files if not file.content_id]
    rich = _part("html", html)
    if placed:
        rich = _multipart("related", f"{boundary}.2", (rich, *placed))  # RFC 2387
    body = _multipart("alternative", f"{boundary}.1", (_part("plain", text), rich))
    if others:
        body = _multipart("mixed", boundary, (body, *others))
    return _header((*fields, ("MIME-Version", "1.0"))) + body


def enclosing(fields: Iterable[Field], text: str, html: str, part: bytes, boundary: str) -> bytes:
    """As `alternative`, with one more `part`, complete with its own header, behind both bodies (multipart/mixed)."""
    bodies = _multipart("alternative", f"{boundary}.1", (_part("plain", text), _part("html", html)))
    return _header((*fields, ("MIME-Version", "1.0"))) + _multipart("mixed", boundary, (bodies, part))


def file_part(name: str, octets: bytes) -> bytes:
    """A file as a part, in base64."""
    return _file(File(name, "application/octet-stream", octets), "attachment")


def _file(file: File, disposition: str) -> bytes:
    """What is no plain type is any octets: a message or multipart must not be encoded (RFC 2045 s6.4)."""
    is_plain = _LEAF_TYPE.fullmatch(file.content_type.lower())
    # RFC 2231 s4: what is not plain ASCII, by octets.
    plain_name = file.name.isascii() and file.name.isprintable() and not {'"', "\\"} & set(file.name)
    name = f'="{file.name}"' if plain_name else f"*=utf-8''{quote(file.name, safe='', errors='replace')}"
    header = _header(
        (
            ("Content-Type", file.content_type.lower() if is_plain else "application/octet-stream"),
            ("Content-Disposition", f"{disposition}; filename{name}"),
            ("Content-Transfer-Encoding", "base64"),
            *((("Content-ID", f"<{file.content_id}>"),) if file.content_id else ()),
        )
    )
    return header + b"\r\n" + base64.encodebytes(file.octets).replace(b"\n", b"\r\n")


def _multipart(subtype: str, boundary: str, parts: Iterable[bytes]) -> bytes:
    """An entity of several, each with its own header (RFC 2046 s5.1)."""
    header = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n'.encode("ascii")
    delimiter = f"--{boundary}".encode("ascii")
    return b"\r\n".join((header, *(piece for part in parts for piece in (delimiter, part)), delimiter + b"--", b""))


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
