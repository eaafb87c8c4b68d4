"""Bounds on the raw octets, before any parser sees them, and the split of a header section into its fields.

Contract: linear in the size of the mail and total: any octets give a `Prescan`. Where a bound is broken, `refusal` says
which; the fields are then those that keep the bounds, so that the log can still show who wrote. The bounds are the ones
under which every parser behind this one was measured to be quick.
"""

import mmap
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from smtpintake.mail.message import Defect
from smtpintake.mail.reason import Reason

Octets = bytes | mmap.mmap

MAX_HEADER: Final = 256 << 10
MAX_FIELDS: Final = 1000
MAX_FIELD: Final = 64 << 10
MAX_RECEIVED: Final = 50  # a loop, by then: Postfix draws the same line (hopcount_limit)
_MAX_OF_FIELD: Final = {
    b"from": 2 << 10,
    b"sender": 2 << 10,
    b"reply-to": 4 << 10,
    b"to": 32 << 10,
    b"cc": 32 << 10,
    b"date": 1 << 10,
    b"subject": 16 << 10,
    b"message-id": 4 << 10,
    b"content-type": 8 << 10,
    b"content-disposition": 8 << 10,
    b"content-transfer-encoding": 1 << 10,
    b"content-id": 4 << 10,
}

CHUNK: Final = 256 << 10  # the piece in which large mail is read, so that memory does not grow with it

_FOLD: Final = re.compile(rb"\r\n(?![ \t])")
# RFC 5322 s2.2 ftext; s4.5.1 lets white space stand before the colon, and so do mail readers.
_NAME: Final = re.compile(rb"[!-9;-~]+")
_BARE_NEWLINE: Final = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: its name in lower case and the octets after the colon, folded as they came."""

    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Prescan:
    """`body_offset` is where the body begins. `detail` says what broke the bound that `refusal` names."""

    fields: tuple[Field, ...]
    body_offset: int
    defects: tuple[Defect, ...] = ()
    refusal: Reason | None = None
    detail: str = ""


def prescan(octets: Octets) -> Prescan:
    """The header section of a whole mail and the first bound that the mail breaks, if any."""
    if (nul := octets.find(b"\0")) >= 0:
        return _salvage(octets, Reason.DATA_NUL, f"a NUL at octet {nul}")
    if has_bare_newline(octets):
        return _salvage(octets, Reason.DATA_NEWLINE, "a CR without LF, or a LF without CR")
    scan = scan_section(octets, 0, len(octets))
    received = sum(field.name == b"received" for field in scan.fields)
    if scan.refusal is None and received > MAX_RECEIVED:
        detail = f"{received} Received fields"
        return Prescan(scan.fields, scan.body_offset, scan.defects, Reason.LOOP_RECEIVED, detail)
    return scan


def scan_section(octets: Octets, start: int, end: int) -> Prescan:
    """The header section that begins at `start`: of a mail, or of a part that ends at `end`."""
    if octets[start : start + 2] == b"\r\n":
        return Prescan((), min(start + 2, end))
    limit = min(end, start + MAX_HEADER + 4)
    stop = octets.find(b"\r\n\r\n", start, limit)
    if stop < 0 and end - start > MAX_HEADER:
        cut = _split(octets[start : start + MAX_HEADER], start, end)
        return _bounded(cut, f"a header section of more than {MAX_HEADER} octets")
    if stop < 0:
        return _bounded(_split(octets[start:end].removesuffix(b"\r\n"), start, end), "")
    return _bounded(_split(octets[start:stop], start, stop + 4), "")


def has_bare_newline(octets: Octets) -> bool:
    """True where a CR or LF stands alone (RFC 5321 s2.3.8). Counting is many times quicker than looking."""
    singles = pairs = 0
    for start in range(0, len(octets), CHUNK):
        chunk = octets[start : start + CHUNK]
        singles += chunk.count(b"\r") + chunk.count(b"\n")
        pairs += chunk.count(b"\r\n")
        if chunk[-1:] == b"\r" and octets[start + CHUNK : start + CHUNK + 1] == b"\n":
            pairs += 1
    return singles != 2 * pairs


def _salvage(octets: Octets, refusal: Reason, detail: str) -> Prescan:
    """What can be read of a mail whose very octets are refused, for the log."""
    head = _BARE_NEWLINE.sub(b"\r\n", octets[:MAX_HEADER].replace(b"\0", b" "))
    scan = scan_section(head, 0, len(head))
    return Prescan(scan.fields, min(scan.body_offset, len(octets)), scan.defects, refusal, detail)


def _split(block: bytes, start: int, body: int) -> Prescan:
    """The fields of `block`, the octets before the empty line, which begins at `start`.

    Lines that are no field are passed over; after the last field they are text whose empty line was forgotten, and the
    body begins with them.
    """
    fields: list[Field] = []
    strays: list[tuple[int, bytes]] = []
    last = start
    offset = start
    for line in _FOLD.split(block) if block else ():
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if colon and _NAME.fullmatch(name):
            fields.append(Field(name.lower(), value))
            last = offset
        else:
            strays.append((offset, line))
        offset += len(line) + 2
    if not strays:
        return Prescan(tuple(fields), body)
    trailing = [at for at, _ in strays if at >= last]
    detail = strays[0][1][:80].decode("ascii", "replace")
    return Prescan(tuple(fields), trailing[0] if trailing else body, (Defect("header.stray", detail),))


def _bounded(scan: Prescan, detail: str) -> Prescan:
    """`scan` with only the fields that keep the bounds, and refused if there were others or `detail` tells of one."""
    kept = [field for field in scan.fields[:MAX_FIELDS] if not _too_long(field)]
    if len(scan.fields) > MAX_FIELDS:
        detail = detail or f"{len(scan.fields)} header fields"
    elif len(kept) < len(scan.fields):
        names = Counter(field.name for field in scan.fields if _too_long(field))
        detail = detail or f"a header field that is too long: {_names(names)}"
    refusal = Reason.MESSAGE_COMPLEX if detail else None
    return Prescan(tuple(kept), scan.body_offset, scan.defects, refusal, detail)


def _too_long(field: Field) -> bool:
    return len(field.value) > _MAX_OF_FIELD.get(field.name, MAX_FIELD)


def _names(names: Iterable[bytes]) -> str:
    return ", ".join(name.decode("ascii")[:60] for name in names)
