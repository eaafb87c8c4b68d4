"""ISO-2022-JP as Japanese mail clients write it: with the characters of Windows, which the standard lacks (CP50221).

Contract: total and linear. What is no character becomes a replacement character.
"""

import re
from typing import Final

_ESCAPE: Final = re.compile(rb"\x1b(\$[@B]|\([BJI])")


def decode(octets: bytes) -> str:
    """The text of `octets`. Each stretch between escape sequences is put into Shift-JIS, which Python knows whole."""
    pieces = _ESCAPE.split(octets)
    text = [_decoded(pieces[0], b"(B")]
    text += (_decoded(content, mode) for mode, content in zip(pieces[1::2], pieces[2::2], strict=True))
    return "".join(text)


def _decoded(content: bytes, mode: bytes) -> str:
    if mode == b"(I":
        return bytes(octet | 0x80 for octet in content).decode("cp932", "replace")
    if mode.startswith(b"("):
        return content.decode("ascii", "replace")
    return b"".join(map(_shifted, content[::2], content[1::2])).decode("cp932", "replace")


def _shifted(row: int, cell: int) -> bytes:
    """A character of JIS X 0208, or of the rows that NEC and IBM added, in Shift-JIS."""
    if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
        return bytes((cell,)) if cell < 0x20 else b"?"  # a line end inside the two-byte mode
    first = (row + 1 >> 1) + (0x70 if row < 0x5F else 0xB0)
    second = cell + (0x1F if cell < 0x60 else 0x20) if row % 2 else cell + 0x7E
    return bytes((first, second))
