"""Attachments opened as a reader of the issue would: from the raw mail, by their view alone."""

import hashlib

from smtpintake.mail import transfer
from smtpintake.mail.message import Attachment, Message


def opened(raw: bytes, attachment: Attachment) -> bytes:
    """The octets of the attachment, which are those that were measured when the mail was read."""
    octets = b"".join(transfer.decoded(raw, attachment.offset, attachment.length, attachment.encoding))
    assert (len(octets), hashlib.sha256(octets).hexdigest()) == (attachment.size, attachment.sha256)
    return octets


def files(raw: bytes, message: Message) -> dict[str, bytes]:
    """Every attachment of `message` by its name."""
    return {attachment.name: opened(raw, attachment) for attachment in message.attachments}
