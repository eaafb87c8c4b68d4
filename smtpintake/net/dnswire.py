"""DNS messages as octets: a question, and what a reply says (RFC 1035 s4). No I/O.

Contract: `Query` has the octets to send, and knows its reply. `parse` reads any octets in linear time, or raises
`WireError`. Names are their wire form without compression, in lower case, so that equal names are equal octets; `text`
makes them readable. Only what mail asks for is understood; the additional section is not read.

Why not dnspython: the same work there takes 400 µs a lookup, more than all else that a mail costs the event loop
(docs/decisions/0009-dns-messages-read-by-ourselves.md).
"""

import ipaddress
import re
import secrets
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MAX_ANSWERS: Final = 256  # records of a reply; those beyond are not read

_HEADER: Final = struct.Struct("!6H")
_QUESTION: Final = struct.Struct("!2H")
_RECORD: Final = struct.Struct("!2HIH")
_MAX_NAME: Final = 255
_MAX_LABEL: Final = 63
_POINTER: Final = 0xC0
_IN: Final = 1
_QR: Final = 0x8000
_TC: Final = 0x0200
_RD: Final = 0x0100
# RFC 6891 s6.1: an OPT record that takes 1232 octets over UDP, which are not fragmented on their way.
_EDNS: Final = b"\0" + _RECORD.pack(41, 1232, 0, 0)
_PLAIN_LABEL: Final = re.compile(rb"[!-\-/-\[\]-~]+")  # printable, without "." and the backslash that escapes

Name = bytes


class RdType(IntEnum):
    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28


class Rcode(IntEnum):
    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


class WireError(ValueError):
    """The octets are no DNS message."""


def name(text: str) -> Name | None:
    """The wire form of a name, octet by octet: nothing is unescaped. None where there is none (RFC 1035 s2.3.4)."""
    labels = text.encode(errors="replace").lower().split(b".") if text else []
    if any(not 0 < len(label) <= _MAX_LABEL for label in labels):
        return None
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return wire if len(wire) <= _MAX_NAME else None


def text(wire: Name) -> str:
    """`mail.example.org`; a label's octet that is no printable ASCII, or a dot, as `\\046`. The root is `.`."""
    labels, at = [], 0
    while length := wire[at]:
        label = wire[at + 1 : at + 1 + length]
        if not _PLAIN_LABEL.fullmatch(label):
            label = b"".join(c if _PLAIN_LABEL.fullmatch(c) else b"\\%03d" % c[0] for c in map(bytes, zip(label)))
        labels.append(label.decode("ascii"))
        at += 1 + length
    return ".".join(labels) or "."


def random_numbers() -> Iterator[int]:
    """Numbers of 16 bits that nobody can guess (RFC 5452 s9.2), without end; of no use to a process that was forked.

    They are drawn a block at a time: each draw gives up the interpreter's lock, and then waits for it.
    """
    while True:
        yield from array("H", secrets.token_bytes(4096))


@dataclass(frozen=True, slots=True)
class Query:
    """One question to a recursive server. `ident` is one of `random_numbers`."""

    name: Name
    rdtype: RdType
    ident: int

    @property
    def octets(self) -> bytes:
        header = _HEADER.pack(self.ident, _RD, 1, 0, 0, 1)
        return header + self.name + _QUESTION.pack(self.rdtype, _IN) + _EDNS

    def is_answered_by(self, message: "Message") -> bool:
        """RFC 5452 s9.1, as far as the message goes: the same id and question."""
        return (message.ident, message.name, message.rdtype) == (self.ident, self.name, self.rdtype)

    def is_truncated_in(self, octets: bytes) -> bool:
        """Whether a reply with this id says that it is not the whole one (TC), however little of it there is."""
        ident, flags = int.from_bytes(octets[:2], "big"), int.from_bytes(octets[2:4], "big")
        return ident == self.ident and flags & (_QR | _TC) == _QR | _TC


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the answer: as `Answer.records` has it, or of a CNAME the name that it leads to."""

    owner: Name
    rdtype: int
    ttl: int
    data: str = ""
    target: Name = b""


@dataclass(frozen=True, slots=True)
class Message:
    """A reply. `negative_ttl` is what the authority's SOA says of how long nothing is nothing (RFC 2308 s5)."""

    ident: int
    rcode: int
    name: Name
    rdtype: int
    records: tuple[Record, ...]
    is_cut: bool
    negative_ttl: int | None

    @property
    def code(self) -> str:
        """The rcode's name."""
        return next((known.name for known in Rcode if known == self.rcode), f"code {self.rcode}")


def parse(octets: bytes) -> Message:
    """Read a reply with one question. Raises WireError."""
    try:
        return _Reader(octets).message()
    except (struct.error, IndexError) as error:
        raise WireError("it ends too early") from error


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets: Final = octets
        self._names: Final[dict[int, Name]] = {}  # where they began: a thousand pointers to one name cost one reading
        self._at = 0

    def message(self) -> Message:
        ident, flags, questions, answers, authorities, _ = _HEADER.unpack_from(self._octets)
        if not flags & _QR or questions != 1:
            raise WireError("it is no reply to one question")
        self._at = _HEADER.size
        asked = self._name()
        rdtype, rdclass = _QUESTION.unpack_from(self._octets, self._at)
        self._at += _QUESTION.size
        if rdclass != _IN:
            raise WireError("its class is not IN")
        records = tuple(filter(None, (self._record() for _ in range(min(answers, MAX_ANSWERS)))))
        is_cut = answers > MAX_ANSWERS
        soa = None if is_cut else self._negative_ttl(authorities)
        return Message(ident, flags & 0xF, asked, rdtype, records, is_cut, soa)

    def _record(self) -> Record | None:
        """The next record; None where it is of no type that is asked for."""
        owner, rdtype, ttl, start = self._head()
        end = self._at
        match rdtype:
            case RdType.TXT:
                return Record(owner, rdtype, ttl, self._strings(start, end))
            case RdType.CNAME:
                return Record(owner, rdtype, ttl, target=self._name_at(start))
            case RdType.A | RdType.AAAA:
                if end - start != (4 if rdtype == RdType.A else 16):
                    raise WireError("an address has not its length")
                return Record(owner, rdtype, ttl, str(ipaddress.ip_address(self._octets[start:end])))
            case RdType.MX:
                preference = int.from_bytes(self._octets[start : start + 2], "big")
                return Record(owner, rdtype, ttl, f"{preference} {text(self._name_at(start + 2))}")
            case RdType.PTR | RdType.NS:
                return Record(owner, rdtype, ttl, text(self._name_at(start)))
            case _:
                return None

    def _head(self) -> tuple[Name, int, int, int]:
        """Owner, type, TTL, where the data begin; `_at` is behind them afterwards."""
        owner = self._name()
        rdtype, rdclass, ttl, length = _RECORD.unpack_from(self._octets, self._at)
        start = self._at + _RECORD.size
        self._at = start + length
        if self._at > len(self._octets):
            raise WireError("it ends too early")
        # RFC 2181 s8: a TTL with the highest bit set is zero.
        return owner, rdtype if rdclass == _IN else 0, ttl if ttl < 1 << 31 else 0, start

    def _negative_ttl(self, authorities: int) -> int | None:
        for _ in range(min(authorities, MAX_ANSWERS)):
            _, rdtype, ttl, _ = self._head()
            if rdtype == RdType.SOA:
                return min(ttl, int.from_bytes(self._octets[self._at - 4 : self._at], "big"))  # MINIMUM is the last
        return None

    def _strings(self, at: int, end: int) -> str:
        strings = []
        while at < end:
            length = self._octets[at]
            strings.append(self._octets[at + 1 : min(at + 1 + length, end)])
            at += 1 + length
        return b"".join(strings).decode("latin-1")

    def _name(self) -> Name:
        """The name here; `_at` is behind it afterwards."""
        start = at = self._at
        while 0 < (length := self._octets[at]) < _POINTER:
            at += 1 + length
        self._at = at + (1 if length == 0 else 2)
        return self._name_at(start)

    def _name_at(self, start: int) -> Name:
        """RFC 1035 s4.1.4. A pointer leads backwards, so that no chain of them is a loop."""
        parts, at, limit, size = [], start, start, 1
        while at not in self._names and (length := self._octets[at]):
            if length >= _POINTER:
                at = (length & ~_POINTER) << 8 | self._octets[at + 1]
                if at >= limit:
                    raise WireError("a pointer leads forwards")
                limit = at
                continue
            size += 1 + length
            if length > _MAX_LABEL or size > _MAX_NAME:
                raise WireError("a name is too long")
            parts.append(self._octets[at : at + 1 + length])
            at += 1 + length
        wire = b"".join(parts).lower() + self._names.get(at, b"\0")
        if len(wire) > _MAX_NAME:
            raise WireError("a name is too long")
        self._names[start] = wire
        return wire
