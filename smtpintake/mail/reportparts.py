"""The parts of a report (RFC 6522 s3): the one that is for machines, and what came back of the original mail.

Contract: total, linear and bounded: of a part no more is read than `MAX_OCTETS`, and of its groups of fields no more
than `MAX_GROUPS`. Parts are found wherever they stand: old servers wrap a report in multipart/mixed.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from smtpintake.mail import fieldvalue, transfer
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.mail.parts import Node, Part
from smtpintake.mail.prescan import Octets, scan_section

MAX_OCTETS: Final = 64 << 10
MAX_GROUPS: Final = 101  # one for the mail, and one for each of a hundred recipients

# RFC 6522 s3 and s4; RFC 6533 s3 and s5 for internationalised mail.
ORIGINAL: Final = frozenset(("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"))

_EMPTY_LINES: Final = re.compile(rb"(?:\r\n[ \t]*)+\r\n")

Group = Mapping[str, str]  # the first value of each field, decoded, by name in lower case


def part_of(octets: Octets, root: Node, types: Collection[str]) -> bytes:
    """The beginning of the first part of one of these media `types`, decoded, its lines ending in CRLF; or nothing."""
    part = next((leaf for leaf in _leaves(root) if leaf.content_type in types), None)
    if part is None:
        return b""
    head, _ = transfer.head(octets, part.offset, part.length, part.encoding, MAX_OCTETS)
    return head.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def groups(part: bytes) -> tuple[Group, ...]:
    """The groups of header fields in `part`, which empty lines divide (RFC 3464 s2.1)."""
    blocks = _EMPTY_LINES.split(part.strip(b"\r\n"), maxsplit=MAX_GROUPS)[:MAX_GROUPS]
    return tuple(group for block in blocks if (group := header(block)))


def header(block: bytes) -> Group:
    """The fields of the header section that `block` begins with."""
    found: dict[str, str] = {}
    for field in scan_section(block, 0, len(block)).fields:
        found.setdefault(field.name.decode("ascii"), fieldvalue.decode(field.value))
    return found


def folded(text: str) -> str | None:
    """The address that `text` is, folded, with or without angle brackets; None where it is none."""
    try:
        return Mailbox.parse(text.strip().removeprefix("<").removesuffix(">")).folded
    except AddressError:
        return None


def _leaves(node: Node) -> Iterator[Part]:
    if isinstance(node, Part):
        yield node
        return
    for part in node.parts:
        yield from _leaves(part)
