"""The attachments of a mail -> `File`: what they are called, and what they are.

Contract: pure, total and linear. A few octets of each attachment are read, none is copied.
"""

from collections.abc import Sequence
from typing import Final

from smtpintake.convert.file import File
from smtpintake.convert.filename import safe_name
from smtpintake.convert.sniff import HEAD, detected
from smtpintake.mail import fieldvalue, transfer
from smtpintake.mail.message import Attachment
from smtpintake.mail.parts import OPAQUE
from smtpintake.mail.prescan import Octets, scan_section

MAX_INSIDE: Final = 64 << 20  # octets of parts that hold parts, decoded to look inside; then the sender is believed

_MAX_HEADER: Final = 64 << 10  # octets of an attached mail in which its subject is looked for
_DENSE: Final = transfer.IDENTITY | {"base64", "quoted-printable"}
_UNNAMED: Final = ("", "message.eml")
# RFC 1740: what a Mac keeps beside a file, under the same name, and nobody else can open.
_FORK: Final = "application/applefile"


def files(octets: Octets, attachments: Sequence[Attachment]) -> tuple[File, ...]:
    """The attachments of the mail that `octets` is."""
    found: list[File] = []
    room = MAX_INSIDE
    for part in attachments:
        # What lies inside another part is found by decoding that one anew.
        room -= part.length if "/" in part.encoding else 0
        found.append(_file(octets, part) if room >= 0 else _as_declared(part))
    return tuple(found)


def _file(octets: Octets, part: Attachment) -> File:
    if part.content_type in OPAQUE:
        return File(part, _name_of_mail(octets, part), part.content_type)
    media_type = detected(part.content_type, _head(octets, part, HEAD))
    name = f"{part.name}.applefile" if part.content_type == _FORK and part.name else part.name
    return File(part, safe_name(name, media_type), media_type)


def _as_declared(part: Attachment) -> File:
    return File(part, safe_name(part.name, part.content_type), part.content_type)


def _name_of_mail(octets: Octets, part: Attachment) -> str:
    """An attached mail is called by its subject, unless the sender gave it a name."""
    if part.name not in _UNNAMED:
        return safe_name(part.name)
    head = _head(octets, part, _MAX_HEADER).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    fields = scan_section(head, 0, len(head)).fields
    subject = next((fieldvalue.decode(field.value) for field in fields if field.name == b"subject"), "")
    # A subject is no path.
    return safe_name(f"{subject.replace('/', '_').replace(chr(92), '_').strip(' .') or 'message'}.eml")


def _head(octets: Octets, part: Attachment, limit: int) -> bytes:
    """At most `limit` decoded octets from the beginning."""
    if part.encoding in _DENSE and part.length > 4 * limit:
        # So many encoded octets usually do, unless somebody has stuffed them with what means nothing.
        head, _ = transfer.head(octets, part.offset, 4 * limit, part.encoding, limit)
        if len(head) == limit:
            return head
    return transfer.head(octets, part.offset, part.length, part.encoding, limit)[0]
