"""Signatures: `-- ` and what follows it, what devices add, and the block that the same sender ended with before.

Contract: pure, total, linear. Each function takes lines as `lines_of` gives them, and gives the number of the first
line of the signature that they end with, or their count where they end with none. What nobody marked as a signature is
only taken for one as `repeatable` says, and where the sender's earlier mail holds the very same lines.
"""

import re
from typing import Final

from smtpintake.convert import quoting

MAX_LINES: Final = 12  # more is text that happens to follow two hyphens
_LEAST_LINES: Final = 3  # of a block that nothing marks
_MAX_LINE: Final = 80

_MARK: Final = "-- "  # RFC 3676 s4.3
_LONE_HYPHENS: Final = "--"  # that mark, as clients and HTML leave it; or what people write between two thoughts
_MAX_CARD: Final = 5  # lines of a card
_CARD_WORDS: Final = 10  # in each of them
_ENDS: Final = (".", "?", "!", ";", ",")
_GOES_ON: Final = (":", ",")
_SENTENCE: Final = (*_ENDS, ":")
_ITEM: Final = re.compile(r"\s*(?:[-*+•·>|]|[0-9]{1,3}[.)])\s")
_CONTACT: Final = re.compile(r"[^\s@]@[^\s@]|https?://|www\.|[0-9](?:[ ()/.-]{0,2}[0-9]){5}")
# What a device calls itself after "sent with": what people send with a carrier, and tell last, is no signature.
_DEVICE: Final = re.compile(
    r"\b(?:my|mi|mio|meu|mon|min|mijn|meine[mr]?|mojego|mého)\b|我的|моего|phone|fon|i?pad|ipod|android|windows|outlook"
    r"|mail|mobil|móvil|celular|cell|handy|tablet|blackberry|samsung|galaxy|huawei|xiaomi|yahoo|gmx|web\.de|proton|spark"
    r"|\bapp\b|device|gerät|appareil|dispositiv|enhet|enhed|urządzeni|zařízení|laittee|puhelim|내 |送信",
    re.IGNORECASE,
)
_TARGET: Final = re.compile(r"https?://\S+")
_NUMBER: Final = re.compile(r"[0-9]{6}|[0-9]{1,2}[./][0-9]{1,2}[./]")  # of a parcel, or a date
_MAX_DEVICE: Final = 120


def lines_of(text: str) -> list[str]:
    """The lines of `text` without white space at their ends, but for that of the mark."""
    return [line if line == _MARK else line.rstrip() for line in text.split("\n")]


def marked(lines: list[str]) -> int:
    """Where a marked signature begins: with a line of two hyphens, or with what a device added."""
    end = _end(lines)
    for number in range(max(0, end - MAX_LINES - 1), end):
        if _is_mark(lines, number, end) and any(lines[:number]):
            return number
    devices = end
    while devices and (not lines[devices - 1] or _is_device(lines[devices - 1])):
        devices -= 1
    return devices if devices < end and any(lines[:devices]) else len(lines)


def repeatable(lines: list[str]) -> int:
    """Where a block begins that looks like a signature, and is one if its sender has ended with it before: at least
    three short lines behind a blank one, no sentence and no list, with a way to reach somebody among them.
    """
    end = _end(lines)
    start = end
    while start and end - start <= MAX_LINES and lines[start - 1]:
        start -= 1
    block = lines[start:end]
    is_one = (
        _LEAST_LINES <= len(block) <= MAX_LINES
        and any(lines[:start])
        and not any(len(line) > _MAX_LINE or line.endswith(_SENTENCE) or _ITEM.match(line) for line in block)
        and any(map(_CONTACT.search, block))
    )
    return start if is_one else len(lines)


def is_only(lines: list[str]) -> bool:
    """True where `lines` are nothing but a marked signature."""
    first = next((number for number, line in enumerate(lines) if line), 0)
    return bool(lines) and (_is_mark(lines, first, _end(lines)) or _is_device(lines[first]))


def _is_mark(lines: list[str], number: int, end: int) -> bool:
    """True where the signature that ends before line `end` begins with line `number`. Behind two hyphens without a
    space nothing is one but what stands on a card: few short lines, a name first, no sentence, and how to reach them.
    """
    if lines[number] != _LONE_HYPHENS:
        return lines[number] == _MARK
    card = [line for line in lines[number + 1 : end] if line]
    return (
        0 < len(card) <= _MAX_CARD
        and not (number and lines[number - 1].endswith(_GOES_ON))
        and not any(line.endswith(_ENDS) or _ITEM.match(line) or len(line.split()) > _CARD_WORDS for line in card)
        and not any(word[0].islower() or word[0].isdigit() for word in card[0].split() if not _CONTACT.search(word))
        and any(map(_CONTACT.search, card))
    )


def _is_device(line: str) -> bool:
    """True for `Sent from my iPhone`, in many languages."""
    if not quoting.SENT_FROM.match(line):
        return False
    told = _TARGET.sub("", line)
    return len(told) <= _MAX_DEVICE and _DEVICE.search(told) is not None and _NUMBER.search(told) is None


def _end(lines: list[str]) -> int:
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    return end
