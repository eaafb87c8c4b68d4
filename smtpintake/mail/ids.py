"""Ids that people read out to each other: of a mail transaction and of a row in the email log.

Contract: sixteen characters of Crockford's base32 in lower case: 48 bits of milliseconds since 1970, then 32 bits of
chance. They sort in the order of receipt, so a range of time is a range of ids, and need no database to be drawn.
"""

import secrets
from datetime import datetime
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: nothing to misread
LENGTH: Final = 16


def new_id(now: datetime) -> str:
    """A fresh id for the moment `now` (aware)."""
    number = int(now.timestamp() * 1000) << 32 | secrets.randbits(32)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))


def is_id(text: str) -> bool:
    """True where `text` has the form of an id, or is the beginning of one."""
    return 0 < len(text) <= LENGTH and all(character in _ALPHABET for character in text)
