"""The few header fields that MIME needs (RFC 2045, RFC 2183): a media type or disposition with its parameters.

Contract: total and linear. Parameters are read as RFC 2231 has them (charset, continuations) and as senders write them:
encoded-words (RFC 2047), raw UTF-8, no quotes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import decode_params
from functools import lru_cache
from typing import Final

from smtpintake.mail import charset, fieldvalue
from smtpintake.mail.prescan import Field

MAX_NAME: Final = 998  # characters; convert/filename.py makes a name that can be saved of it

_WORTH_KEEPING: Final = 80  # octets

_PARAMETER: Final = re.compile(r";[ \t]*([^\s=;\"]+)[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^;]*))")
_CONTINUED: Final = re.compile(r"[^*]+(?:\*[0-9]{1,3})?\*?")
_ESCAPED: Final = re.compile(r"\\(.)")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`{|}~-]+/[a-z0-9!#$%&'*+.^_`{|}~-]+")


@dataclass(frozen=True, slots=True)
class Parameterised:
    """`value; name=parameter; …`, names and value in lower case. Shared: nobody changes it."""

    value: str
    parameters: Mapping[str, str]


NOTHING: Final = Parameterised("", {})


@dataclass(frozen=True, slots=True)
class MimeHeader:
    content_type: str
    type_parameters: Mapping[str, str]
    disposition: str
    name: str
    encoding: str
    content_id: str


def read(fields: tuple[Field, ...], default: str) -> MimeHeader:
    """The MIME header among `fields`; of a field that comes twice the first counts. `default` is the media type where
    none is stated (RFC 2045 s5.2).
    """
    found: dict[bytes, bytes] = {}
    for field in fields:
        if field.name.startswith(b"content-"):
            found.setdefault(field.name, field.value)
    content_type = _parameterised(found.get(b"content-type"))
    disposition = _parameterised(found.get(b"content-disposition"))
    name = disposition.parameters.get("filename") or content_type.parameters.get("name") or ""
    return MimeHeader(
        content_type=media_type(content_type.value, default),
        type_parameters=content_type.parameters,
        disposition=disposition.value[:60],
        name=" ".join(name.split())[:MAX_NAME],
        encoding=_parameterised(found.get(b"content-transfer-encoding")).value[:60],
        content_id=fieldvalue.decode(found.get(b"content-id", b"")).strip(" <>")[:MAX_NAME],
    )


def media_type(stated: str, default: str) -> str:
    """The media type that `stated`, in lower case, stands for."""
    if not stated:
        return default
    if _MEDIA_TYPE.fullmatch(stated):
        return stated[:127]
    # `Content-Type: text` is common, and RFC 2045 s5.2 has text for what cannot be understood.
    return "text/plain" if stated == "text" else "application/octet-stream"


def _parameterised(raw: bytes | None) -> Parameterised:
    if raw is None:
        return NOTHING
    # `text/plain; charset=utf-8`, `base64`: nearly every part says one of a few things.
    return _known(raw) if len(raw) <= _WORTH_KEEPING else _read(raw)


def _read(raw: bytes) -> Parameterised:
    text = fieldvalue.unfold(raw)
    value, _, _ = text.partition(";")
    pairs = [
        (match[1].lower(), _unquoted(match[2]) if match[2] is not None else match[3].strip())
        for match in _PARAMETER.finditer(text, len(value))
    ]
    return Parameterised(value.strip().lower(), _joined(pairs))


_known: Final = lru_cache(maxsize=1024)(_read)


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    if any("*" in name for name, _ in pairs):
        extended = [pair for pair in pairs if _CONTINUED.fullmatch(pair[0])]
        # The first pair is passed through by the stdlib: it is meant to be the media type.
        decoded = decode_params([("", ""), *extended])[1:]
    else:
        decoded = list(pairs)
    parameters: dict[str, str] = {}
    for name, value in decoded:
        parameters.setdefault(name, _text(value))
    return parameters


def _text(value: str | tuple[str | None, str | None, str]) -> str:
    """A parameter as the stdlib gives it: a string, or (charset, language, octets as latin-1) by RFC 2231 s4."""
    if isinstance(value, tuple):
        label, _, octets = value
        return charset.decode(octets.encode("raw-unicode-escape"), label or "")[0].strip('"')
    value = value.removeprefix('"').removesuffix('"')
    return charset.storable(fieldvalue.decode_words(value) if "=?" in value else value)
