"""The types of the policy file's fields: what may stand there, and the folded form in which it is kept.

Contract: a validator raises ValueError with a text for whoever wrote the file.
"""

import re
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, WithJsonSchema

from smtpintake.mail.address import AddressError, Mailbox, fold_domain

# `inbox.creator`: whoever wrote the mail.
SENDER: Final = "sender"


def within(domain: str, entry: str) -> bool:
    """True where the folded `domain` is `entry`, or lies below it where `entry` is such as `*.example.org`."""
    return domain == entry or (entry.startswith("*.") and domain.endswith(entry[1:]))


def _address(text: str) -> str:
    try:
        return Mailbox.parse(text).folded
    except AddressError as error:
        raise ValueError(f"{text!r} is not an address: {error}") from error


def _optional_address(text: str) -> str:
    return _address(text) if text else ""


def _inbox_address(text: str) -> str:
    """An address, or `@example.org`: every address of that domain that no other inbox has."""
    if text.startswith("@"):
        return "@" + _domain(text[1:])
    return _address(text)


def _domain(text: str) -> str:
    try:
        folded = fold_domain(text.removeprefix("@"))
    except AddressError as error:
        raise ValueError(f"{text!r} is not a domain: {error}") from error
    if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", folded):
        raise ValueError(f"{text!r} is not a domain such as example.org or *.example.org")
    return folded


def _pattern(text: str) -> str:
    """An address, `@domain`, or any other fragment, compared with the folded author address."""
    text = text.strip()
    if not text:
        raise ValueError("an empty pattern would match every sender")
    try:
        return f"@{fold_domain(text[1:])}" if text.startswith("@") else Mailbox.parse(text).folded
    except AddressError:
        return text.lower()


def _header_name(text: str) -> str:
    """RFC 5322 s3.6.8: printable ASCII without the colon."""
    if not re.fullmatch(r"[!-9;-~]{1,80}", text):
        raise ValueError(f"{text!r} is not the name of a header field")
    return text.lower()


def _creator(text: str) -> str:
    return text if text == SENDER else _address(text)


def _attachment_kind(text: str) -> str:
    """`application/pdf`, `image/*`, `*`, or the end of a file name such as `.exe`."""
    folded = text.lower()
    if folded == "*" or (folded.startswith(".") and len(folded) > 1) or all(folded.partition("/")):
        return folded
    raise ValueError(f"{text!r} is no media type such as image/*, no end of a file name such as .exe, and not *")


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # there is none; a path; a folder
        raise ValueError(f"{name!r} is no time zone of the IANA database, such as 'Europe/Berlin'") from error
    return name


def _named(name: str) -> WithJsonSchema:
    """What docs/policy.md calls the type."""
    return WithJsonSchema({"type": "string", "format": name})


Address = Annotated[str, AfterValidator(_address), _named("address")]
OptionalAddress = Annotated[str, AfterValidator(_optional_address), _named("address")]
InboxAddress = Annotated[str, AfterValidator(_inbox_address), _named("address, or `@domain`")]
Domain = Annotated[str, AfterValidator(_domain), _named("domain")]
SenderPattern = Annotated[str, AfterValidator(_pattern), _named("pattern")]
AttachmentKind = Annotated[str, AfterValidator(_attachment_kind)]
Creator = Annotated[str, AfterValidator(_creator), _named("`sender`, or an address")]
# No control characters: a name ends up in header fields and on terminals.
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Tag = Annotated[str, Field(pattern=r"^\S{1,60}$")]
Priority = Literal["low", "normal", "high", "urgent"]
ENGLISH: Final = "en"
LANGUAGE: Final = r"^[a-z]{2}(-[A-Za-z]{2,4})?$"
Language = Annotated[str, Field(pattern=LANGUAGE)]
OptionalLanguage = Annotated[str, Field(pattern=rf"^$|{LANGUAGE}")]
Timezone = Annotated[str, AfterValidator(_timezone)]
HeaderName = Annotated[str, AfterValidator(_header_name), _named("header field")]
