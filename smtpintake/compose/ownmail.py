"""What mails of our own have in common, whatever they tell: the header of a notice that nobody answers, and the
boundary between parts.

Contract: pure.
"""

from datetime import datetime
from email.utils import format_datetime

from smtpintake.compose import mime
from smtpintake.compose.render import Rendered
from smtpintake.compose.replyaddress import loop_mark
from smtpintake.mail.address import Mailbox


def notice_fields(
    sender: str, recipient: Mailbox, rendered: Rendered, *, now: datetime, own_id: str, secret: bytes
) -> tuple[mime.Field, ...]:
    """The header of a mail that belongs to no conversation. `sender` is the value of From, `own_id` its Message-ID."""
    return (
        ("From", sender),
        ("To", f"{recipient.localpart}@{recipient.folded_domain}"),
        ("Subject", mime.unstructured(mime.one_line(rendered.subject))),
        ("Date", format_datetime(now)),
        ("Message-ID", f"<{own_id}>"),
        ("Auto-Submitted", "auto-generated"),  # RFC 3834 s5
        ("X-Auto-Response-Suppress", "All"),
        ("X-Smtpintake-Loop", loop_mark(secret)),
        ("Content-Language", rendered.language),
    )


def boundary(own_id: str) -> str:
    """Between the parts of the mail with this Message-ID: the MAC in it is known to nobody before the mail is sent, so
    no part can hold it.
    """
    return "=_" + own_id.partition("@")[0].rpartition(".")[2]
