"""What ties a mail to an earlier one: Message-IDs, tokens in the subject, and the subject without its prefixes.

Contract: total and linear; every result is bounded in number and length, since each one becomes a look-up and a row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_ID: Final = 400  # octets; what is longer is nobody's Message-ID, and no index would take it
MAX_IDS: Final = 100
MAX_TOKENS: Final = 10

_ANGLES: Final = re.compile(r"<([^<>]*)>")
_SPACE: Final = re.compile(r"\s+")
# `#12` only where neither side is part of a word, a colour, an entity (`&#12;`) or an anchor (`/#12`).
_TOKEN: Final = re.compile(
    r"\[\s?(?P<project>[A-Za-z][A-Za-z0-9]{0,9})-(?P<issue>[0-9]{1,10})\s?\]"
    r"|\[\s?(?P<prefix>[A-Za-z]{2,8}):\s?(?P<typed>[0-9]{1,10})\s?\]"
    r"|(?<![\w#&/])#(?P<bare>[0-9]{1,10})(?![\w-])"
)
_FORWARD: Final = (
    "fw|fwd|forward|wg|weitergeleitet|tr|rv|reenv|enc|i|doorst|vb|vl|vs|továb|pd|prz|pfwd|přep|fs|ilt|bls"
    "|转发|轉寄|轉發|転送|전달|пер|пересл|πρθ"
)
_REPLY: Final = (
    "re|r|aw|antw|antwort|sv|vá|válasz|res|rép|rif|ref|odp|odpověď|ynt|yanıt|atb|balas|답장|회신|回复|答复|回覆|返信"
    "|отв|ответ|отг|απ"
)
_COUNT: Final = r"\s?(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s?[:：]"
_PREFIX: Final = re.compile(rf"\s*(?:{_REPLY}|{_FORWARD}){_COUNT}", re.IGNORECASE)
_FORWARD_PREFIX: Final = re.compile(rf"\s*(?:{_FORWARD}){_COUNT}", re.IGNORECASE)


class TokenKind(StrEnum):
    PROJECT = "project"  # [SUP-12]
    TYPE = "type"  # [IN:000012]
    BARE = "bare"  # #12


@dataclass(frozen=True, slots=True)
class SubjectToken:
    """A reference to an issue in a subject. `name` is the project key or type prefix in upper case, '' for `#12`."""

    kind: TokenKind
    name: str
    number: int
    text: str

    def __str__(self) -> str:
        """As it was written."""
        return self.text


def message_id(text: str) -> str | None:
    """The id of a Message-ID field, without angle brackets, which some senders forget."""
    found = _ids(text)
    if found:
        return found[0]
    bare = _SPACE.sub("", text).strip("<>")
    return bare if 0 < len(bare) <= MAX_ID and "@" in bare else None


def message_ids(text: str) -> tuple[str, ...]:
    """The ids of an In-Reply-To or References field in order, the last `MAX_IDS` of them: they are the nearest."""
    return tuple(dict.fromkeys(_ids(text)))[-MAX_IDS:]


def _ids(text: str) -> list[str]:
    # Clients fold inside an id that is too long for their line.
    ids = (_SPACE.sub("", match) for match in _ANGLES.findall(text))
    return [found for found in ids if 0 < len(found) <= MAX_ID]


def subject_tokens(subject: str) -> tuple[SubjectToken, ...]:
    """The tokens in `subject`, in order, each once."""
    return tuple(dict.fromkeys(_tokens(subject)))[:MAX_TOKENS]


def _tokens(subject: str) -> Iterator[SubjectToken]:
    for match in _TOKEN.finditer(subject):
        if name := match["project"]:
            token = SubjectToken(TokenKind.PROJECT, name.upper(), int(match["issue"]), match[0])
        elif name := match["prefix"]:
            token = SubjectToken(TokenKind.TYPE, name.upper(), int(match["typed"]), match[0])
        else:
            token = SubjectToken(TokenKind.BARE, "", int(match["bare"]), match[0])
        if token.number:
            yield token


def base_subject(subject: str) -> str:
    """`subject` without the prefixes that replying and forwarding put before it, in any of many languages."""
    start = 0
    while match := _PREFIX.match(subject, start):
        start = match.end()
    return subject[start:].strip() or subject.strip()


def is_forward(subject: str) -> bool:
    """True where the mail says that it passes another one on."""
    return _FORWARD_PREFIX.match(subject) is not None
