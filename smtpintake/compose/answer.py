"""What a person writes to the author of a held mail, from the inbox's address.

Contract: pure. It is no automatic answer and does not say that it is one (RFC 3834 s5); it still carries our loop mark
and leaves from the null reverse-path, so that no machine answers it back.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from smtpintake.compose import mime
from smtpintake.compose.autoreply import ancestors
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.replyaddress import loop_mark, message_id
from smtpintake.mail.address import Mailbox
from smtpintake.mail.message import Message

KIND: Final = "answer"

_MAX_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """`nonce` names the answer among all, `address` and `name` are the inbox's, `message` is what is answered."""

    author: Mailbox
    address: Mailbox
    name: str
    message: Message
    text: str
    nonce: str
    now: datetime


def compose_answer(answer: Answer, secret: bytes) -> Outgoing:
    """The mail, ready for the outbox."""
    address = f"{answer.address.localpart}@{answer.address.folded_domain}"
    own_id = message_id(secret, "held", KIND, answer.nonce, answer.address.folded_domain)
    title = mime.one_line(answer.message.subject)[:_MAX_TITLE]
    subject = title if title.lower().startswith("re:") else f"Re: {title}"
    earlier = ancestors(answer.message)
    fields = (
        ("From", mime.mailbox(answer.name, address)),
        ("To", f"{answer.author.localpart}@{answer.author.folded_domain}"),
        ("Subject", mime.unstructured(subject)),
        ("Date", format_datetime(answer.now)),
        ("Message-ID", f"<{own_id}>"),
        *((("In-Reply-To", earlier[-1]), ("References", " ".join(earlier))) if earlier else ()),
        ("X-Smtpintake-Loop", loop_mark(secret)),
    )
    return Outgoing(
        kind=KIND,
        mail_from="",
        rcpt_to=answer.author.folded,
        subject=subject,
        message_id=own_id,
        octets=mime.plain(fields, answer.text),
        reply_key=None,
        text=answer.text,
        automatic=False,
    )
