"""`EndOfData`: finds where a message ends in a stream of octets, and undoes the transparency of its dots.

Contract: pure. Feed it blocks cut anywhere; it gives the message's octets, CRLF before the end mark included, and after
the end the octets that follow, which are commands again. Only CRLF . CRLF ends a message (RFC 5321 s4.1.1.4); a line
that begins with a dot loses it (s4.5.2). What would let two servers disagree about that end, a CR or LF alone, is
noticed (s2.3.8), and so is a NUL.
"""

from typing import Final

_MARK: Final = b"\r\n.\r\n"
_BEGINNINGS: Final = tuple(_MARK[:length] for length in (4, 3, 2, 1))


class EndOfData:
    """`ended` turns True with the block that holds the mark; `rest` is what came behind it."""

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self.bare_newline = False
        self.nul = False
        # The CRLF of the DATA command counts as the one before the first line; it is not part of the message.
        self._held = b"\r\n"
        self._before_first = 2

    def feed(self, block: bytes) -> bytes:
        """The message's octets that are certain now."""
        octets = self._held + block
        end = octets.find(_MARK)
        if end >= 0:
            self.ended = True
            self.rest = octets[end + len(_MARK) :]
            octets = octets[: end + 2]
        else:
            # Held back whole, so that no CRLF is ever cut in two.
            self._held = next((beginning for beginning in _BEGINNINGS if octets.endswith(beginning)), b"")
            if self._held:
                octets = octets[: -len(self._held)]
        self._look_at(octets)
        message = octets.replace(b"\r\n.", b"\r\n")
        if self._before_first and message:
            message = message[self._before_first :]
            self._before_first = 0
        return message

    def _look_at(self, octets: bytes) -> None:
        pairs = octets.count(b"\r\n")
        if not octets.count(b"\r") == pairs == octets.count(b"\n"):
            self.bare_newline = True
        if b"\0" in octets:
            self.nul = True
