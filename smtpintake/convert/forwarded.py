"""Who wrote the mail that another one passes on: `Forwarded`, of a text with the header block that clients write.

Contract: pure, total and linear. Reads, and grants nothing: whose word it is that somebody wrote this, and what that is
worth, is for `smtpintake.decide.forwards`. The topmost block counts, since the forwarder's own client wrote it; what
stands below was written by others. So where the topmost cannot be read with certainty (a field twice, two addresses in
From, labels of a language that we do not know) there is none: a deeper one is anybody's claim.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final

from smtpintake.convert import forwardlocales as locales
from smtpintake.convert import quoting, signature
from smtpintake.convert.commands import Command, command_block, put_back
from smtpintake.convert.file import File
from smtpintake.convert.forwardlocales import Label
from smtpintake.convert.writtendate import moment
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.mail.authors import display_name
from smtpintake.mail.fieldvalue import one_line
from smtpintake.mail.message import Author, Message
from smtpintake.mail.threadkeys import base_subject, is_forward

MAX_HEAD: Final = 40  # lines of a header block
MAX_LINE: Final = 4000  # Yahoo writes a whole block on one line
MAX_VALUE: Final = 1000
MAX_GAP: Final = 3  # blank lines between a mark and what it announces

_AROUND_ADDRESS: Final = re.compile(r"[\s<>\[\]()\",;«»]+|mailto:")
_OFFSET: Final = re.compile(r"[ \t]([+-])([01][0-9])([0-5][0-9])\b", re.ASCII)
_ANGLE: Final = re.compile(r"[<\[]")
_QUOTED_NAME: Final = re.compile(r"[\"«]\s?([^\"«»<>]{1,200})[\"»]\s?<")
_AROUND_NAME: Final = " \t\"'«»*\u00a0"
_TABLE_RULE: Final = "|-: "
_BLANK: Final = " \t\r\u00a0\ufeff"
_MARK: Final = re.compile(r">[ \t]?")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The mail inside: its author, subject and date (None where unknown) as the forwarder's client tells them, and what
    it says, as text and perhaps as HTML; `hidden` is the whole of it where the text leaves something out.
    `files` belong to it. `comment` is what the forwarder wrote besides, and may be empty.
    """

    author: Author
    subject: str
    date: datetime | None
    text: str
    hidden: str
    comment: str
    html: str | None = None
    blocked_images: int = 0
    files: tuple[File, ...] = ()

    def obeying(self, commands: Sequence[Command]) -> "Forwarded":
        """Without these commands in the forwarder's own text."""
        block = command_block(self.comment, None)
        if block is None:
            return self
        kept = [command for command in block.commands if command not in commands]
        return replace(self, comment=put_back(kept, block)[0])


@dataclass(frozen=True, slots=True)
class Carried:
    """A mail that another one has as an attachment, read; `files` are its own attachments."""

    message: Message
    files: tuple[File, ...]


@dataclass(frozen=True, slots=True)
class _Head:
    """A header block: its fields as written, the client's word for the author, and the first line behind it."""

    fields: dict[Label, str]
    author: str
    end: int


@dataclass(frozen=True, slots=True)
class _Inside:
    """The lines of a mail that passes another on: of the `body` of the other, of the `whole` of it with its head, and
    of the forwarder's `own`.
    """

    body: list[str]
    whole: list[str]
    own: list[str]

    def told(self, author: Author, subject: str, date: datetime | None) -> Forwarded:
        """The mail inside; a mere signature is no comment, and is kept with the rest."""
        own, whole = _text(self.own), _text(self.whole)
        if signature.is_only(own.split("\n")):
            own, whole = "", f"{own}\n\n{whole}"
        return Forwarded(author, subject, date, _text(self.body), whole, own)


def inline(text: str, subject: str, zone: tzinfo = UTC) -> Forwarded | None:
    """The mail that `text` passes on under `subject`; None where it is no forward, or it is not certain whose.

    Where no mark announces it (Outlook), the prefix of the subject must; an answer never is one. `zone` is that of the
    forwarder's client.
    """
    passed_on = is_forward(subject)
    if not passed_on and base_subject(subject) != subject.strip():
        return None
    if not passed_on and not locales.shows_mark(text):
        return None
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if not line or len(line) > MAX_LINE:
            continue
        if locales.is_mark(line):
            return _below(lines, number, number + 1, subject, zone, least=2)
        if head := locales.head_on_mark(line):
            return _on_one_line(lines, number, head, subject, zone)
        if passed_on and _begins_block(lines, number):
            return _below(lines, number, number, subject, zone, least=3)
        if passed_on and quoting.is_attribution(line.strip(_BLANK)):
            return _attributed(lines, number, subject, zone)
        if _is_unreadable(lines, number):
            return None
    return None


def clock(header: Sequence[tuple[str, str]]) -> timezone:
    """The zone of the clock by which a mail with this header was sent; Greenwich where it doesn't tell."""
    date = next((value for name, value in header if name == "date"), "")
    offset = _OFFSET.search(date[:MAX_VALUE])
    if offset is None:
        return UTC
    east = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    return timezone(-east if offset[1] == "-" else east)


def is_unclear(text: str) -> bool:
    """True where a header block of whatever language seems to stand in `text`."""
    lines = text.split("\n")
    return any(_is_unreadable(lines, number) for number in range(len(lines)))


# ---- where it stands -------------------------------------------------------------------------------------------------


def _begins_block(lines: list[str], number: int) -> bool:
    """True where line `number` is a From field, and another field follows."""
    field = locales.field(lines[number])
    return field is not None and field.label is Label.FROM and any(map(locales.field, lines[number + 1 : number + 3]))


def _attributed(lines: list[str], number: int, subject: str, zone: tzinfo) -> Forwarded | None:
    """The mail that the attribution at line `number` precedes."""
    line = lines[number].strip(_BLANK)
    named = _QUOTED_NAME.search(line)
    author = _author(line, named[1] if named else "")
    if author is None:
        return None
    date = moment(line, locales.months(""), zone)
    return _Inside(lines[number + 1 :], lines[number:], lines[:number]).told(author, base_subject(subject), date)


def _below(lines: list[str], mark: int, start: int, subject: str, zone: tzinfo, *, least: int) -> Forwarded | None:
    """The mail whose block begins at `start`, or some blank lines later; it must have `least` fields."""
    while start < len(lines) and start - mark <= MAX_GAP and not lines[start].strip(f">{_BLANK}"):
        start += 1
    head = _head(lines, start)
    if head is None or len(head.fields) < least:
        return None
    above, end = _without_rule(lines[:mark]), len(lines)
    quoted = _is_quoted(lines[start])
    if quoted:
        end = max(head.end, *(at + 1 for at, line in enumerate(lines) if _is_quoted(line)))
    body = lines[head.end : end]
    if quoted or all(_is_quoted(line) for line in body if line.strip()):
        body = [_unquoted(line) for line in body]
    return _of_head(head, _Inside(body, lines[len(above) : end], [*above, *lines[end:]]), subject, zone)


def _on_one_line(lines: list[str], number: int, head: str, subject: str, zone: tzinfo) -> Forwarded | None:
    """Yahoo's: each label follows the value before it without even a space."""
    fields = _labels().sub(r"\n\g<0>", head).strip("\n").split("\n")
    found = _head(fields, 0)
    if found is None or found.end < len(fields) or len(found.fields) < 2:
        return None
    return _of_head(found, _Inside(lines[number + 1 :], lines[number:], lines[:number]), subject, zone)


@cache
def _labels() -> re.Pattern[str]:
    names = sorted(set(locales.NAMES), key=len, reverse=True)
    return re.compile(rf"(?:{'|'.join(map(re.escape, names))})\s?[{locales.COLONS}]")


def _is_unreadable(lines: list[str], number: int) -> bool:
    """True where line `number` has the form of a header field with an address, and one beside it that of a field."""
    line = lines[number]
    if "@" not in line[:MAX_VALUE] or not _has_label(line):
        return False
    return any(_has_label(beside) for beside in (*lines[max(0, number - 1) : number], *lines[number + 1 : number + 2]))


def _has_label(line: str) -> bool:
    name, colon, _ = line[: locales.MAX_LABEL].partition(":")
    return bool(colon) and 0 < len(name.split()) <= 3


# ---- what it says ----------------------------------------------------------------------------------------------------


def _head(lines: list[str], start: int) -> _Head | None:
    """The block that begins at line `start`; None where a field comes twice, or it has no author."""
    fields: dict[Label, str] = {}
    author = ""
    last: Label | None = None
    spaced = False  # text made of HTML may have a blank line behind each field
    end = start
    for number in range(start, min(len(lines), start + MAX_HEAD)):
        line = _unquoted(lines[number]) if _is_quoted(lines[start]) else lines[number]
        if not line.strip(_BLANK):
            if not fields or (len(fields) > 1 and not spaced):
                break
            continue
        spaced = spaced or (number > end and len(fields) == 1)
        field = locales.field(line[:MAX_VALUE])
        if field is None and line[0] == "|" and not line.strip(_TABLE_RULE):
            pass  # Thunderbird's block is a table in HTML
        elif field is None:
            if last is None or number > end or not _goes_on(fields[last], line):
                break
            fields[last] = f"{fields[last]} {line.strip()}"[:MAX_VALUE]
        elif field.label in fields and field.label is not Label.OTHER:
            return None
        else:
            last = field.label
            fields[last] = field.value
            author = field.name if last is Label.FROM else author
        end = number + 1
    return _Head(fields, author, end) if author else None


def _goes_on(value: str, line: str) -> bool:
    """True where `line` continues the field that has `value`."""
    return not value or value.endswith((",", ";")) or line[0] in " \t"


def _of_head(head: _Head, inside: _Inside, subject: str, zone: tzinfo) -> Forwarded | None:
    written = head.fields[Label.FROM]
    author = _author(written, _ANGLE.split(written, maxsplit=1)[0])
    if author is None:
        return None
    subject = one_line(head.fields.get(Label.SUBJECT) or base_subject(subject))
    date = moment(head.fields.get(Label.DATE, ""), locales.months(head.author), zone)
    return inside.told(author, subject, date)


def _author(text: str, name: str) -> Author | None:
    """The author whose one address is in `text`. Who calls himself by an address is called by none."""
    mailbox = _mailbox(text)
    if mailbox is None:
        return None
    return Author(mailbox, "" if "@" in name else display_name(one_line(name).strip(_AROUND_NAME)))


def _mailbox(text: str) -> Mailbox | None:
    """The one address in `text`; None where there is another: whose the mail is would be a guess."""
    pieces = (piece.strip("'") for piece in _AROUND_ADDRESS.split(text[:MAX_VALUE]))
    addresses = {piece.casefold(): piece for piece in pieces if "@" in piece}
    if len(addresses) != 1:
        return None
    try:
        return Mailbox.parse(*addresses.values())
    except AddressError:
        return None


# ---- lines -----------------------------------------------------------------------------------------------------------


def _is_quoted(line: str) -> bool:
    return line.lstrip(" ").startswith(">")


def _unquoted(line: str) -> str:
    return _MARK.sub("", line.lstrip(" "), count=1)


def _without_rule(lines: list[str]) -> list[str]:
    """`lines` without the rule or the title that Outlook puts above a block."""
    end = len(lines)
    while end and not lines[end - 1].strip(f">{_BLANK}"):
        end -= 1
    return lines[: end - 1] if end and quoting.is_rule(lines[end - 1].lstrip("> ")) else lines[:end]


def _text(lines: list[str]) -> str:
    return "\n".join(lines).strip(f"\n{_BLANK}")
