"""The walk over the parts of a mail (RFC 2046): which octets are a part, and what its header says it is.

Contract: total. Parts are found by their boundaries and stay where they are; nothing is copied but small header blocks.
The walk stops at message/rfc822: an attached mail is one attachment, and its text is not ours. What breaks a bound of
depth or number ends the walk, and `Walk.broken` says so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from smtpintake.mail import mimeheader, transfer
from smtpintake.mail.message import Defect
from smtpintake.mail.mimeheader import MimeHeader
from smtpintake.mail.prescan import Field, Octets, Prescan, scan_section

MAX_DEPTH: Final = 50
MAX_BOUNDARIES: Final = 1000
MAX_BOUNDARY: Final = 200  # RFC 2046 s5.1.1 says 70

_WORTH_KEEPING: Final = 200  # octets of a header section: those of texts are nearly always one of a few

_PADDING: Final = re.compile(rb"[ \t]*(?=\r\n|\Z)")
# A whole mail inside: one attachment.
OPAQUE: Final = frozenset(("message/rfc822", "message/global", "message/news"))


@dataclass(frozen=True, slots=True)
class Part:
    """A part that holds no others. `offset` and `length` are those of its body, still in its `encoding`: a step that
    `mail/transfer.py` knows.
    """

    content_type: str
    offset: int
    length: int
    encoding: str = ""
    charset: str = ""
    flowed: bool = False
    delete_space: bool = False
    disposition: str = ""
    name: str = ""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Alternatives:
    """A multipart/alternative: the same content several times, the best last (RFC 2046 s5.1.4)."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Any other multipart: contents one after another."""

    parts: tuple["Node", ...]


Node = Part | Alternatives | Group


@dataclass(slots=True)
class Walk:
    """The state of one walk: what was odd, and what ended it."""

    octets: Octets
    defects: list[Defect] = field(default_factory=list)
    boundaries: int = 0
    broken: str = ""

    def root(self, fields: tuple[Field, ...], start: int, end: int) -> Node:
        """The tree of a mail whose header has `fields` and whose body is `octets[start:end]`."""
        return self._node(mimeheader.read(fields, "text/plain"), start, end, 0)

    def _node(self, header: MimeHeader, start: int, end: int, depth: int) -> Node:
        content_type = header.content_type
        if content_type.startswith("multipart/"):
            boundary = header.type_parameters.get("boundary", "").encode("utf-8", "replace")
            if not 0 < len(boundary) <= MAX_BOUNDARY:
                self.defects.append(Defect("multipart.boundary", "a multipart without a usable boundary"))
            elif depth >= MAX_DEPTH:
                self.broken = f"more than {MAX_DEPTH} multiparts inside each other"
            elif spans := self._spans(boundary, start, end):
                child = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
                parts = tuple(self._children(spans, child, depth + 1))
                return Alternatives(parts) if content_type == "multipart/alternative" else Group(parts)
            else:
                self.defects.append(Defect("multipart.empty", "a boundary that never comes"))
            content_type = "text/plain"
        return self._part(header, content_type, start, end)

    def _part(self, header: MimeHeader, content_type: str, start: int, end: int) -> Part:
        parameters = header.type_parameters
        encoding = transfer.step(header.encoding)
        if encoding is None:
            self.defects.append(Defect("transfer.unknown", header.encoding))
        return Part(
            content_type=content_type,
            offset=start,
            length=max(0, end - start),
            encoding=encoding or "",
            charset=parameters.get("charset", ""),
            flowed=parameters.get("format", "").lower() == "flowed",
            delete_space=parameters.get("delsp", "").lower() == "yes",
            disposition=header.disposition,
            name=header.name or ("message.eml" if content_type in OPAQUE else ""),
            content_id=header.content_id,
        )

    def _children(self, spans: list[tuple[int, int]], default: str, depth: int) -> Iterator[Node]:
        for start, end in spans:
            if self.broken:
                return
            scan, header = _header(self.octets, start, end, default)
            self.defects += scan.defects
            if scan.refusal is not None:
                self.broken = f"in a part: {scan.detail}"
                return
            yield self._node(header, start + scan.body_offset, end, depth)

    def _spans(self, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
        """Where the parts between the lines of `boundary` begin and end (RFC 2046 s5.1.1)."""
        delimiter = b"--" + boundary
        spans: list[tuple[int, int]] = []
        opened: int | None = None
        for line, following, closing in self._delimiters(delimiter, start, end):
            if opened is not None:
                spans.append((opened, max(opened, line)))
            opened = None if closing else following
            if closing:
                break
        if opened is not None:
            self.defects.append(Defect("multipart.unclosed", "the closing boundary is missing"))
            spans.append((opened, end))
        return spans

    def _delimiters(self, delimiter: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Each line that is `delimiter`: where the part before it ends, where the next begins, and whether it closes.

        The CRLF before such a line belongs to it.
        """
        octets = self.octets
        at = start
        if octets[start : start + len(delimiter)] != delimiter:
            at = self._next(delimiter, start, end)
        while at >= 0:
            after = at + len(delimiter)
            closing = octets[after : after + 2] == b"--"
            padding = _PADDING.match(octets, after + 2 if closing else after, end)
            if padding is not None:
                self.boundaries += 1
                if self.boundaries > MAX_BOUNDARIES:
                    self.broken = f"more than {MAX_BOUNDARIES} boundary lines"
                    return
                yield max(start, at - 2), min(padding.end() + 2, end), closing
            at = self._next(delimiter, after, end)

    def _next(self, delimiter: bytes, start: int, end: int) -> int:
        found = self.octets.find(b"\r\n" + delimiter, start, end)
        return found + 2 if found >= 0 else -1


def _header(octets: Octets, start: int, end: int, default: str) -> tuple[Prescan, MimeHeader]:
    """The header section of the part `octets[start:end]`, offsets counted from `start`, and what MIME reads in it."""
    stop = octets.find(b"\r\n\r\n", start, min(end, start + _WORTH_KEEPING))
    if stop >= 0:
        return _known(octets[start : stop + 4], default)
    scan = scan_section(octets, start, end)
    return replace(scan, body_offset=scan.body_offset - start), mimeheader.read(scan.fields, default)


@lru_cache(maxsize=1024)
def _known(section: bytes, default: str) -> tuple[Prescan, MimeHeader]:
    scan = scan_section(section, 0, len(section))
    return scan, mimeheader.read(scan.fields, default)
