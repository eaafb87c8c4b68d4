r"""RTF (its specification 1.9.1): the text in it, or the HTML or the text that Outlook wrapped in it ([MS-OXRTFEX]).

Contract: total and linear, and bounded: what is beyond `MAX_TEXT`, `MAX_TOKENS` or `MAX_DEPTH` is left out. `complete`
is False then, and where a picture or an object stands in the text: words cannot say all of it.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from smtpintake.mail import charset

MAX_RTF: Final = 4 << 20  # octets that are looked at
MAX_TEXT: Final = 256 << 10  # characters
MAX_TOKENS: Final = 300_000
MAX_DEPTH: Final = 500  # groups inside each other; Word nests tens
MAX_LINK: Final = 2000


class Form(Enum):
    """What somebody wrote before it became RTF."""

    HTML = auto()
    TEXT = auto()
    RTF = auto()


@dataclass(frozen=True, slots=True)
class Content:
    """`said` is HTML or text, as `form` says."""

    said: str
    form: Form
    complete: bool


_TOKEN: Final = re.compile(
    rb"""
      \\(?P<word>[A-Za-z]++)(?P<number>-?[0-9]{1,9})?+[0-9]*+\ ?
    | \\'(?P<hex>[0-9A-Fa-f]{2})
    | \\(?P<symbol>[^A-Za-z])
    | (?P<brace>[{}])
    | (?P<text>[^\\{}\r\n]++)
    | [\r\n]++ | \\
    """,
    re.VERBOSE | re.DOTALL,
)
_CHARACTERS: Final = {
    **dict.fromkeys(("par", "line", "sect", "page", "row", "nestrow"), "\n"),
    **dict.fromkeys(("tab", "cell", "nestcell"), "\t"),
    "bullet": "\u2022",
    "emdash": "\u2014",
    "endash": "\u2013",
    "emspace": "\u2003",
    "enspace": "\u2002",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
}
_SYMBOLS: Final = {b"~": "\xa0", b"_": "\u2011", b"\n": "\n", b"\r": "\n"}  # an escaped line end is a \par
_LITERAL: Final = (b"\\", b"{", b"}")
# Destinations without a star before them, whose content is no text.
_NO_TEXT: Final = frozenset(("fonttbl", "colortbl", "stylesheet", "info", "pict"))
_PICTURES: Final = frozenset(("pict", "objdata"))
_CODE_PAGES: Final = {"ansi": 1252, "mac": 10000, "pc": 437, "pca": 850}
# \fcharset: what a font has
_FONT_CODE_PAGES: Final = (
    {0: 1252, 77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258}
    | {177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250, 254: 437, 255: 850}
)  # fmt: skip
_HYPERLINK: Final = re.compile(r'HYPERLINK\s+"([^"\s]+)"')


@dataclass(slots=True)
class _Group:
    """What holds until the brace that closes a group."""

    charset: str = "cp1252"
    replaced: int = 1  # \uc: characters after a \u, for readers that do not know Unicode
    starred: bool = False  # \*: whoever does not know the next word shall pass over the group
    silent: bool = False  # no text of the mail
    hidden: bool = False  # \htmlrtf, \v
    instruction: bool = False  # of a field: where a link leads
    link: str = ""
    link_from: int = 0  # where its text begins


def read(octets: bytes) -> Content | None:
    """What the RTF in `octets` says; None where it is no RTF."""
    if not octets.startswith(b"{\\rtf"):
        return None
    reading = _Reading(octets[:MAX_RTF])
    complete = reading.tokens() and len(octets) <= MAX_RTF
    # \u gives halves of what is beyond the basic plane.
    said = "".join(reading.said).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return Content(said[:MAX_TEXT], reading.form, complete and (reading.form is not Form.RTF or not reading.pictures))


class _Reading:
    """One RTF on its way."""

    def __init__(self, octets: bytes) -> None:
        self.said: Final[list[str]] = []
        self.form = Form.RTF
        self.pictures = False
        self._octets: Final = octets
        self._group = _Group()
        self._outer: Final[list[_Group]] = []
        self._length = 0  # of what is said
        self._raw = bytearray()  # text whose charset is not undone yet: a character may be in pieces
        self._passed = 0  # characters still to pass over, after a \u
        self._fonts: Final[dict[int, str]] = {}
        self._font = 0  # the one that is described in the font table
        self._charset = "cp1252"
        self._default_font = 0
        self._instruction = ""

    def tokens(self) -> bool:
        """Read all; False where there is more than we take."""
        at = 0
        for _ in range(MAX_TOKENS):
            token = _TOKEN.match(self._octets, at)
            if token is None or self._length > MAX_TEXT or len(self._outer) > MAX_DEPTH:
                break
            at = token.end() + self._token(token)
            if not self._outer:  # the last group is closed: what comes then is not RTF
                break
        self._decode()
        return not self._outer and self._length <= MAX_TEXT

    def _token(self, token: "re.Match[bytes]") -> int:
        """Take one in. Octets to pass over after it."""
        kind, value = token.lastgroup, token[token.lastgroup or 0]
        if kind == "text":
            passed = min(self._passed, len(value))
            self._passed -= passed
            self._write(value[passed:])
        elif kind == "brace":
            self._brace(value)
        elif kind is None:
            pass  # a line end, which only makes RTF easier to send
        elif self._passed and kind in ("hex", "symbol"):
            self._passed -= 1
        elif kind == "hex":
            self._write(bytes.fromhex(value.decode()))
        elif kind == "symbol":
            self._symbol(value)
        else:
            word = token["word"].decode()
            number = int(token["number"]) if token["number"] else None
            self._word(word, number)
            return max(0, number or 0) if word == "bin" else 0  # that many are data
        return 0

    def _brace(self, brace: bytes) -> None:
        self._decode()
        self._passed = 0
        if brace == b"{":
            self._outer.append(self._group)
            self._group = replace(self._group, starred=False, link="")
        elif self._outer:
            self._end_link()
            self._group = self._outer.pop()

    def _symbol(self, symbol: bytes) -> None:
        if symbol in _LITERAL:
            self._write(symbol)
        elif symbol == b"*":
            self._group.starred = True
        elif character := _SYMBOLS.get(symbol):
            self._say(character)

    def _word(self, word: str, number: int | None) -> None:
        group = self._group
        if word in _PICTURES:
            self.pictures = True
        if character := _CHARACTERS.get(word):
            self._say(character)
        elif word == "u":
            self._say(chr((number or 0) & 0xFFFF))
            self._passed = group.replaced
        elif word == "htmltag" and group.starred and self.form is Form.HTML:
            group.silent = False
            group.charset = self._charset
        elif word == "fldinst":
            group.silent = group.instruction = True
            self._instruction = ""
        elif word == "fldrslt":
            self._begin_link()
        elif group.starred or word in _NO_TEXT:
            group.silent = True
        else:
            self._property(word, number)
        group.starred = False

    def _property(self, word: str, number: int | None) -> None:
        """What changes how the text after it is to be read."""
        group = self._group
        if word in ("htmlrtf", "v"):
            group.hidden = number != 0
        elif word in ("f", "plain"):
            self._decode()
            self._font = self._default_font if word == "plain" else number or 0
            group.charset = self._fonts.get(self._font, self._charset)
        elif word == "fcharset":
            code_page = _FONT_CODE_PAGES.get(number or 0)
            self._fonts[self._font] = charset.of_code_page(code_page) if code_page else self._charset
        elif word == "uc":
            group.replaced = max(0, number if number is not None else 1)
        elif word == "deff":
            self._default_font = number or 0
        elif word in _CODE_PAGES or (word == "ansicpg" and number):
            self._charset = group.charset = charset.of_code_page(_CODE_PAGES.get(word) or number or 0)
        elif word in ("fromhtml", "fromtext") and not self.said:
            self.form = Form.HTML if word == "fromhtml" else Form.TEXT

    def _begin_link(self) -> None:
        found = _HYPERLINK.search(self._instruction)
        if found and self.form is Form.RTF:
            self._group.link, self._group.link_from = found[1], len(self.said)
        self._instruction = ""

    def _end_link(self) -> None:
        """Say where a link leads, as Outlook does in plain text, where its text does not say it."""
        group = self._group
        if group.link and "".join(self.said[group.link_from :]).strip() != group.link:
            self._say(f" <{group.link}>")

    def _write(self, octets: bytes) -> None:
        if self._group.instruction or not (self._group.silent or self._group.hidden):
            self._raw += octets

    def _say(self, text: str) -> None:
        self._decode()
        if not (self._group.silent or self._group.hidden):
            self.said.append(text)
            self._length += len(text)

    def _decode(self) -> None:
        if not self._raw:
            return
        text = self._raw.decode(self._group.charset, "replace")
        self._raw.clear()
        if self._group.instruction:
            self._instruction = (self._instruction + text)[:MAX_LINK]
        else:
            self.said.append(text)
            self._length += len(text)
