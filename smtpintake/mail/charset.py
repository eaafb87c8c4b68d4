"""Octets -> text: whatever charset a mail claims, the result is text that can be stored and shown.

Contract: total and linear. A charset is trusted where it decodes, otherwise UTF-8; where neither does, the one of them
that is nearly right, and then a guess. The result never holds a NUL (PostgreSQL has no room for it) or a lone surrogate
(which no encoding has).
"""

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from smtpintake.mail import guess, iso2022jp

_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")
# Codecs that Python calls text encodings but that are no charset (idna, punycode, unicode_escape) stay out: some of
# them are quadratic.
_CHARSET: Final = re.compile(
    r"utf[-_]?(7|8|8-sig|16|16-[bl]e|32|32-[bl]e)|ascii|iso8859-\d+|iso2022_\w+|cp\d+|koi8-\w+|ptcp154|kz1048"
    r"|big5|big5hkscs|gb2312|gbk|gb18030|hz|euc_\w+|johab|shift_jis\w*|shift_jis_\w+|mac-\w+|tis-620|hp-roman8"
)
# Charsets in which nearly any octets are text, and those among them for Latin letters.
_TAKES_ALL: Final = re.compile(r"ascii|iso8859-\d+|cp125\d|cp8\d\d|koi8-\w|mac-\w+|ptcp154|kz1048|hp-roman8")
_LATIN: Final = frozenset(("ascii", "cp1252", "iso8859-15"))
_MANY: Final = 12  # letters beyond ASCII: so many, and more than half, and it is no Latin script
# What senders mean by it: the WHATWG Encoding standard's labels.
_MEANT: Final = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
}
# Written without the `x-` that many put before it.
_ALIASES: Final = {
    "unicode-1-1-utf-7": "utf-7",
    "unicode-2-0-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf-8mb4": "utf-8",
    "utf8mb4": "utf-8",
    "ucs-2": "utf-16",
    "iso-10646-ucs-2": "utf-16",
    "ks_c_5601-1987": "cp949",
    "windows-31j": "cp932",
    "sjis": "cp932",
    "iso-2022-jp-ms": "iso2022_jp",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "euc-jp": "euc_jp",
    "gb_2312-80": "gb18030",
    "koi8-ru": "koi8-u",
    "ansi_x3.110-1983": "cp1252",
    "macintosh": "mac-roman",
}
_CODE_PAGES: Final = {
    1361: "johab",
    10000: "macintosh",
    20127: "us-ascii",
    20866: "koi8-r",
    20932: "euc-jp",
    21866: "koi8-u",
    50220: "iso-2022-jp",
    51932: "euc-jp",
    51949: "euc-kr",
    54936: "gb18030",
    65001: "utf-8",
}
# `windows-1251`, `win1251`, `cp-1251`, `dos-866`; `iso-8859-8-i`, `8859_1`.
_BY_NUMBER: Final = re.compile(r"(?:windows|win|cp|dos|ibm|ms)[-_ ]?(\d{3,4})(?!\d)")
_ISO_8859: Final = re.compile(r"(?:iso)?[-_ ]?8859[-_ ](\d{1,2})(?!\d)")


def decode(octets: bytes, charset: str, *, cut: bool = False) -> tuple[str, bool]:
    """The text, and whether the claimed charset (empty: none) was good for it. `cut`: the octets go on, so that the
    last character may not be whole.
    """
    claimed = _codec(charset[:60].lower()) if charset else None
    for codec in _trusted(octets, claimed):
        text = _strictly(octets, codec, cut=cut)
        if text is not None:
            # UTF-8 is known to be encodable again, without a try.
            kept = text.replace("\0", "\ufffd") if codec == "utf-8" else storable(text)
            return kept, codec == claimed or not charset
    return storable(_at_best(octets, claimed)), False


def _trusted(octets: bytes, claimed: str | None) -> Iterator[str]:
    """The charsets that prove themselves by decoding, in the order in which they are likely."""
    if octets.isascii():
        if b"\x1b$" in octets and not (claimed or "").startswith("iso2022"):  # nothing else has such escapes
            yield "iso2022_jp"
        yield claimed or "utf-8"
    elif claimed and _TAKES_ALL.fullmatch(claimed):
        yield "utf-8"  # which nothing is by chance
        if claimed not in _LATIN or not guess.is_mostly_foreign(octets, _MANY):
            yield claimed
    else:
        yield from filter(None, (claimed, "utf-8"))


def _strictly(octets: bytes, codec: str, *, cut: bool) -> str | None:
    try:
        if not cut:
            return octets.decode(codec)
        return codecs.getincrementaldecoder(codec)().decode(octets)
    except UnicodeError:
        return None


def _at_best(octets: bytes, claimed: str | None) -> str:
    """The text where no charset decodes all of it: a few octets went wrong on the way, or the claim is."""
    if claimed and claimed.startswith("iso2022_jp"):
        return iso2022jp.decode(octets)
    for codec in (claimed, "utf-8"):
        if codec and not _TAKES_ALL.fullmatch(codec):
            text = octets.decode(codec, "replace")
            foreign = len(text) - len(text.encode("ascii", "ignore"))
            if text.count("\ufffd") * 4 <= foreign:  # a wrong claim spoils nearly all of them
                return text
    return octets.decode(guess.guess(octets), "replace")


def of_code_page(number: int) -> str:
    """A charset by the number that Windows gives it; that of Western Europe where we do not know it."""
    of_iso = 28591 <= number <= 28605  # of which there is no twelfth
    name = f"iso8859-{number - 28590}" if of_iso else _CODE_PAGES.get(number, f"cp{number}")
    return _codec(name) or "cp1252"


def storable(text: str) -> str:
    """`text` with a replacement character wherever it holds what no database and no encoding can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _NOT_STORABLE.sub("\ufffd", text)
    return text.replace("\0", "\ufffd")


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    name = charset.strip(" \t'\"").removeprefix("x-")
    if match := _BY_NUMBER.match(name):
        name = f"cp{match[1]}"
    elif match := _ISO_8859.match(name):
        name = f"iso8859-{match[1]}"
    try:
        found = codecs.lookup(_ALIASES.get(name, name)).name
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return None
    if not _CHARSET.fullmatch(found):
        return None
    return _MEANT.get(found, found)
