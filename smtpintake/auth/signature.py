"""`Signature`: one signature field, and whether it signs this mail. What DKIM and both signatures of ARC share.

Contract: reading is total: a field that breaks the grammar is a `Signature` with a `fault`. The work of a verification
is linear in the header section and, through `BodyHashes`, in the body.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from smtpintake.auth.canonical import BodyHashes, Canonicalization
from smtpintake.auth.keys import Key
from smtpintake.auth.tags import TagError, canonicalizations, read_tags, relaxed_field, validate
from smtpintake.mail.prescan import Field, Octets, Prescan

MAX_FIELD: Final = 8 << 10
CLOCK_SKEW: Final = timedelta(minutes=5)

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_NAME: Final = 253  # RFC 1035 s3.1, as text without the last dot
_NOT_TEXT: Final = re.compile(rb"[^\t\r\n\x20-\x7e]")
_DIGITS: Final = re.compile(rb"[0-9]{1,12}")  # RFC 6376 s3.5, t=: "up to at least" 10^12
_LINE: Final = re.compile(rb"\r\n(?![ \t])")
# RFC 5322 s3.6, RFC 2045 s3: what a header has once. Signers sign the last, readers show and obey the first.
_ONCE: Final = (
    *(b"from", b"subject", b"date", b"message-id", b"in-reply-to", b"references", b"reply-to", b"sender", b"to", b"cc"),
    *(b"content-type", b"content-transfer-encoding"),
)
# RFC 6376 s3.7: "the value of the "b=" tag (including all surrounding whitespace) deleted".
_SIGNATURE_VALUE: Final = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature field: `position` is its index among the header fields. Empty is what it did not name, or wrongly.

    `names` is h=, in lower case; `length` is l=; `signed_at` and `expires` are t= and x=, seconds since 1970; `status`
    is cv= of an ARC-Seal.
    """

    position: int
    fault: str = ""
    domain: str = ""
    selector: str = ""
    auid: str = ""
    algorithm: str = ""
    header: Canonicalization = Canonicalization.RELAXED
    body: Canonicalization = Canonicalization.RELAXED
    names: tuple[bytes, ...] = ()
    value: bytes = b""
    body_hash: bytes = b""
    length: int | None = None
    signed_at: int | None = None
    expires: int | None = None
    status: str = ""

    @property
    def signs_author(self) -> bool:
        """RFC 6376 s5.4: "The From header field MUST be signed"."""
        return b"from" in self.names

    @property
    def key_name(self) -> str:
        """Where the key is published (RFC 6376 s3.6.2.1); empty where that cannot be said."""
        name = f"{self.selector}._domainkey.{self.domain}" if self.selector and self.domain else ""
        return name if len(name) <= _MAX_NAME else ""


def read(position: int, field: Field, required: Sequence[bytes], *, arc: bool = False) -> Signature:
    """The signature in `field`, where the tags `required` must be."""
    if len(field.value) > MAX_FIELD:
        return Signature(position, f"a field of more than {MAX_FIELD} octets")
    if _NOT_TEXT.search(field.value):
        return Signature(position, "octets that are no text in the field")
    try:
        tags = read_tags(field.value)
    except TagError as error:
        return Signature(position, str(error))
    domain = _name(tags.get(b"d", b""))
    found = Signature(
        position,
        domain=domain,
        selector=_name(tags.get(b"s", b"")),
        auid=_word(tags.get(b"i", b"")) or (f"@{domain}" if domain else ""),
        algorithm=_word(tags.get(b"a", b"")),
    )
    try:
        return _complete(found, tags, required, arc=arc)
    except ValueError as error:
        return replace(found, fault=str(error))


def _complete(found: Signature, tags: dict[bytes, bytes], required: Sequence[bytes], *, arc: bool) -> Signature:
    """Raises ValueError."""
    dense = {tag: b"".join(tags[tag].split()) for tag in (b"b", b"bh") if tag in tags}
    validate(tags | dense, required, arc=arc)
    if not found.key_name:
        raise TagError("d= or s= is no domain name")
    if b"i" in tags and not arc and b"@" not in tags[b"i"]:
        raise TagError("i= is no identity")
    # RFC 6376 s3.5 makes "simple" the default, and of ARC all take "relaxed".
    header, body = canonicalizations(tags.get(b"c", b"relaxed/relaxed" if arc else None))
    signed_at, expires = _time(tags, b"t"), _time(tags, b"x")
    if signed_at is not None and expires is not None and expires < signed_at:
        raise TagError("x= is before t=")
    names = tuple(name.strip().lower() for name in tags[b"h"].split(b":")) if b"h" in tags else ()
    return replace(
        found,
        header=header,
        body=body,
        names=names,
        value=base64.b64decode(dense[b"b"], validate=True),
        body_hash=base64.b64decode(dense.get(b"bh", b""), validate=True),
        length=int(tags[b"l"]) if b"l" in tags else None,
        signed_at=signed_at,
        expires=expires,
        status=tags.get(b"cv", b"").decode("ascii"),
    )


def _name(value: bytes) -> str:
    text = value.decode("ascii").lower()
    return text if len(text) <= _MAX_NAME and _DOMAIN.fullmatch(text) else ""


def _word(value: bytes) -> str:
    text = value.decode("ascii")
    return text if text.isprintable() and " " not in text else ""


def _time(tags: dict[bytes, bytes], tag: bytes) -> int | None:
    if tag not in tags:
        return None
    if not _DIGITS.fullmatch(tags[tag]):
        raise TagError(f"{tag.decode('ascii')}= is no time")
    return int(tags[tag])


class Header:
    """The header fields of one mail in the forms that signatures cover."""

    def __init__(self, raw: Octets, scan: Prescan) -> None:
        self._raw = raw
        self._scan = scan
        self._canonical: dict[tuple[int, Canonicalization], bytes] = {}
        self._lines: list[bytes] = []
        self._positions: dict[bytes, list[int]] = {}
        for position, field in enumerate(scan.fields):
            self._positions.setdefault(field.name, []).append(position)

    def count(self, name: bytes) -> int:
        """How many fields of this name the mail has."""
        return len(self._positions.get(name, ()))

    def named(self, signature: Signature) -> bytes:
        """The fields that h= names, canonical: of several alike the last first, and none twice (RFC 6376 s5.4.2).

        > s3.7: The header field MUST NOT be included in its own h= tag.
        """
        left: dict[bytes, list[int]] = {}
        found: list[bytes] = []
        for name in signature.names:
            if name not in left:
                left[name] = [at for at in self._positions.get(name, ()) if at != signature.position]
            if left[name]:
                found.append(self.field(left[name].pop(), signature.header))
        return b"".join(found)

    def field(self, position: int, canonicalization: Canonicalization) -> bytes:
        """One field in canonical form, with its CRLF (RFC 6376 s3.4.1, s3.4.2)."""
        wanted = position, canonicalization
        if wanted not in self._canonical:
            name, value = self._written(position, canonicalization)
            self._canonical[wanted] = _canonical(name, value, canonicalization)
        return self._canonical[wanted]

    def own(self, position: int, canonicalization: Canonicalization) -> bytes:
        """A signature's own field, canonical: without its value, and without a CRLF at the end (RFC 6376 s3.7)."""
        name, value = self._written(position, canonicalization)
        unsigned = _SIGNATURE_VALUE.sub(rb"\1", value, count=1)
        return _canonical(name, unsigned, canonicalization).removesuffix(b"\r\n")

    def _written(self, position: int, canonicalization: Canonicalization) -> tuple[bytes, bytes]:
        field = self._scan.fields[position]
        if canonicalization is Canonicalization.RELAXED:
            return field.name, field.value
        self._lines = self._lines or list(_lines(self._raw[: self._scan.body_offset], self._scan.fields))
        name, _, value = self._lines[position].partition(b":")
        return name, value


def _lines(section: bytes, fields: Iterable[Field]) -> Iterable[bytes]:
    """Each field as written: "simple" changes nothing, not even the case of a name, which `Field` does not keep."""
    lines = iter(_LINE.split(section))
    for field in fields:
        for line in lines:
            name, _, value = line.partition(b":")
            if value == field.value and name.rstrip(b" \t").lower() == field.name:
                yield line
                break


def _canonical(name: bytes, value: bytes, canonicalization: Canonicalization) -> bytes:
    if canonicalization is Canonicalization.SIMPLE:
        return name + b":" + value + b"\r\n"
    return relaxed_field(name, value)


def failure(signature: Signature, key: Key, header: Header, bodies: BodyHashes) -> str:
    """Why the signature is not of this mail and by this key; empty where it is.

    The header comes first, which signs the body's hash: a body is read for those only who had it signed.
    """
    signed = header.named(signature) + header.own(signature.position, signature.header)
    if not key.verifies(signature.value, signed):
        return "the header is not the one signed, or not with this key"
    body = bodies.digest(signature.body, "sha256", signature.length)
    if body.digest != signature.body_hash:
        return "the body is not the one signed"
    return ""


def objection(signature: Signature, header: Header, bodies: BodyHashes, now: datetime) -> str:
    """Why the signature, though it verifies, is not relied on; empty where nothing speaks against it."""
    return _about_coverage(signature, header, bodies) or _about_time(signature, now)


def _about_coverage(signature: Signature, header: Header, bodies: BodyHashes) -> str:
    """What the signature leaves open to be added or changed."""
    for name in _ONCE:
        if header.count(name) > max(signature.names.count(name), 1):
            return f"a {name.decode().title()} was added to those signed"  # RFC 6376 s8.15
    body = bodies.digest(signature.body, "sha256", signature.length)
    if not body.whole:
        return f"only the first {signature.length} octets of the body are signed"  # RFC 6376 s8.2
    if signature.length is not None and signature.length > body.length:
        return "l= says more than the body has"  # RFC 6376 s3.5, l=: it MUST NOT
    return ""


def _about_time(signature: Signature, now: datetime) -> str:
    earliest, latest = (now - CLOCK_SKEW).timestamp(), (now + CLOCK_SKEW).timestamp()
    if signature.expires is not None and signature.expires < earliest:
        return "the signature has expired"
    if signature.signed_at is not None and signature.signed_at > latest:
        return "the signature is of the future"
    return ""
