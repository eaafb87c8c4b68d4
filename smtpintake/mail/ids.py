"""Ids that people read out to each other: of a mail transaction and of a row in the email log.

Contract: sixteen characters of Crockford's base32 in lower case: 48 bits of milliseconds since 1970, then 32 bits of
chance. They sort in the order of receipt, so a range of time is a range of ids, and need no database to be drawn.
"""

import base64
import secrets
from datetime import datetime
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: nothing to misread
LENGTH: Final = 16

# Both alphabets are in the order of ASCII, so ids sort as their octets do (RFC 4648 s7).
_CROCKFORD: Final = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", _ALPHABET.encode())


def new_id(now: datetime) -> str:
    """A fresh id for the moment `now` (aware)."""
    octets = int(now.timestamp() * 1000).to_bytes(6) + secrets.token_bytes(4)
    return _written(octets)


def first_id(moment: datetime) -> str:
    """What is not greater than any id of `moment` (aware) or later, and greater than all before it."""
    return _written(int(moment.timestamp() * 1000).to_bytes(6) + bytes(4))


def _written(octets: bytes) -> str:
    return base64.b32hexencode(octets).translate(_CROCKFORD).decode("ascii")


def is_id(text: str) -> bool:
    """True where `text` has the form of an id, or is the beginning of one."""
    return 0 < len(text) <= LENGTH and all(character in _ALPHABET for character in text)
