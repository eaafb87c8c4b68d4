"""`Draft`: the text of an issue or a comment, drawn from a message before anybody knows which of the two it becomes.

Contract: `body_text` is never empty (a mail without text gets a note that says so) and holds what the author wrote for
this mail; `hidden_text` always holds the whole text where `body_text` left something out, and is empty otherwise, so
nothing is lost. `body_html` is sanitised and safe to show, or None.
"""

from dataclasses import dataclass

from smtpintake.mail.message import Attachment


@dataclass(frozen=True, slots=True)
class Draft:
    subject: str
    body_text: str
    body_html: str | None
    hidden_text: str
    attachments: tuple[Attachment, ...]
