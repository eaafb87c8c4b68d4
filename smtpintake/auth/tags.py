"""Tag lists: the syntax of signatures and of key records (RFC 6376 s3.2), and header fields in relaxed form.

Contract: what is not as the RFC says is a `TagError` whose text is fit for the log; nothing else comes out. No function
here sees more than one field or record, and each is linear in it. dkimpy has the same grammar, and a test holds ours
against it; but to load dkimpy is to load a DNS library, a fifth of an analyser's start.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from smtpintake.auth.canonical import Canonicalization

_BASE64: Final = re.compile(rb"[0-9A-Za-z+/]+=*")
_LENGTH: Final = re.compile(rb"[0-9]{1,76}")  # RFC 6376 s3.5, l=
# rsa-sha1 proves nothing (RFC 8301 s3.1), and is read so that this can be said of it. ARC has never had it.
_ALGORITHMS: Final = (b"rsa-sha1", b"rsa-sha256", b"ed25519-sha256")
_ALGORITHMS_OF_ARC: Final = (b"rsa-sha256",)
_CHAIN: Final = (b"none", b"fail", b"pass")  # RFC 8617 s4.1.3, cv=
_WHITE: Final = re.compile(rb"[\t ]+")


class TagError(ValueError):
    """The tags are not what the RFC says."""


def read_tags(octets: bytes) -> dict[bytes, bytes]:
    """Tag to value, neither with white space around it. A tag that occurs twice is an error (RFC 6376 s3.2)."""
    tags: dict[bytes, bytes] = {}
    specs = octets.replace(b"\r\n", b"").strip().split(b";")
    if not specs[-1]:
        specs.pop()  # the last may end in a semicolon, too
    for spec in specs:
        name, equals, value = spec.partition(b"=")
        name = name.strip()
        if not equals or not name[:1].isalpha():
            raise TagError(f"not a tag list: {spec!r}")
        if name in tags:
            raise TagError(f"not a tag list: {name!r} occurs twice")
        tags[name] = value.strip()
    return tags


def validate(tags: Mapping[bytes, bytes], required: Iterable[bytes], *, arc: bool = False) -> None:
    """Check that the tags required are there, and the values of those that nobody looks at again: algorithm, hashes,
    query, version.
    """
    for tag in required:
        if tag not in tags:
            raise TagError(f"missing {tag.decode('ascii')}=")
    for tag, value in tags.items():
        if not _is_valid(tag, value, arc=arc):
            raise TagError(f"{tag.decode('ascii')}= is not valid: {value!r}")


def _is_valid(tag: bytes, value: bytes, *, arc: bool) -> bool:
    match tag:
        case b"v":
            return value == b"1"
        case b"a":
            return value in (_ALGORITHMS_OF_ARC if arc else _ALGORITHMS)
        case b"b" | b"bh":
            return len(value) % 4 == 0 and _BASE64.fullmatch(value) is not None
        case b"cv":
            return value in _CHAIN
        case b"l":
            return _LENGTH.fullmatch(value) is not None
        case b"q":
            return value == b"dns/txt"
        case _:
            return True


def canonicalizations(value: bytes | None) -> tuple[Canonicalization, Canonicalization]:
    """Of the header and of the body, from c=."""
    try:
        header, slash, body = (b"simple" if value is None else value).decode("ascii").partition("/")
        return Canonicalization(header), Canonicalization(body if slash else "simple")
    except ValueError as error:
        raise TagError(f"c= names no canonicalization: {error}") from error


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """A header field in relaxed form, with its CRLF (RFC 6376 s3.4.2)."""
    unfolded = value.replace(b"\r\n", b"")
    return name.lower().rstrip() + b":" + _WHITE.sub(b" ", unfolded).strip() + b"\r\n"
