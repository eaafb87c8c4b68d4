"""Address fields: From, Reply-To, To, Cc -> `Author` values.

Contract: total. What has the plain form that nearly every mail has is read here; everything else is mail-parser's,
which recovers much and says where it had to. For From that is not enough: parsers that disagree about the author are
what a forger needs, so where mail-parser sees an ambiguity, or an address in the display name that is not the author's,
the field names nobody, and the judge refuses it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from typing import Final

import mailparser

from smtpintake.mail import fieldvalue
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.mail.charset import storable
from smtpintake.mail.message import Author, Defect

MAX_AUTHORS: Final = 1000
MAX_NAME: Final = 200

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-\u00a1-\u1fff\u2c00-\ud7ff\uf900-\uffdc\U00010000-\U000e0000]+"
_SIMPLE: Final = re.compile(
    r"[ \t]*(?:"
    rf"(?:(?P<phrase>{_ATOM}(?:[ \t]+{_ATOM})*)|\"(?P<quoted>[^\"\\<>]*)\")?[ \t]*<(?P<angle>[^<>\s\"]+)>"
    r"|(?P<bare>[^<>\s\",;:()\[\]\\]+)"
    r")[ \t]*(?P<more>,|\Z)"
)
# What mail-parser notes where only the display name suffered, or where folding and comments are legal but unusual.
_HARMLESS: Final = frozenset(("overlong-encoded-word", "invalid-encoded-word", "structural-recovery"))
# Zero-width and directional marks: in a name they only serve to look like somebody else.
_MARKS: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_UNSEEN: Final = bytes((*range(0x21), *range(0x7F, 0x100)))  # all but the visible characters of ASCII
_NAMED_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


@dataclass(frozen=True, slots=True)
class Addresses:
    """What one field names. `certain` is False where two readers could see different addresses in it."""

    authors: tuple[Author, ...]
    defects: tuple[Defect, ...] = ()
    certain: bool = True


def read(value: bytes, hint: str = "") -> Addresses:
    """The addresses of one field; those that are no valid mailbox are left out, with a Defect. `hint` is the charset of
    the body.
    """
    text = _text(value, hint)
    simple = list(_simple(text))
    if simple and None not in simple:
        return _checked((pair for pair in simple if pair is not None), (), certain=True)
    try:
        parsed = _parsed(text)
    except HeaderParseError:  # base64 of so many digits that they make no octets, in an encoded-word
        parsed = _parsed(text.replace("=?", "= ?"))
    found = parsed.address_header_defects
    reasons = {reason for defect in found for reason in str(defect["reason"]).split(",")}
    pairs = [(display_name(name), address) for name, address in parsed.from_]
    certain = all(map(_same_address, found)) if reasons - _HARMLESS else True
    defects = tuple(Defect("address.odd", reason) for reason in sorted(reasons))
    return _checked(iter(pairs), defects, certain=certain)


def authors(values: list[bytes], hint: str = "") -> tuple[tuple[Author, ...], tuple[Defect, ...]]:
    """The authors of every From field; none where any of the fields can be read in two ways."""
    fields = [read(value, hint) for value in values]
    defects = tuple(defect for field in fields for defect in field.defects)
    if not all(field.certain for field in fields):
        return (), (*defects, Defect("author.ambiguous"))
    return tuple(author for field in fields for author in field.authors), defects


def _parsed(text: str) -> mailparser.MailParser:
    return mailparser.parse_from_bytes(b"From: " + text.encode("utf-8", "replace") + b"\r\n\r\n")


def _text(value: bytes, hint: str) -> str:
    """The field as text. In some charsets an octet of ASCII, such as an @, may be half of another character; those do
    not decide who wrote.
    """
    text = fieldvalue.unfold(value, hint)
    if value.isascii() or text.encode("ascii", "ignore").translate(None, _UNSEEN) == value.translate(None, _UNSEEN):
        return text
    return fieldvalue.unfold(value.decode("cp1252", "replace").encode())


def _simple(text: str) -> Iterator[tuple[str, str] | None]:
    """(display name, address) of each member of a plain list, and a None where it stops being plain."""
    position = 0
    while position < len(text):
        match = _SIMPLE.match(text, position)
        if match is None:
            yield None
            return
        if match["bare"] is not None:
            yield "", match["bare"]
        else:
            # RFC 2047 s5 forbids encoded-words in quotes; some of the largest providers write them there.
            phrase = match["phrase"] or match["quoted"] or ""
            name = fieldvalue.decode_words(phrase) if "=?" in phrase else phrase
            yield display_name(name), match["angle"]
        position = match.end()


def _checked(pairs: Iterator[tuple[str, str]], defects: tuple[Defect, ...], *, certain: bool) -> Addresses:
    authors: list[Author] = []
    bad: list[Defect] = []
    for name, address in pairs:
        try:
            authors.append(Author(Mailbox.parse(address), name))
            if "@" in name and name != address:
                bad.append(Defect("address.name", f"the display name {name[:80]!r} looks like an address"))
        except AddressError as error:
            # A word without an @ is half of `Ruiz, Ana <ana@example.com>`; what has one is an address to some reader.
            certain = certain and "@" not in address
            bad.append(Defect("address.invalid", f"{address[:80]!r}: {error}"))
        if len(authors) + len(bad) >= MAX_AUTHORS:
            bad.append(Defect("address.many", f"more than {MAX_AUTHORS} addresses"))
            break
    return Addresses(tuple(authors), (*defects, *bad[:5]), certain)


def _same_address(defect: dict[str, object]) -> bool:
    """True where a forbidden display name only repeats the address itself, as in `a@b.example <a@b.example>`."""
    candidates = defect["candidates"]
    if defect["reason"] != "invalid-display-name" or not isinstance(candidates, list) or len(candidates) != 1:
        return False
    address = str(candidates[0]["address"]).lower()
    prefix = str(defect["raw"]).partition("<")[0]
    return all(named.lower() == address for named in _NAMED_ADDRESS.findall(prefix))


def display_name(name: str) -> str:
    return " ".join(_MARKS.sub("", storable(name)).split())[:MAX_NAME]
