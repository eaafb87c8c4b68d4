"""`Limits`: what one client may ask of a listener. A value: whoever makes listeners fills it from the settings.

Contract: sizes are octets, times are seconds. RFC 5321 s4.5.3 gives the least of what a server must allow; nothing here
may be set below it but by an admin who means it.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

_RATE: Final = re.compile(r"([1-9][0-9]{0,5}) ?/ ?(?:([1-9][0-9]{0,2}) )?(second|minute|hour|day)s?")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many `times` within so many `seconds`."""

    times: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.times} in {self.seconds} s"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `60/minute` or `100/15 minutes`. Raises ValueError."""
        match = _RATE.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no rate: write '60/minute', '100/15 minutes' (second, minute, hour, day)")
        return cls(int(match[1]), int(match[2] or 1) * _SECONDS[match[3]])


@dataclass(frozen=True, slots=True)
class Limits:
    """One for each listener."""

    hostname: str
    max_message_size: int = 35 << 20
    max_recipients: int = 100  # RFC 5321 s4.5.3.1.8
    max_connections: int = 1000
    max_connections_per_peer: int = 50
    # A command must be complete, and some octets of a message must have come, within this (RFC 5321 s4.5.3.2.7).
    idle_timeout: float = 300.0
    # A trusted proxy must have sent its header within this; it sends it with the connection's first packet.
    proxy_timeout: float = 10.0
    # A TLS handshake must be done within this.
    handshake_timeout: float = 30.0
    # Octets a second that a message must arrive with, once `idle_timeout` of grace is used up; 0 for no such limit.
    min_data_rate: int = 500
    # RFC 5321 s4.5.3.1.4 asks for 512, and each extension for some more.
    max_command_length: int = 2048
    # Commands that bring no mail nearer, and refusals, that a session may cause between two accepted mails.
    max_junk: int = 50
    # Recipients beyond `max_recipients` that a transaction may try, as it must (RFC 5321 s4.5.3.1.10), before each one
    # counts as junk: every refusal is a row in the log.
    max_overshoot: int = 1000
    # Octets of messages that all sessions together keep in memory; what comes on top is spooled to disk at once.
    max_memory: int = 64 << 20
