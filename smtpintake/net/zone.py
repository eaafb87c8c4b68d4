"""`Zone`: a block list that is asked for each client, and what it costs to be on it. Values, and nothing else
imported.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Final

LISTED: Final = IPv4Network("127.0.0.0/8")  # RFC 5782 s2.3; all else is a parked domain, or a lie on the way


class Action(StrEnum):
    """What a listing costs the client."""

    REJECT = "reject"
    DEFER = "defer"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Zone:
    """A list that is asked. Of its answers `codes` count, all of them where none is given."""

    name: str
    codes: tuple[IPv4Network, ...] = ()
    action: Action = Action.REJECT
