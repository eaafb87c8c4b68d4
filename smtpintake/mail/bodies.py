"""Which parts of a mail are its text, and which are attachments.

Contract: total. Every part is in the result: as text, as an attachment (a view into the raw mail), or as both where its
text was longer than we keep. Text that a sender named or attached is an attachment; text without a name is body, and
where there is none, a text that was not attached is both, whatever its name. A part that only wraps others (a signed
mail, winmail.dat) gives way to what is in it, if we can read that; so do alternatives that only few programs show (AMP)
to those that say the same for all.
"""

import html
import re
from dataclasses import dataclass, field
from typing import Final

from smtpintake.mail import calendar, charset, cms, container, mimeheader, textfile, tnef, transfer
from smtpintake.mail.container import Frame
from smtpintake.mail.flowed import unflow
from smtpintake.mail.message import Attachment, Defect
from smtpintake.mail.parts import Alternatives, Node, Part, Walk
from smtpintake.mail.prescan import has_bare_newline, scan_section
from smtpintake.mail.textfile import Seal

MAX_TEXT: Final = 256 << 10  # decoded octets of one text part
MAX_TEXTS: Final = 1 << 20  # characters of all text parts; what comes then is an attachment
MAX_DEPTH: Final = 3  # of parts that wrap others: signed, encrypted and signed again is what occurs

MAX_FILES: Final = 1000  # attachments; a part after that many is not opened for those that it holds
MAX_NOTES: Final = 5
MAX_SAID: Final = 4 << 10  # characters in which a mail may say itself what its calendar says
MAX_NAMED: Final = 16 << 10  # encoded octets of a named text that is taken for the body

UNVERIFIED: Final = "(signature unverified)"
SIGNED: Final = "(signed, not encrypted: what it says is in the file that is attached)"
ENCRYPTED: Final = "(encrypted: only who has the key can read what is attached)"

_ODD_NEWLINES: Final = "\r\v\f\x85\u2028\u2029"
_PLAIN: Final = "text/plain"
_HTML: Final = "text/html"
# Text that people can read as it is, where there is no other: RFC 2046 s4.1.4.
_READABLE: Final = frozenset((_PLAIN, _HTML, "text/markdown", "text/x-markdown", "text/enriched", "text/richtext"))
# Among alternatives: what the plain text and the HTML say, once more for programs that know how to show it.
_ONCE_MORE: Final = frozenset(("text/x-amp-html", "text/watch-html", "text/vnd.google.email-reaction+json"))
_SMIME: Final = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_TNEF: Final = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))
_CALENDAR: Final = frozenset(("text/calendar", "application/ics"))
_SEALS: Final = {Seal.SIGNED: UNVERIFIED, Seal.SIGNED_UNREAD: SIGNED, Seal.ENCRYPTED: ENCRYPTED}
_META: Final = re.compile(rb"<meta\b[^>]{0,200}?\bcharset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_PRESCAN: Final = 2 << 10  # octets of HTML in which it is looked for
_RTF: Final = "lzfu"
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")  # Outlook's bullets and dashes are others in plain text
_BEGINNING: Final = 64  # octets that tell what a CMS message is


@dataclass(slots=True)
class _Section:
    """One stretch of body: plain, HTML, or both where they are alternatives."""

    plain: str | None = None
    html: str | None = None
    _words: tuple[str | None, str] = (None, "")

    @property
    def words(self) -> str:
        """The plain text without what is between its words; remembered, as each winmail.dat of a mail asks."""
        if self._words[0] is not self.plain:
            self._words = self.plain, _BETWEEN_WORDS.sub("", self.plain or "")
        return self._words[1]


@dataclass(slots=True)
class Bodies:
    """`text` and `html` each say everything, or are None: a mail that is partly HTML alone has no whole plain text."""

    frame: Frame
    depth: int = 0
    charset: str = ""  # what the first text says that it is in
    notes: list[str] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    _sections: list[_Section] = field(default_factory=list)
    _rich_texts: list[Part] = field(default_factory=list)
    _named: Part | None = None

    def collect(self, node: Node) -> None:
        """Take in all parts under `node`."""
        if isinstance(node, Part):
            self._leaf(node, None)
        elif isinstance(node, Alternatives):
            section = _Section()
            self._sections.append(section)
            for part in [part for part in node.parts if not _is_once_more(part)] or node.parts:
                self._alternative(part, section)
        else:
            for part in node.parts:
                self.collect(part)

    def settle(self) -> None:
        """After all parts: the text of a picture message from a phone has a name, and is still what somebody wrote."""
        if self._named is None or not self._is_empty():
            return
        text = self._decoded(self._named)
        if self._named.content_type == _HTML:
            self._follow().html = text
        else:
            self._follow().plain = text

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

    def _is_empty(self) -> bool:
        return not any((section.plain or section.html or "").strip() for section in self._sections)

    def _is_full(self) -> bool:
        """True where so much was said that those who look through it would take too long for more."""
        full = sum(len(section.plain or "") + len(section.html or "") for section in self._sections) > MAX_TEXTS
        if full:
            self.defects.append(Defect("text.many", f"text parts of more than {MAX_TEXTS} characters"))
        return full

    def _alternative(self, node: Node, section: _Section) -> None:
        """One of several forms of the same content, with what belongs to it (multipart/related, calendar files)."""
        if isinstance(node, Part):
            self._leaf(node, section)
            return
        for part in node.parts:
            self._alternative(part, section)

    def _leaf(self, part: Part, section: _Section | None) -> None:
        if not _is_body(part):
            if not self._opened(part):
                self._attach(part)
            if self._named is None and _may_be_body(part):
                self._named = part
            return
        if self._is_full():
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
        octets, more = transfer.head(self.frame.octets, part.offset, part.length, part.encoding, MAX_TEXT)
        openable = part.content_type == _PLAIN and part.length <= container.MAX_OPENED and not self._has_many_files()
        if openable and textfile.is_mixed(octets):
            octets, more = self._unmixed(part)
        stated = part.charset or (_stated_in_html(octets) if part.content_type == _HTML else "")
        self.charset = self.charset or stated
        text, claimed = charset.decode(octets, stated, cut=more)
        if not claimed and (stated or not octets.isascii()):
            self.defects.append(Defect("text.charset", f"{stated[:40]!r} does not decode this text"))
        if more:
            self.defects.append(Defect("text.long", f"{part.content_type} of more than {MAX_TEXT} octets"))
            self._attach(part)
        text = _with_plain_newlines(text)
        return unflow(text, delete_space=part.delete_space) if part.flowed and part.content_type == _PLAIN else text

    # ---- parts that hold others -------------------------------------------------------------------------------------

    def _may_open(self) -> bool:
        return self.depth < MAX_DEPTH and not self._has_many_files()

    def _has_many_files(self) -> bool:
        """True where what holds files stays as it is: a few octets of uuencode or TNEF are a file, and a row each."""
        return len(self.attachments) >= MAX_FILES

    def _opened(self, part: Part) -> bool:
        """Take in what `part` holds; True where it then need not be kept for itself."""
        if part.content_type in _SMIME or part.name.lower() == "smime.p7m":
            return self._open_smime(part)
        if part.content_type in _TNEF or part.name.lower() == "winmail.dat":
            return self._open_tnef(part)
        if part.content_type == textfile.ENCRYPTED:  # RFC 3156 s4
            self._note(ENCRYPTED)
        elif part.content_type in _CALENDAR:
            self._note(self._invitation(part))
        return False

    def _invitation(self, part: Part) -> str:
        octets, more = transfer.head(self.frame.octets, part.offset, part.length, part.encoding, calendar.MAX_CALENDAR)
        text, _ = charset.decode(octets, part.charset, cut=more)
        beginning = self._sections[0].plain or "" if self._sections else ""
        said = {" ".join(line.split()) for line in beginning[:MAX_SAID].split("\n")}
        return calendar.described(text, at_length=self._is_empty(), said=said)

    def _open_smime(self, part: Part) -> bool:
        beginning, _ = transfer.head(self.frame.octets, part.offset, part.length, part.encoding, _BEGINNING)
        kind = cms.kind(beginning)
        if kind is cms.Kind.ENCRYPTED:
            self._note(ENCRYPTED)
        content = cms.signed_content(self._whole(part)) if kind is cms.Kind.SIGNED else None
        if content is None or not self._may_open():
            return False
        step = "cms"
        if has_bare_newline(content):
            content, step = container.with_crlf(content), "cms/crlf"
        scan = scan_section(content, 0, len(content))
        walk = Walk(content)
        root = walk.root(scan.fields, scan.body_offset, len(content))
        is_mail = any(field.name == b"content-type" for field in scan.fields)
        if not is_mail or scan.refusal or walk.broken:  # a signed document, or nothing that we can read
            return False
        self.defects += walk.defects
        self._inside(part, step, content).collect(root)
        self._note(UNVERIFIED)
        return True

    def _open_tnef(self, part: Part) -> bool:
        octets = self._whole(part)
        found = tnef.read(octets) if self._may_open() else None
        if found is None:
            return False
        inside = self._inside(part, "", octets)
        whole = found.complete
        if found.rtf and self._rich_texts:
            whole = False  # each takes long to read, and no client sends two
        elif found.rtf:
            self._rich_texts.append(part)
            if not tnef.read_rich_text(found, octets):
                inside._attach(_file(found.rtf, _RTF))
        if not self._is_empty():
            whole &= self._says(_decode(found.text))
            if found.html and len(self._sections) == 1 and self._sections[0].html is None:
                self._sections[0].html = _decode(found.html)  # the plain text is what Outlook made of it
        elif found.text or found.html:
            self._sections.append(_Section(_decode(found.text), _decode(found.html)))
        for file in found.files:
            inside._attach(_file(file, ""))
        if not found.complete:
            self.defects.append(Defect("tnef.incomplete"))
        return whole

    def _says(self, text: str | None) -> bool:
        """True where the plain text so far has `text` in it, as Outlook sends both."""
        said = "".join(section.words for section in self._sections)
        return _BETWEEN_WORDS.sub("", text or "") in said

    def _unmixed(self, part: Part) -> tuple[bytes, bool]:
        """The head of a text without the files and the armour that stand among its lines; they become attachments."""
        whole = self._whole(part)
        text, stretches = textfile.split(whole)
        inside = self._inside(part, "", whole)
        for stretch in stretches:
            if stretch.seal is not None:
                self._note(_SEALS[stretch.seal])
            inside._attach(
                Part(
                    content_type=stretch.content_type,
                    offset=stretch.offset,
                    length=stretch.length,
                    encoding=stretch.encoding,
                    name=charset.decode(stretch.name, "")[0],
                )
            )
        return text[:MAX_TEXT], len(text) > MAX_TEXT

    def _whole(self, part: Part) -> bytes:
        return container.whole(transfer.decoded(self.frame.octets, part.offset, part.length, part.encoding))

    def _inside(self, part: Part, step: str, octets: bytes) -> "Bodies":
        """The collector of what is in `part`, which is `octets` when opened by `step`. What it finds is ours."""
        frame = self.frame.inside(part.offset, part.length, container.joined(part.encoding, step), octets)
        fresh = Bodies(frame, self.depth + 1, self.charset, self.notes, self.defects, self.attachments, self._sections)
        fresh._rich_texts = self._rich_texts
        return fresh

    def _note(self, note: str) -> None:
        if note and note not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(note)

    def _attach(self, part: Part) -> None:
        size, sha256 = transfer.measure(self.frame.octets, part.offset, part.length, part.encoding)
        offset, length, encoding = self.frame.view(part.offset, part.length, part.encoding)
        self.attachments.append(
            Attachment(
                name=part.name,
                content_type=part.content_type,
                offset=offset,
                length=length,
                encoding=encoding,
                size=size,
                sha256=sha256,
                inline=part.disposition == "inline" or bool(part.content_id and part.disposition != "attachment"),
                content_id=part.content_id,
            )
        )


def _is_once_more(node: Node) -> bool:
    return isinstance(node, Part) and node.content_type in _ONCE_MORE


def _may_be_body(part: Part) -> bool:
    return part.content_type in _READABLE and part.disposition != "attachment" and part.length <= MAX_NAMED


def _stated_in_html(octets: bytes) -> str:
    """The charset that HTML without one in its header may state itself (WHATWG HTML s13.2.3.2)."""
    found = None if octets.isascii() else _META.search(octets, 0, _PRESCAN)
    return found[1].decode("ascii") if found else ""


def _is_body(part: Part) -> bool:
    return part.content_type in (_PLAIN, _HTML) and part.disposition != "attachment" and not part.name


def _as_html(section: _Section) -> str:
    if section.html is not None:
        return section.html
    return f'<div style="white-space: pre-wrap">{html.escape(section.plain or "", quote=False)}</div>'


def _decode(text: tnef.Text | None) -> str | None:
    return _with_plain_newlines(charset.decode(text.octets, text.charset)[0]) if text else None


def _with_plain_newlines(text: str) -> str:
    text = text.replace("\r\n", "\n")
    for odd in _ODD_NEWLINES:  # one by one is a hundred times quicker than an expression
        text = text.replace(odd, "\n")
    return text


def _file(file: tnef.File, encoding: str) -> Part:
    return Part(
        content_type=mimeheader.media_type(file.content_type.lower(), "application/octet-stream"),
        offset=file.offset,
        length=file.length,
        encoding=encoding,
        name=" ".join((_decode(file.name) or "").split())[: mimeheader.MAX_NAME],
        content_id=file.content_id,
    )
