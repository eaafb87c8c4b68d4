"""winmail.dat: TNEF ([MS-OXTNEF]), in which Outlook wraps the text and the files of a mail.

Contract: total and linear. Files are stretches of the octets, found and not copied. `complete` is False where the
stream ends early, does not make sense, or has more text than we take: what was read is still right. Outlook often sends
its text in RTF alone: `read_rich_text`, as that takes longer.
"""

from dataclasses import dataclass, field
from typing import Final

from smtpintake.mail import charset, lzfu, rtf

MAX_FILES: Final = 500
MAX_PROPERTIES: Final = 2000  # of one attribute
MAX_TEXT: Final = 256 << 10
MAX_NAME: Final = 255

SIGNATURE: Final = bytes.fromhex("789f3e22")

# Attributes, s2.1.3.3
_BODY: Final = 0x0002800C
_OEM_CODE_PAGE: Final = 0x00069007
_MESSAGE_PROPERTIES: Final = 0x00069003
_FILE_BEGINS: Final = 0x00069002
_FILE_TITLE: Final = 0x00018010
_FILE_DATA: Final = 0x0006800F
_FILE_PROPERTIES: Final = 0x00069005

# Properties, [MS-OXPROPS]
_BODY_TEXT: Final = 0x1000
_BODY_RTF: Final = 0x1009
_BODY_HTML: Final = 0x1013
_INTERNET_CODE_PAGE: Final = 0x3FDE
_DATA: Final = 0x3701
_SHORT_NAME: Final = 0x3704
_LONG_NAME: Final = 0x3707
_MIME_TYPE: Final = 0x370E
_CONTENT_ID: Final = 0x3712

# Types of properties, [MS-OXCDATA] s2.11.1: octets of those with a fixed size, padded to four
_FIXED: Final = {0x01: 4, 0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4} | {
    0x14: 8,
    0x40: 8,
    0x48: 16,
}
_OBJECT: Final = 0x0D
_STRING: Final = 0x1E
_UNICODE: Final = 0x1F
_BINARY: Final = 0x102
_SEVERAL: Final = 0x1000


@dataclass(frozen=True, slots=True)
class Text:
    """Encoded text with its charset."""

    octets: bytes
    charset: str


@dataclass(slots=True)
class File:
    """A file: `octets[offset : offset + length]` of the stream."""

    name: Text = Text(b"", "")
    content_type: str = ""
    content_id: str = ""
    offset: int = 0
    length: int = 0


@dataclass(slots=True)
class Tnef:
    text: Text | None = None
    html: Text | None = None
    rtf: File | None = None
    files: list[File] = field(default_factory=list)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of a property: `octets[offset : offset + length]`, of the type `kind`."""

    kind: int
    offset: int
    length: int


class _MalformedError(Exception):
    """The stream does not go on as it should."""


def read(octets: bytes) -> Tnef | None:
    """What the stream in `octets` holds; None where it is no TNEF."""
    if not octets.startswith(SIGNATURE):
        return None
    reading = _Reading(octets)
    try:
        reading.attributes()
    except _MalformedError:
        reading.found.complete = False
    return reading.found


def read_rich_text(found: Tnef, octets: bytes) -> bool:
    """Read the text or the HTML of `found`, which is in `octets`, out of its RTF where it is there alone. True where
    nothing is in the RTF that it does not say.
    """
    if found.rtf is None or found.html or (found.text and found.text.octets.strip(b"\0\r\n ")):
        return True
    compressed = octets[found.rtf.offset : found.rtf.offset + found.rtf.length]
    content = rtf.read(lzfu.decompressed(compressed, rtf.MAX_RTF + 1))
    if content is None:
        return False
    said = Text(content.said.encode(), "utf-8")
    if content.form is rtf.Form.HTML:
        found.html = said
    else:
        found.text = said
    return content.complete


class _Reading:
    """One stream on its way."""

    def __init__(self, octets: bytes) -> None:
        self.found: Final = Tnef()
        self._octets: Final = octets
        self._charset = "cp1252"
        self._internet_charset = ""

    def attributes(self) -> None:
        """Read one attribute after another: level, identifier, length, data, checksum (s2.1.3.2)."""
        at = len(SIGNATURE) + 2  # the key
        while at < len(self._octets):
            attribute, length = self._number(at + 1), self._number(at + 5)
            start = at + 9
            at = start + length + 2
            if at > len(self._octets):
                raise _MalformedError
            self._attribute(attribute, start, length)

    def _attribute(self, attribute: int, start: int, length: int) -> None:
        found = self.found
        if attribute == _OEM_CODE_PAGE and length >= 4:
            self._charset = charset.of_code_page(self._number(start))
        elif attribute == _BODY:
            found.text = found.text or self._text(start, length)
            found.complete &= length <= MAX_TEXT
        elif attribute == _MESSAGE_PROPERTIES:
            self._message(self._properties(start, start + length))
        elif attribute == _FILE_BEGINS:
            if len(found.files) == MAX_FILES:
                raise _MalformedError
            found.files.append(File())
        elif not found.files:
            pass  # of the message, and nothing that is shown
        elif attribute == _FILE_TITLE:
            found.files[-1].name = self._text(start, length)
        elif attribute == _FILE_DATA:
            found.files[-1].offset, found.files[-1].length = start, length
        elif attribute == _FILE_PROPERTIES:
            self._file(found.files[-1], self._properties(start, start + length))

    def _message(self, properties: dict[int, _Value]) -> None:
        found = self.found
        if code_page := properties.get(_INTERNET_CODE_PAGE):
            self._internet_charset = charset.of_code_page(self._number(code_page.offset))
        if body := properties.get(_BODY_TEXT):
            found.text = self._string(body)
        if html := properties.get(_BODY_HTML):
            octets = self._octets[html.offset : html.offset + min(html.length, MAX_TEXT)]
            found.html = Text(octets, self._internet_charset)
        if (body and body.length > MAX_TEXT) or (html and html.length > MAX_TEXT):
            found.complete = False
        if rtf := properties.get(_BODY_RTF):
            found.rtf = File(Text(b"message.rtf", ""), "application/rtf", "", rtf.offset, rtf.length)

    def _file(self, file: File, properties: dict[int, _Value]) -> None:
        if name := properties.get(_LONG_NAME) or properties.get(_SHORT_NAME):
            file.name = self._string(name)
        if content_type := properties.get(_MIME_TYPE):
            file.content_type = _ascii(self._string(content_type))
        if content_id := properties.get(_CONTENT_ID):
            file.content_id = _ascii(self._string(content_id)).strip(" <>")
        if (data := properties.get(_DATA)) and not file.length:
            skipped = 16 if data.kind == _OBJECT else 0  # the interface that the object has
            file.offset, file.length = data.offset + skipped, max(0, data.length - skipped)

    def _properties(self, at: int, end: int) -> dict[int, _Value]:
        """The first value of each property, by the property's identifier (s2.1.3.4)."""
        found: dict[int, _Value] = {}
        count = min(self._number(at), MAX_PROPERTIES)
        at += 4
        for _ in range(count):
            tag = self._number(at)
            identifier = tag >> 16
            at = self._after_name(at + 4) if identifier >= 0x8000 else at + 4
            value, at = self._value(tag & 0xFFFF, at)
            if at > end:
                raise _MalformedError
            found.setdefault(identifier, value)
        return found

    def _after_name(self, at: int) -> int:
        """Where the name of a named property ends: a GUID, a kind, and a number or a string."""
        if self._number(at + 16) == 0:
            return at + 24
        return at + 24 + _padded(self._number(at + 20))

    def _value(self, kind: int, at: int) -> tuple[_Value, int]:
        """The (first) value that begins at `at`, and where the next property begins."""
        several, single = kind & _SEVERAL, kind & ~_SEVERAL
        if size := _FIXED.get(single):
            count = self._number(at) if several else 1
            start = at + 4 if several else at
            return _Value(single, start, size), start + count * size
        if single not in (_OBJECT, _STRING, _UNICODE, _BINARY):
            raise _MalformedError
        count = self._number(at)
        at += 4
        first = _Value(single, at, 0)
        for index in range(count):
            length = self._number(at)
            if index == 0:
                first = _Value(single, at + 4, length)
            at += 4 + _padded(length)
        return first, at

    def _string(self, value: _Value) -> Text:
        if value.kind == _UNICODE:
            return _text(self._octets[value.offset : value.offset + min(value.length, MAX_TEXT)], "utf-16-le")
        return self._text(value.offset, value.length)

    def _text(self, start: int, length: int) -> Text:
        return _text(self._octets[start : start + min(length, MAX_TEXT)], self._charset)

    def _number(self, at: int) -> int:
        if at + 4 > len(self._octets):
            raise _MalformedError
        return int.from_bytes(self._octets[at : at + 4], "little")


def _text(octets: bytes, charset: str) -> Text:
    """A string without the NUL at its end."""
    if charset == "utf-16-le":
        return Text(octets[: len(octets) & ~1].removesuffix(b"\0\0"), charset)
    return Text(octets.rstrip(b"\0"), charset)


def _ascii(text: Text) -> str:
    octets = text.octets.replace(b"\0", b"") if text.charset == "utf-16-le" else text.octets
    return octets[:MAX_NAME].decode("ascii", "ignore")


def _padded(length: int) -> int:
    return length + 3 & ~3
