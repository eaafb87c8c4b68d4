"""`Draft`: the text of an issue or a comment, drawn from a message before anybody knows which of the two it becomes.

Contract: `body_text` is never empty (a mail without text gets a note that says so) and holds what the author wrote for
this mail, then the notes on it; `hidden_text` always holds the whole text where `body_text` left something out, and is
empty otherwise, so nothing is lost. `body_html` is sanitised and safe to show, or None; `blocked_images` would have
been fetched from elsewhere and are not in it. Commands that it begins with are still in both: `obeying` takes those out
that somebody had the right to give. Pure and total.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape
from typing import Final

from smtpintake.convert import quoting
from smtpintake.convert.commands import Command, CommandBlock, command_block, put_back
from smtpintake.convert.containers import without_quotation
from smtpintake.convert.file import File
from smtpintake.convert.htmlbounds import is_parsable
from smtpintake.convert.htmltext import as_text
from smtpintake.convert.safehtml import SafeHtml, sanitised
from smtpintake.convert.trim import trim
from smtpintake.mail.message import Message
from smtpintake.mail.threadkeys import base_subject, is_forward

NO_TEXT: Final = "(this mail had no text)"
COMMANDS_ONLY: Final = "(this mail had nothing but commands)"


class Quoted(StrEnum):
    """What is known of the older text that a mail quotes."""

    NOTHING = ""  # there is none
    UNPROVED = "unproved"  # it is hidden for what it looks like: nobody could say whether we know it
    PROVED = "proved"  # all of it is known, and hidden
    UNKNOWN = "unknown"  # some of it is not known, or was altered: that stays visible, and marked


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
        )


def draft(message: Message, separators: tuple[str, ...], files: tuple[File, ...] = ()) -> Draft:
    """The Draft of `message`. `separators` are the lines under which nothing is new; `files` are its attachments."""
    html = message.html if message.html and is_parsable(message.html) else None
    whole = _whole_text(message)
    text, reply_html = _own_words(message, whole, html, separators)
    safe = sanitised(reply_html) if reply_html else SafeHtml("")
    if not text and "<img" not in safe.html:
        safe = SafeHtml("", safe.blocked_images)  # blanks only: the note is what there is to see
    noted_text = "\n\n".join(filter(None, (text, *message.notes)))
    noted_html = "\n".join((safe.html, *map(_paragraph, message.notes))) if safe.html else None
    return Draft(
        subject=message.subject,
        body_text=noted_text or NO_TEXT,
        body_html=noted_html,
        hidden_text="" if text == whole else whole,
        files=files,
        commands=_commands(message, whole, noted_text, noted_html),
        blocked_images=safe.blocked_images,
    )


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


def _own_words(message: Message, whole: str, html: str | None, separators: tuple[str, ...]) -> tuple[str, str | None]:
    """What the author wrote for this mail: as text, and as HTML where it is certain to say the same."""
    if is_forward(message.subject):
        return whole, html  # what is forwarded is what they want us to read
    reply = bool(message.thread_ids) or base_subject(message.subject) != message.subject
    text = trim(whole, separators, reply=reply)
    reply_html = without_quotation(html, separators, reply=reply) if html else None
    if reply_html is None:
        return text, html if text == whole else None
    if text != whole and message.text:
        return text, reply_html
    if message.text and quoting.first_quotation(whole.split("\n")):
        return whole, html  # answered between the quoted lines: they belong together
    # Only the HTML says which part is quoted, and there it is certain.
    return as_text(reply_html) or whole, reply_html
