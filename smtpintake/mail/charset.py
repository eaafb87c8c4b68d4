"""Octets -> text: whatever charset a mail claims, the result is text that can be stored and shown.

Contract: total and linear. A charset is trusted where it decodes; otherwise UTF-8, then windows-1252, which knows every
octet. The result never holds a NUL (PostgreSQL has no room for it) or a lone surrogate (which no encoding has).
"""

import codecs
import re
from functools import lru_cache
from typing import Final

_NOT_STORABLE: Final = re.compile("[\0\ud800-\udfff]")
# Codecs that Python calls text encodings but that are no charset (idna, punycode, unicode_escape) stay out: some of
# them are quadratic.
_CHARSET: Final = re.compile(
    r"utf[-_]?(7|8|8-sig|16|16-[bl]e|32|32-[bl]e)|ascii|iso8859-\d+|iso2022_\w+|cp\d+|koi8-\w+|ptcp154|kz1048"
    r"|big5|big5hkscs|gb2312|gbk|gb18030|hz|euc_\w+|johab|shift_jis\w*|shift_jis_\w+|mac-\w+|tis-620|hp-roman8"
)
# What senders mean by it: the WHATWG Encoding standard's labels.
_MEANT: Final = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "tis-620": "cp874",
}
_ALIASES: Final = {
    "unicode-1-1-utf-7": "utf-7",
    "x-unicode-2-0-utf-7": "utf-7",
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "x-euc-jp": "euc_jp",
    "x-big5": "big5",
    "utf-8mb4": "utf-8",
    "utf8mb4": "utf-8",
    "iso-8859-8-i": "iso8859-8",
    "ansi_x3.110-1983": "cp1252",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
}


def decode(octets: bytes, charset: str) -> tuple[str, bool]:
    """The text, and whether the claimed charset (empty: none) was good for it."""
    codec = _codec(charset[:60].lower()) if charset else "utf-8"
    if codec is not None:
        try:
            return storable(octets.decode(codec)), True
        except UnicodeError:
            pass
    try:
        return storable(octets.decode("utf-8")), not charset
    except UnicodeDecodeError:
        return storable(octets.decode("cp1252", "replace")), False


def storable(text: str) -> str:
    """`text` with a replacement character wherever it holds what no database and no encoding can hold."""
    if text.isascii() and "\0" not in text:
        return text  # nearly every text, and looked through many times quicker
    return _NOT_STORABLE.sub("\ufffd", text)


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    name = charset.strip(" \t'\"")
    try:
        found = codecs.lookup(_ALIASES.get(name, name)).name
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return None
    if not _CHARSET.fullmatch(found):
        return None
    return _MEANT.get(found, found)
