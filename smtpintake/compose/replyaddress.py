"""What only this installation can have made: reply and bounce keys, Message-IDs and the loop mark, all HMACs of one
secret.

Contract: pure and deterministic. A reply key is 80 bits in lower-case base32, sixteen characters (RFC 4648 s6): case
may be lost on its way back, and nobody guesses it (FreeScout GHSA-6r38, itop#95). It belongs to one issue and one
address, so whoever comes back with it was sent it. The secret is what keeps all this true: at least 32 octets, never
shown.
"""

import base64
import hmac
from collections.abc import Iterable
from functools import cache
from typing import Final

from smtpintake.mail.address import MAX_LOCALPART

MIN_SECRET: Final = 32  # octets

_KEY_OCTETS: Final = 10


def reply_key(secret: bytes, issue_key: str, address: str, *, internal: bool = False) -> str:
    """The subaddress that leads `address` (folded) back to the issue; another one for what is `internal`."""
    return _mac(secret, "reply-internal" if internal else "reply", issue_key, address)


def bounce_key(secret: bytes, message_id: str, address: str) -> str:
    """The subaddress of the reverse-path of one mail to `address` (folded): a variable envelope return path, VERP. A
    report that comes to it is about that mail, whatever can be read of it.
    """
    return _mac(secret, "bounce", message_id, address)


def reply_address(inbox: str, key: str) -> str | None:
    """`support+KEY@example.org` for a key of either kind, or None where the local part would be too long (RFC 5321
    s4.5.3.1.1).
    """
    localpart, _, domain = inbox.rpartition("@")
    # A quoted local part cannot simply be added to.
    if not localpart or localpart.endswith('"') or len(f"{localpart}+{key}".encode()) > MAX_LOCALPART:
        return None
    return f"{localpart}+{key}@{domain}"


def message_id(secret: bytes, issue_key: str, purpose: str, nonce: str, domain: str) -> str:
    """A Message-ID of ours, without angle brackets: the same for the same mail, so a resend shows as one.

    `purpose` and `nonce` together name the mail; both are of letters, digits and hyphens.
    """
    return f"{issue_key}.{purpose}.{nonce}.{_mac(secret, 'message-id', issue_key, purpose, nonce)}@{domain}"


def is_own_id(secret: bytes, found: str) -> bool:
    """True where `message_id` made this one with that secret."""
    parts = found.rpartition("@")[0].split(".")
    return len(parts) == 4 and hmac.compare_digest(_mac(secret, "message-id", *parts[:3]).encode(), parts[3].encode())


def anchor_id(secret: bytes, issue_key: str, domain: str) -> str:
    """The Message-ID of no mail, which all our mails about the issue refer to, without angle brackets."""
    return message_id(secret, issue_key, "issue", "anchor", domain)


@cache
def loop_mark(secret: bytes) -> str:
    """What every mail of this installation carries in `X-Smtpintake-Loop`."""
    return _mac(secret, "loop")


def is_marked(secrets: Iterable[bytes], marks: Iterable[str]) -> bool:
    """True where one of a message's `marks` is ours, by any of our `secrets`: we sent it ourselves."""
    own = [loop_mark(secret).encode() for secret in secrets]
    theirs = [mark.strip().lower().encode("utf-8", "surrogatepass") for mark in marks]
    return any(hmac.compare_digest(mark, each) for mark in theirs for each in own)


def _mac(secret: bytes, *parts: str) -> str:
    if len(secret) < MIN_SECRET:
        raise ValueError(f"the secret must be at least {MIN_SECRET} octets")
    # NUL occurs in no part, so no two lists of parts make the same text.
    digest = hmac.digest(secret, "\0".join(parts).encode(), "sha256")
    return base64.b32encode(digest[:_KEY_OCTETS]).decode("ascii").lower()
