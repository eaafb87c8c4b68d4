"""Which parts of a mail are its text, and which are attachments.

Contract: total. Every part is in the result: as text, as an attachment (a view into the raw mail), or as both where its
text was longer than we keep. Text that a sender named or attached is an attachment; text without a name is body.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Final

from smtpintake.mail import charset, transfer
from smtpintake.mail.flowed import unflow
from smtpintake.mail.message import Attachment, Defect
from smtpintake.mail.parts import Alternatives, Node, Part
from smtpintake.mail.prescan import Octets

MAX_TEXT: Final = 256 << 10  # decoded octets of one text part

_ODD_NEWLINE: Final = re.compile(r"[\r\v\f\x85\u2028\u2029]")
_PLAIN: Final = "text/plain"
_HTML: Final = "text/html"


@dataclass(slots=True)
class _Section:
    """One stretch of body: plain, HTML, or both where they are alternatives."""

    plain: str | None = None
    html: str | None = None


@dataclass(slots=True)
class Bodies:
    """`text` and `html` each say everything, or are None: a mail that is partly HTML alone has no whole plain text."""

    octets: Octets
    defects: list[Defect] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    _sections: list[_Section] = field(default_factory=list)

    def collect(self, node: Node) -> None:
        """Take in all parts under `node`."""
        if isinstance(node, Part):
            self._leaf(node, None)
        elif isinstance(node, Alternatives):
            section = _Section()
            self._sections.append(section)
            for part in node.parts:
                self._alternative(part, section)
        else:
            for part in node.parts:
                self.collect(part)

    @property
    def text(self) -> str | None:
        sections = self._used()
        if not sections or any(section.plain is None for section in sections):
            return None
        return "\n\n".join(section.plain.rstrip("\n") for section in sections if section.plain is not None)

    @property
    def html(self) -> str | None:
        sections = self._used()
        if all(section.html is None for section in sections):
            return None
        return "\n".join(map(_as_html, sections))

    def _used(self) -> list[_Section]:
        return [section for section in self._sections if section.plain is not None or section.html is not None]

    def _alternative(self, node: Node, section: _Section) -> None:
        """One of several forms of the same content, with what belongs to it (multipart/related, calendar files)."""
        if isinstance(node, Part):
            self._leaf(node, section)
            return
        for part in node.parts:
            self._alternative(part, section)

    def _leaf(self, part: Part, section: _Section | None) -> None:
        if not _is_body(part):
            self._attach(part)
            return
        text = self._decoded(part)
        if part.content_type == _HTML:
            if section is None or section.html is not None:
                section = self._follow()
            section.html = text
        else:
            if section is None or section.plain is not None:
                section = self._follow()
            section.plain = text

    def _follow(self) -> _Section:
        """A new section: outside alternatives, or where a second text of one kind turns up among them."""
        fresh = _Section()
        self._sections.append(fresh)
        return fresh

    def _decoded(self, part: Part) -> str:
        octets, more = transfer.head(self.octets, part.offset, part.length, part.encoding, MAX_TEXT)
        text, claimed = charset.decode(octets, part.charset)
        if not claimed and (part.charset or not octets.isascii()):
            self.defects.append(Defect("text.charset", f"{part.charset[:40]!r} does not decode this text"))
        if more:
            self.defects.append(Defect("text.long", f"{part.content_type} of more than {MAX_TEXT} octets"))
            self._attach(part)
        text = _ODD_NEWLINE.sub("\n", text.replace("\r\n", "\n"))
        return unflow(text, delete_space=part.delete_space) if part.flowed and part.content_type == _PLAIN else text

    def _attach(self, part: Part) -> None:
        if part.encoding not in transfer.KNOWN:
            self.defects.append(Defect("transfer.unknown", part.encoding))
        size, sha256 = transfer.measure(self.octets, part.offset, part.length, part.encoding)
        self.attachments.append(
            Attachment(
                name=part.name,
                content_type=part.content_type,
                offset=part.offset,
                length=part.length,
                encoding=part.encoding,
                size=size,
                sha256=sha256,
                inline=part.disposition == "inline" or bool(part.content_id and part.disposition != "attachment"),
                content_id=part.content_id,
            )
        )


def _is_body(part: Part) -> bool:
    return part.content_type in (_PLAIN, _HTML) and part.disposition != "attachment" and not part.name


def _as_html(section: _Section) -> str:
    if section.html is not None:
        return section.html
    return f'<div style="white-space: pre-wrap">{html.escape(section.plain or "", quote=False)}</div>'
