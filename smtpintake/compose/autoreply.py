"""The automatic answer to a mail that became an issue, or some of whose commands were not obeyed (RFC 3834): whether
there is one, and its octets.

Contract: pure. `why_silent` names the first reason not to answer; without one the answer goes to the author alone, from
the null reverse-path, so that nothing ever answers it back. Nothing that the author wrote is in it unless they are
proved: whoever forges a From must not be able to send their words through us.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from smtpintake.compose import mime
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.ownmail import boundary
from smtpintake.compose.render import Templates
from smtpintake.compose.replyaddress import anchor_id, loop_mark, message_id, reply_address, reply_key
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.message import Message, Origin

KIND: Final = "autoreply"
REPORT: Final = "commands"  # tells an agent which commands of their mail were not obeyed
ANSWERS: Final = frozenset((KIND, REPORT))  # whoever writes to us can have them sent

_MAX_REFERENCES: Final = 20
_MAX_TITLE: Final = 200
_MESSAGE_ID: Final = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]{1,250}")
# RFC 3834 s2 names owner-*, *-request and MAILER-DAEMON; the others are as well known.
_ROBOT: Final = re.compile(
    r"mailer-daemon|(?:do[-_.]?)?not?[-_.]?reply(?:[-_.+].*)?|owner-.*|.*-(?:owner|request|bounces?|errors)"
    r"|bounces?(?:[-_.+=].*)?|listserv|majordomo|autoreply|auto-reply|daemon|nobody"
)
_BULK: Final = frozenset(("bulk", "list", "junk"))
# Microsoft's MS-OXCMAIL: these values ask automatic answerers to keep silent, the others concern reports.
_SUPPRESSED: Final = frozenset(("all", "autoreply", "oof"))


@dataclass(frozen=True, slots=True)
class AutoReply:
    """An answer to be composed. `nonce` names it among all answers (the log id will do); `address` is the inbox's own,
    the one it comes from; `title` and `details`, lines for people, are empty unless the author is proved; `link`
    leads to the issue in the console, where there is one. Without `subaddresses` there is no reply key.
    """

    issue_key: str
    author: Mailbox
    address: Mailbox
    inbox_name: str
    language: str
    separator: str
    message: Message
    nonce: str
    now: datetime
    title: str = ""
    kind: str = KIND
    details: str = ""
    link: str = ""
    subaddresses: bool = True


def why_silent(
    envelope: Envelope,
    message: Message,
    own_addresses: Container[str],
    *,
    returned: bool = False,
    stopped: str = "",
) -> str | None:
    """The reason not to answer this mail, fit for the log, or None where RFC 3834 lets us.

    `own_addresses` holds the folded addresses of every inbox, and `@domain` for a catch-all. `returned`: the mail
    carries our loop mark. `stopped`: why no mail is to be sent to the author at all.
    """
    author = message.author
    if author is None:
        return "the mail has no single author"
    if envelope.mail_from.mailbox is None:
        return "the reverse-path is null"
    if returned:
        return "the mail carries our own loop mark"
    for mailbox in (author.mailbox, envelope.mail_from.mailbox):
        if reason := why_not_to(mailbox, own_addresses):
            return reason
    if message.origin is not Origin.HUMAN:
        return f"the mail's origin is {message.origin}"
    if reason := _why_not_by_header(message):
        return reason
    return stopped or None


def why_not_to(mailbox: Mailbox, own_addresses: Container[str]) -> str | None:
    """Why no machine of ours writes to `mailbox`; `own_addresses` as above."""
    base = mailbox.split_subaddress()[0].folded
    if mailbox.folded in own_addresses or base in own_addresses or f"@{mailbox.folded_domain}" in own_addresses:
        return f"{mailbox.folded} is one of our own addresses"
    if is_robot(mailbox):
        return f"{mailbox.folded} is the address of a machine"
    return None


def is_robot(mailbox: Mailbox) -> bool:
    """True where nobody reads what is sent there, by the looks of the address."""
    return _ROBOT.fullmatch(mailbox.localpart.lower()) is not None


def _why_not_by_header(message: Message) -> str | None:
    """RFC 3834 s2 and s5, in full: also where the mail's origin passed for human."""
    for name, value in message.header:
        name, value = name.lower(), value.strip().lower()  # noqa: PLW2901
        if name == "auto-submitted" and re.split(r"[;\s(]", value, maxsplit=1)[0] != "no":
            return f"Auto-Submitted is {value[:60]!r}"
        if name.startswith("list-"):
            return f"the mail carries {name}"
        if name == "precedence" and value in _BULK:
            return f"Precedence is {value}"
        if name == "x-auto-response-suppress" and not _SUPPRESSED.isdisjoint(re.split(r"[,;\s]+", value)):
            return f"X-Auto-Response-Suppress is {value[:60]!r}"
    return None


def compose_autoreply(reply: AutoReply, templates: Templates, secret: bytes) -> Outgoing:
    """The answer, ready for the outbox."""
    recipient = reply.author.folded
    inbox = f"{reply.address.localpart}@{reply.address.folded_domain}"
    key = reply_key(secret, reply.issue_key, recipient)
    keyed = reply_address(inbox, key) if reply.subaddresses else None
    own_id = message_id(secret, reply.issue_key, reply.kind, reply.nonce, reply.address.folded_domain)
    values = {
        "issue_key": reply.issue_key,
        "title": mime.one_line(reply.title)[:_MAX_TITLE],
        "link": reply.link,
        "inbox_name": mime.one_line(reply.inbox_name),
        "inbox_address": inbox,
        "separator": reply.separator,
        "details": reply.details,
    }
    rendered = templates.render(reply.kind, reply.language, values)
    subject = mime.one_line(rendered.subject)
    earlier = ancestors(reply.message)
    references = (*earlier, f"<{anchor_id(secret, reply.issue_key, reply.address.folded_domain)}>")
    fields = (
        ("From", mime.mailbox(reply.inbox_name, inbox)),
        ("To", f"{reply.author.localpart}@{reply.author.folded_domain}"),
        ("Reply-To", keyed or inbox),
        ("Subject", mime.unstructured(subject)),
        ("Date", format_datetime(reply.now)),
        ("Message-ID", f"<{own_id}>"),
        # RFC 3834 s3.1.6; RFC 5322 s3.6.4. Nothing is answered where the mail had no Message-ID fit to repeat.
        *((("In-Reply-To", earlier[-1]),) if earlier else ()),
        ("References", " ".join(references)),
        ("Auto-Submitted", "auto-replied"),  # RFC 3834 s3.1.7
        ("X-Auto-Response-Suppress", "All"),
        ("X-Smtpintake-Loop", loop_mark(secret)),
        ("Content-Language", rendered.language),
    )
    return Outgoing(
        kind=reply.kind,
        mail_from="",  # RFC 3834 s3.3
        rcpt_to=recipient,
        subject=subject,
        message_id=own_id,
        octets=mime.alternative(fields, rendered.text, rendered.html, boundary(own_id)),
        reply_key=key if keyed else None,
        text=rendered.text,
        fault=str(rendered.fault or ""),
    )


def ancestors(message: Message) -> tuple[str, ...]:
    """The References of an answer to `message`, the mail itself last; only ids that are fit for a header."""
    if message.message_id is None or not is_fit(message.message_id):
        return ()
    earlier = message.references or message.in_reply_to[:1]
    known = [each for each in earlier if each != message.message_id and is_fit(each)]
    return tuple(f"<{each}>" for each in (*known[-_MAX_REFERENCES:], message.message_id))


def is_fit(message_id: str) -> bool:
    """True where a Message-ID, without angle brackets, may be repeated in a header."""
    return _MESSAGE_ID.fullmatch(message_id) is not None
