"""`Outgoing`: one mail that is to be sent, complete, as the outbox keeps it.

Contract: immutable. `octets` is the whole message with CRLF line ends, 7bit throughout unless an address in it is
internationalised (RFC 6532). `message_id` is without angle brackets and stays the same however often it is sent.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`mail_from` is empty for the null reverse-path. `reply_key` is the key in Reply-To, if there is one, and
    `bounce_key` the one in `mail_from`. `text` is its plain text: quoted back to us, it is known.
    `automatic` is False where a person wrote it, `internal` is True where it tells of something internal.
    `fault` is what keeps the installation's own templates from being used: it was written with the built-in ones.
    """

    kind: str
    mail_from: str
    rcpt_to: str
    subject: str
    message_id: str
    octets: bytes
    reply_key: str | None
    bounce_key: str | None = None
    text: str = ""
    automatic: bool = True
    internal: bool = False
    fault: str = ""
