"""`Draft`: the text of an issue or a comment, drawn from a message before anybody knows which of the two it becomes.

Contract: `body_text` is never empty (a mail without text gets a note that says so) and holds what the author wrote for
this mail, then the notes on it; `hidden_text` always holds the whole text where `body_text` left something out, and is
empty otherwise, so nothing is lost. `body_html` is sanitised and safe to show, or None; `blocked_images` would have
been fetched from elsewhere and are not in it. Commands that it begins with are still in both: `obeying` takes those out
that somebody had the right to give. A mail that passes another one on is drawn as it is; `inside` and `besides` are the
two apart, for where the forwarder's word counts. Pure and total.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Final

from smtpintake.convert import quoting
from smtpintake.convert.commands import Command, CommandBlock, command_block, put_back
from smtpintake.convert.containers import Parted, without_ending, without_quotation
from smtpintake.convert.file import File
from smtpintake.convert.forwarded import Carried, Forwarded, clock, inline, is_unclear
from smtpintake.convert.history import History
from smtpintake.convert.htmlbounds import is_parsable
from smtpintake.convert.htmltext import as_text
from smtpintake.convert.layers import Layers, is_too_long, layers
from smtpintake.convert.lines import Lines
from smtpintake.convert.quoted import Quoted
from smtpintake.convert.reading import QuotingHtml, Reading
from smtpintake.convert.safehtml import SafeHtml, sanitised
from smtpintake.convert.trim import trim
from smtpintake.mail.message import Message, Origin
from smtpintake.mail.threadkeys import base_subject, is_forward

NO_TEXT: Final = "(this mail had no text)"
PICTURE_ONLY: Final = "(this mail had a picture and no text)"
COMMANDS_ONLY: Final = "(this mail had nothing but commands)"
MAX_GROWTH: Final = 10  # times as long as it was HTML may be when it is safe; ordinary HTML hardly grows

_PICTURE: Final = re.compile(r"<img\s[^<>]*\bsrc=")


@dataclass(frozen=True, slots=True)
class Draft:
    subject: str
    body_text: str
    body_html: str | None
    hidden_text: str
    files: tuple[File, ...]
    commands: CommandBlock | None = None
    quoted: Quoted = Quoted.NOTHING
    blocked_images: int = 0
    reading: Reading | None = None
    forwarded: Forwarded | None = None

    def knowing(self, history: History, of_sender: History) -> "Draft":
        """The draft of a comment on an issue that has heard `history`, `of_sender` from the same sender: of what it
        quotes only that is hidden. Asked before `obeying`.
        """
        if self.reading is None:
            return self
        read = self.reading.told(history, of_sender)
        text, html = _noted(read.text, read.html, self.reading.notes)
        commands = command_block(text, html) if self.commands else None
        if (commands.commands if commands else ()) != (self.commands.commands if self.commands else ()):
            return self
        whole = self.reading.whole
        return replace(
            self,
            body_text=text or NO_TEXT,
            body_html=html,
            hidden_text=_noted(whole, None, self.reading.notes)[0] if read.text != whole else "",
            commands=commands,
            quoted=Quoted.NOTHING if not read.quotes else Quoted.PROVED if read.known else Quoted.UNKNOWN,
            blocked_images=read.html.blocked_images if read.html else 0,
        )

    def obeying(self, commands: Sequence[Command]) -> "Draft":
        """The draft without these of its commands; what it said with them is in `hidden_text`."""
        if self.commands is None or not commands:
            return self
        kept = [command for command in self.commands.commands if command not in commands]
        text, html = put_back(kept, self.commands)
        return replace(
            self,
            body_text=text or COMMANDS_ONLY,
            body_html=html or None,
            hidden_text=self.hidden_text or self.body_text,
            forwarded=self.forwarded.obeying(commands) if self.forwarded else None,
        )

    @property
    def all_files(self) -> tuple[File, ...]:
        """The attachments, and those of the mail that this one passes on as one of them."""
        inner = self.forwarded.files if self.forwarded else ()
        return (*self.files, *(file for file in inner if file not in self.files))

    @property
    def inside(self) -> "Draft":
        """What the mail says that this one passes on; where there is none, what this one says."""
        inner = self.forwarded
        if inner is None:
            return self
        text, html, hidden, images = inner.text or NO_TEXT, inner.html, inner.hidden, inner.blocked_images
        return Draft(inner.subject, text, html, hidden, inner.files, blocked_images=images)

    @property
    def besides(self) -> "Draft | None":
        """What the forwarder added to `inside`, or None."""
        inner = self.forwarded
        if inner is None:
            return None
        own = tuple(file for file in self.files if file not in inner.files)
        return Draft(self.subject, inner.comment or NO_TEXT, None, "", own) if inner.comment or own else None


def draft(
    message: Message, separators: tuple[str, ...], files: tuple[File, ...] = (), carried: Carried | None = None
) -> Draft:
    """The Draft of `message`. `separators` are the lines under which nothing is new; `files` are its attachments, and
    `carried` is the one mail among them.
    """
    whole = _whole_text(message)
    html = _Html.of(message, separators)
    lines = Lines.of(whole, separators)
    text, safe = _own_words(message, lines, html)
    if safe and not text and "<img" not in safe.html:
        safe = SafeHtml("", safe.blocked_images)  # blanks only: the note is what there is to see
    noted_text, noted_html = _noted(text, safe, message.notes)
    reading = _reading(message, lines, html)
    drawn = Draft(
        subject=message.subject,
        body_text=noted_text or NO_TEXT,
        body_html=noted_html,
        hidden_text="" if text == whole else _noted(whole, None, message.notes)[0],
        files=files,
        commands=_commands(message, whole, noted_text, noted_html),
        quoted=Quoted.UNPROVED if text != whole and reading and reading.quotes else Quoted.NOTHING,
        blocked_images=safe.blocked_images if safe else 0,
        reading=reading,
    )
    if message.origin is not Origin.HUMAN:  # what machines carry is a report, or their own
        return drawn
    forwarded = _inline(message, whole, drawn) or _attached(message, whole, drawn, carried, separators)
    return replace(drawn, forwarded=forwarded) if forwarded is not None else drawn


def _noted(text: str, html: SafeHtml | None, notes: tuple[str, ...]) -> tuple[str, str | None]:
    """Text and HTML, each with the notes below."""
    below = "\n\n".join(filter(None, (text, *notes)))
    return below, "\n".join((html.html, *map(_paragraph, notes))) if html and html.html else None


def _paragraph(note: str) -> str:
    return f'<p style="white-space:pre-wrap">{escape(note)}</p>'


def _commands(message: Message, whole: str, text: str, html: str | None) -> CommandBlock | None:
    """The commands of the mail. What `text` begins with may have stood below a quotation: the whole begins with them
    as well. HTML alone has none: what its reader sees first need not be what comes first.
    """
    if not message.text or (block := command_block(text, html)) is None:
        return None
    first = command_block(whole, None)
    return block if first is not None and first.commands[: len(block.commands)] == block.commands else None


def _whole_text(message: Message) -> str:
    if message.text and not message.text.isspace():
        return message.text.strip("\n")
    return as_text(message.html) if message.html else ""


def _is_reply(message: Message) -> bool:
    """False for a forward too: what is forwarded is what they want us to read."""
    if is_forward(message.subject):
        return False
    return bool(message.thread_ids) or base_subject(message.subject) != message.subject


@dataclass(frozen=True, slots=True)
class _Html:
    """The HTML of a mail: what is safe of it; parted from what it quotes, and what is safe of its own part."""

    whole: SafeHtml | None = None
    parted: Parted | None = None
    own: SafeHtml | None = None

    @classmethod
    def of(cls, message: Message, separators: tuple[str, ...]) -> "_Html":
        html = message.html
        if not html or not is_parsable(html):
            return cls()
        whole = sanitised(html)
        if len(whole.html) > MAX_GROWTH * len(html):
            return cls()  # of elements that are opened again in each paragraph, with all that they say
        if is_forward(message.subject):
            return cls(whole)
        parted = without_quotation(html, separators, reply=_is_reply(message))
        return cls(whole, parted, sanitised(parted.own) if parted else None)


def _own_words(message: Message, lines: Lines, html: _Html) -> tuple[str, SafeHtml | None]:
    """What the author wrote for this mail, as far as looks can tell: as text and as HTML. HTML that does not say what
    of it is quoted stays as it came: it may say more than the text, and has its form and its pictures.
    """
    whole = lines.text
    if is_forward(message.subject):
        return whole, html.whole
    text = trim(lines, reply=_is_reply(message))
    if html.parted is None:
        return text, html.whole
    if text != whole and message.text:
        return text, html.own
    own = as_text(html.parted.own)
    if (message.text and quoting.first_quotation(whole.split("\n"))) or quoting.points_below(own):
        return whole, html.whole  # answered between the quoted lines: they belong together
    # Only the HTML says which part is quoted, and there it is certain.
    return (own, html.own) if own else (whole, html.whole)


def _reading(message: Message, lines: Lines, html: _Html) -> Reading | None:
    """How else the reply can be read, once its issue is known."""
    if not (_is_reply(message) or html.parted):
        return None
    whole, of_text = lines.text, layers(lines)
    if of_text is None and html.parted is None and not is_too_long(whole):
        return None
    of_html = QuotingHtml.of(html.parted, html.own, of_text) if html.parted and html.own else None
    wordless = PICTURE_ONLY if _has_picture(message, html) else ""
    return Reading(whole, html.whole, of_text, of_html, _unsigned(message, html, of_text), message.notes, wordless)


def _unsigned(message: Message, html: _Html, of_text: Layers | None) -> SafeHtml | None:
    """The author's own part of the HTML without what the text may end with as a signature."""
    own = html.parted.own if html.parted else message.html
    if html.whole is None or not own or of_text is None or not (said := of_text.repeatable):
        return None
    left = without_ending(own, said)
    return sanitised(left) if left is not None else None


def _has_picture(message: Message, html: _Html) -> bool:
    """True where the author sent a picture; those of what they quote are none of theirs."""
    if html.own is not None:
        return _PICTURE.search(html.own.html) is not None
    return any(attachment.content_type.startswith("image/") for attachment in message.attachments)


# ---- a mail that passes another one on -------------------------------------------------------------------------------


def _inline(message: Message, whole: str, drawn: Draft) -> Forwarded | None:
    """The mail that the text passes on, with all attachments: clients send those of the original along."""
    found = inline(whole, message.subject, clock(message.header))
    if found is None:
        return None
    text = "\n\n".join(filter(None, (found.text, *message.notes)))
    found = replace(found, text=text, files=drawn.files)
    return found if found.comment else replace(found, html=drawn.body_html, blocked_images=drawn.blocked_images)


def _attached(
    message: Message, whole: str, drawn: Draft, carried: Carried | None, separators: tuple[str, ...]
) -> Forwarded | None:
    """The mail that is passed on as an attachment, where the one that carries it is about nothing else."""
    if carried is None or is_unclear(whole):
        return None
    attached, subject = carried.message, message.subject.strip()
    if attached.author is None or attached.refusal is not None:
        return None
    if not is_forward(subject) and subject not in ("", base_subject(attached.subject)):
        return None
    inner = draft(attached, separators, carried.files)
    mail = tuple(file for file in drawn.files if file.part.sha256 == attached.sha256)
    return Forwarded(
        author=attached.author,
        subject=attached.subject,
        date=attached.date,
        text=inner.body_text,
        hidden=inner.hidden_text,
        comment=whole,
        html=inner.body_html,
        blocked_images=inner.blocked_images,
        files=(*mail, *inner.files),
    )
