"""The language that the header of a mail speaks: what its client says outright, and else what gives it away.

Contract: total and linear; the text of the mail is not looked at. The result is a tag such as `de` or `pt-BR`, or empty
where nothing tells. It is a guess about a reader, good enough to greet them and for nothing else.
"""

import re
from collections.abc import Iterator
from typing import Final

from smtpintake.mail.message import Message

_MAX_VALUE: Final = 500
_TELLING: Final = frozenset(("accept-language", "content-language", "content-type"))
_TAG: Final = re.compile(r"([a-z]{2})(?:-([a-z]{2,4}))?(?![a-z])", re.IGNORECASE)
_WEIGHT: Final = re.compile(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)", re.IGNORECASE)

# What clients put before the subject of a reply or a forward, where no other language has the same.
_PREFIXES: Final = {
    prefix: language
    for language, prefixes in {
        "cs": "odpověď přep",
        "de": "aw antwort wg weitergeleitet",
        "el": "απ πρθ",
        "es": "rv reenv",
        "fi": "vl",
        "fr": "rép tr",
        "hu": "vá válasz továb",
        "id": "bls balas",
        "it": "r i rif",
        "ja": "返信 転送",
        "ko": "답장 회신 전달",
        "nl": "antw doorst",
        "pl": "odp pd",
        "pt": "res enc",
        "ru": "отв ответ пер пересл",
        "sv": "sv vb",
        "tr": "ynt yanıt ilt",
        "zh": "回复 答复 转发",
        "zh-TW": "回覆 轉寄 轉發",
    }.items()
    for prefix in prefixes.split()
}
_PREFIX: Final = re.compile(r"\s*(\w{1,16})\s?(?:\[\d{1,3}\]|\(\d{1,3}\))?\s?[:：]")
# Scripts that one language alone is written in.
_SCRIPTS: Final = (
    (re.compile(r"[\u3041-\u30ff]"), "ja"),
    (re.compile(r"[\uac00-\ud7a3]"), "ko"),
    (re.compile(r"[\u0e01-\u0e5b]"), "th"),
    (re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]{3}"), "el"),
    (re.compile(r"[\u05d0-\u05ea]{2}"), "he"),
)
_CHARSET: Final = re.compile(r"\bcharset\s*=\s*\"?([\w.-]+)", re.IGNORECASE)
_CHARSETS: Final = {
    **dict.fromkeys(("iso-2022-jp", "shift_jis", "euc-jp", "windows-31j", "cp932"), "ja"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "iso-2022-kr", "cp949"), "ko"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "hz-gb-2312"), "zh"),
    "big5": "zh-TW",
    "koi8-r": "ru",
    "koi8-u": "uk",
    **dict.fromkeys(("iso-8859-7", "windows-1253"), "el"),
    **dict.fromkeys(("iso-8859-8", "iso-8859-8-i", "windows-1255"), "he"),
    **dict.fromkeys(("iso-8859-9", "windows-1254"), "tr"),
    **dict.fromkeys(("tis-620", "windows-874", "iso-8859-11"), "th"),
    "windows-1258": "vi",
}


def spoken(message: Message) -> str:
    """The language of whoever wrote `message`. RFC 3282 s3: Accept-Language is about the answer, so it comes first."""
    header = {
        field: value[:_MAX_VALUE] for name, value in reversed(message.header) if (field := name.lower()) in _TELLING
    }
    subject = message.subject[:_MAX_VALUE]
    return next(
        filter(
            None,
            (
                _preferred(header.get("accept-language", "")),
                _preferred(header.get("content-language", "")),
                _of_script(subject),
                _of_prefix(subject),
                _of_charset(header.get("content-type", "")),
            ),
        ),
        "",
    )


def _preferred(value: str) -> str:
    """The first of the languages with the greatest weight (RFC 3282 s3, RFC 9110 s12.4.2)."""
    weighed = list(_weighed(value))
    return max(weighed, key=lambda each: each[0])[1] if weighed else ""


def _weighed(value: str) -> Iterator[tuple[float, str]]:
    for each in value.split(","):
        name, _, parameters = each.partition(";")
        tag, weight = _TAG.match(name.strip()), _WEIGHT.search(parameters)
        if tag is not None and (heavy := float(weight[1]) if weight else 1.0):
            yield heavy, f"{tag[1].lower()}-{_subtag(tag[2])}" if tag[2] else tag[1].lower()


def _subtag(text: str) -> str:
    """A script as `Hant`, a region as `BR` (RFC 5646 s2.1.1)."""
    return text.title() if len(text) == 4 else text.upper()


def _of_script(subject: str) -> str:
    if subject.isascii():
        return ""
    return next((language for script, language in _SCRIPTS if script.search(subject)), "")


def _of_prefix(subject: str) -> str:
    """The outermost prefix is of the client that wrote this mail; those behind it are of others."""
    prefix = _PREFIX.match(subject)
    return _PREFIXES.get(prefix[1].lower(), "") if prefix else ""


def _of_charset(content_type: str) -> str:
    charset = _CHARSET.search(content_type)
    return _CHARSETS.get(charset[1].lower(), "") if charset else ""
