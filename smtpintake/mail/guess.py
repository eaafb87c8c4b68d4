"""Which charset octets are in that say nothing, or the wrong thing, about it.

Contract: total; bounded by a sample. A guess only: what can be known is tried before (`mail/charset.py`).
"""

import re
from typing import Final

MAX_SAMPLE: Final = 2 << 10  # octets

# What mail was written in before UTF-8: where most letters are beyond ASCII, and where few are.
_LATIN: Final = ("cp1252", "cp1250", "cp1254", "cp1257", "cp1258", "iso-8859-2")
_OTHER: Final = (
    *("cp1251", "koi8-r", "koi8-u", "iso-8859-5", "cp866", "cp1253", "iso-8859-7", "cp1255", "cp1256", "cp874"),
    *("gb18030", "big5", "euc-jp", "cp932", "cp949"),
)
# Below these a detector's word counts less than what is common; found by trying with short texts of many languages.
_SURE_OF_OTHER: Final = 0.2
_SURE_OF_LATIN: Final = 0.03

_BEFORE: Final = 32  # octets of a sample
_FOREIGN: Final = re.compile(rb"[\x80-\xff]")
_RUN: Final = re.compile(rb"[\x80-\xff]{2}")
_TAG: Final = re.compile(rb"<[^<>]*>")
_NO_LETTERS: Final = bytes(octet for octet in range(128) if not chr(octet).isalpha())
_ASCII: Final = bytes(range(128))


def is_mostly_foreign(octets: bytes, at_least: int = 4) -> bool:
    """True where most letters, and `at_least` so many, are beyond ASCII. No language that is written in Latin letters
    is like that.
    """
    letters = _TAG.sub(b"", _sample(octets)).translate(None, _NO_LETTERS)
    foreign = len(letters.translate(None, _ASCII))
    # A sign between figures (20 °C) stands alone; letters make words.
    return foreign >= at_least and foreign * 2 > len(letters) and _RUN.search(octets) is not None


def guess(octets: bytes) -> str:
    """The most likely charset of `octets`, which are not UTF-8."""
    sample = _sample(octets)
    if is_mostly_foreign(sample):
        found, _ = _detected(sample, _OTHER)
        return found or "cp1252"
    found, confidence = _detected(sample, _LATIN + _OTHER)
    if found and confidence >= _SURE_OF_OTHER:
        return found
    found, confidence = _detected(sample, _LATIN)
    return found if found and confidence >= _SURE_OF_LATIN else "cp1252"


def _sample(octets: bytes) -> bytes:
    """The text from shortly before its first letter beyond ASCII: HTML may begin with much that tells nothing."""
    first = _FOREIGN.search(octets)
    start = max(0, first.start() - _BEFORE) if first else 0
    return octets[start : start + MAX_SAMPLE]


def _detected(sample: bytes, among: tuple[str, ...]) -> tuple[str, float]:
    import chardet  # noqa: PLC0415 - a tenth of a second and 12 MB, and few mails need it

    found = chardet.detect(sample, include_encodings=among, no_match_encoding=among[0])
    return found["encoding"] or "", found["confidence"] or 0.0
