"""A mail that is sent on: a short note of ours with the whole original attached, as it came.

Contract: pure. It goes from the inbox's own address and the null reverse-path, and carries our loop mark: whatever
happens to it elsewhere, it never becomes an issue here. Original and note are different parts, so nothing that a
stranger wrote can pass for ours. What is not of short ASCII lines goes as a file in base64: message/rfc822 must not be
encoded (RFC 2046 s5.2.1), and not every server takes eight bits.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smtpintake.compose import mime
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.ownmail import boundary, notice_fields
from smtpintake.compose.render import Templates
from smtpintake.compose.replyaddress import message_id
from smtpintake.mail.address import Mailbox

KIND: Final = "forward"

_MAX_TITLE: Final = 200
_MAX_LINE: Final = 998  # RFC 5322 s2.1.1


@dataclass(frozen=True, slots=True)
class Forward:
    """A mail to be sent on to `recipient`, the `number`-th of them. `issue_key` is empty where it became no issue;
    `original` is None where it is too large to be attached; `unprocessed` says why the mail was not processed.
    """

    recipient: Mailbox
    address: Mailbox
    inbox_name: str
    language: str
    title: str
    author: str
    issue_key: str
    log_id: str
    number: int
    original: bytes | None
    now: datetime
    unprocessed: str = ""


def compose_forward(forward: Forward, templates: Templates, secret: bytes) -> Outgoing:
    """The mail, ready for the outbox."""
    inbox = f"{forward.address.localpart}@{forward.address.folded_domain}"
    own_id = message_id(
        secret, forward.issue_key, KIND, f"{forward.log_id}-{forward.number}", forward.address.folded_domain
    )
    values = {
        "title": mime.one_line(forward.title)[:_MAX_TITLE],
        "author": mime.one_line(forward.author),
        "issue_key": forward.issue_key,
        "inbox_name": mime.one_line(forward.inbox_name),
        "inbox_address": inbox,
        "log_id": forward.log_id,
        "unprocessed": forward.unprocessed,
        "attached": "yes" if forward.original is not None else "",
    }
    rendered = templates.render(KIND, forward.language, values)
    subject = mime.one_line(rendered.subject)
    fields = notice_fields(
        mime.mailbox(forward.inbox_name, inbox),
        forward.recipient,
        rendered,
        now=forward.now,
        own_id=own_id,
        secret=secret,
    )
    if forward.original is None:
        octets = mime.alternative(fields, rendered.text, rendered.html, boundary(own_id))
    else:
        octets = mime.enclosing(fields, rendered.text, rendered.html, _enclosed(forward.original), boundary(own_id))
    return Outgoing(
        kind=KIND,
        mail_from="",
        rcpt_to=forward.recipient.folded,
        subject=subject,
        message_id=own_id,
        octets=octets,
        reply_key=None,
        text=rendered.text,
        fault=str(rendered.fault or ""),
    )


def _enclosed(original: bytes) -> bytes:
    """The original as a part."""
    if original.isascii() and max(map(len, original.split(b"\r\n"))) <= _MAX_LINE:
        return b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" + original
    return mime.file_part("original.eml", original)
