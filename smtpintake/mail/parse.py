"""`read`: octets -> `Message`.

Contract: any octets give a Message, and none raises; what was odd is a `Defect`, and what is too much to be read safely
a `refusal`. Linear in the size of the mail. Each octet is read once: header fields by our own split, hard addresses and
dates by mail-parser, parts by slicing; attachments are hashed in pieces and never copied.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from operator import attrgetter
from typing import Final

import mailparser

from smtpintake.mail import authors, fieldvalue, threadkeys, transfer
from smtpintake.mail.bodies import Bodies
from smtpintake.mail.container import Frame
from smtpintake.mail.message import Attachment, Author, Defect, Message, Origin
from smtpintake.mail.origin import origin
from smtpintake.mail.parts import OPAQUE, Node, Walk
from smtpintake.mail.prescan import CHUNK, Octets, Prescan, prescan, scan_section
from smtpintake.mail.reason import Reason
from smtpintake.mail.reporting import report

LOOP_FIELD: Final = "x-smtpintake-loop"
MAX_FROM_FIELDS: Final = 5
MAX_LOOP_MARKS: Final = 10
MAX_DEFECTS: Final = 50
MAX_SUBJECT: Final = 998

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
# RFC 5322 s3.3, without the obsolete forms: mail-parser knows those.
_DATE: Final = re.compile(
    r"(?:[A-Za-z]{3},)?\s*([0-9]{1,2})\s+([A-Za-z]{3})\s+([0-9]{4})\s+([0-9]{2}):([0-9]{2})(?::([0-5][0-9]))?"
    r"\s+([+-])([01][0-9])([0-5][0-9])(?:\s+\([A-Za-z ]{1,40}\))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Content:
    """What lies behind the header."""

    text: str | None = None
    html: str | None = None
    charset: str = ""
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()
    broken: str = ""
    root: Node | None = None


def read(
    raw: bytes | memoryview | Octets,
    sha256: str | None = None,
    scan: Prescan | None = None,
    *,
    null_reverse_path: bool = True,
) -> Message:
    """The Message that `raw` is. `sha256` (hex) and `scan` spare the work where the octets were hashed and scanned.
    `null_reverse_path` is False where the envelope is known to have an address.
    """
    octets = raw.tobytes() if isinstance(raw, memoryview) else raw
    digest = sha256 or _sha256(octets)
    return _message(octets, scan or prescan(octets), 0, len(octets), digest, null_reverse_path=null_reverse_path)


def embedded(octets: Octets, view: Attachment) -> Message | None:
    """The mail that `view` of `octets` is, with attachments that are views of the same `octets`; None where it is no
    mail, or stands in an encoding that RFC 2046 s5.2.1 forbids.
    """
    if view.content_type not in OPAQUE or view.encoding not in transfer.IDENTITY:
        return None
    end = view.offset + view.length
    scan = scan_section(octets, view.offset, end)
    return _message(octets, scan, view.offset, end, view.sha256, null_reverse_path=True)  # nobody knows


def _message(octets: Octets, scan: Prescan, start: int, end: int, sha256: str, *, null_reverse_path: bool) -> Message:
    """The Message that is `octets[start:end]`, whose header `scan` has."""
    content = _Content() if scan.refusal else _content(octets, scan, end)
    fields: dict[bytes, list[bytes]] = {}
    for field in scan.fields:
        fields.setdefault(field.name, []).append(field.value)
    header = tuple(
        (field.name.decode("ascii"), fieldvalue.decode(field.value, content.charset)) for field in scan.fields
    )
    first = dict(reversed(header))
    who = origin(first, null_reverse_path=null_reverse_path)
    found, from_defects = authors.authors(fields.get(b"from", [])[:MAX_FROM_FIELDS], content.charset)
    defects = [*scan.defects, *from_defects, *content.defects]
    refusal = scan.refusal or (Reason.MESSAGE_COMPLEX if content.broken else None)
    if refusal is not None:
        defects.insert(0, Defect(f"refused.{refusal}", scan.detail or content.broken))
    reply_to, to, cc = (_addresses(fields, name, content.charset, defects) for name in (b"reply-to", b"to", b"cc"))
    return Message(
        message_id=threadkeys.message_id(first.get("message-id", "")),
        in_reply_to=threadkeys.message_ids(first.get("in-reply-to", "")),
        references=threadkeys.message_ids(first.get("references", "")),
        from_fields=len(fields.get(b"from", ())),
        authors=found,
        reply_to=reply_to,
        to=to,
        cc=cc,
        subject=first.get("subject", "")[:MAX_SUBJECT],
        date=_date(fields.get(b"date", [b""])[0]),
        origin=who,
        loop_marks=tuple(value[:200] for name, value in header if name == LOOP_FIELD)[:MAX_LOOP_MARKS],
        received_count=len(fields.get(b"received", ())),
        header=header,
        text=content.text,
        html=content.html,
        attachments=content.attachments,
        defects=tuple(dict.fromkeys(defects))[:MAX_DEFECTS],
        size=end - start,
        sha256=sha256,
        body_sha256=_body_sha256(octets, scan.body_offset, end, content.attachments),
        refusal=refusal,
        notes=content.notes,
        report=report(octets, content.root, first, content.text) if who is Origin.BOUNCE and content.root else None,
    )


def _content(octets: Octets, scan: Prescan, end: int) -> _Content:
    walk = Walk(octets)
    root = walk.root(scan.fields, scan.body_offset, end)
    if walk.broken:
        return _Content(defects=tuple(walk.defects), broken=walk.broken)
    bodies = Bodies(Frame(octets))
    bodies.collect(root)
    bodies.settle()
    defects = (*walk.defects, *bodies.defects)
    return _Content(
        bodies.text, bodies.html, bodies.charset, tuple(bodies.attachments), tuple(bodies.notes), defects, root=root
    )


def _addresses(fields: dict[bytes, list[bytes]], name: bytes, hint: str, defects: list[Defect]) -> tuple[Author, ...]:
    found: list[Author] = []
    for value in fields.get(name, ())[:MAX_FROM_FIELDS]:
        addresses = authors.read(value, hint)
        found += addresses.authors
        defects += addresses.defects
    return tuple(found)


def _date(value: bytes) -> datetime | None:
    text = fieldvalue.unfold(value)
    if not text:
        return None
    match = _DATE.fullmatch(text)
    month = _MONTHS.get(match[2].lower()) if match else None
    if match is None or month is None:
        claimed = mailparser.parse_from_bytes(b"Date: " + text.encode("utf-8", "replace") + b"\r\n\r\n").date
        return claimed if isinstance(claimed, datetime) else None
    offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
    zone = timezone(-offset if match[7] == "-" else offset)
    try:
        day, year, hour, minute = int(match[1]), int(match[3]), int(match[4]), int(match[5])
        return datetime(year, month, day, hour, minute, int(match[6] or 0), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):  # the 31st of February; the year 0 in a zone west of Greenwich
        return None


def _sha256(octets: Octets) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(octets), CHUNK):
        digest.update(octets[start : start + CHUNK])
    return digest.hexdigest()


def _body_sha256(octets: Octets, offset: int, end: int, attachments: tuple[Attachment, ...]) -> str:
    """A hash of `octets[offset:end]`, in which an attachment stands with its own hash: it is not read twice. One
    that lies inside another part does not say all of it.
    """
    digest = hashlib.sha256()
    outer = (attachment for attachment in attachments if "/" not in attachment.encoding)
    for attachment in sorted(outer, key=attrgetter("offset")):
        _update(digest, octets, offset, attachment.offset)
        digest.update(f"\0{attachment.encoding} {attachment.size} {attachment.sha256}\0".encode())
        offset = max(offset, attachment.offset + attachment.length)
    _update(digest, octets, offset, end)
    return digest.hexdigest()


def _update(digest: "hashlib._Hash", octets: Octets, start: int, end: int) -> None:
    for at in range(start, end, CHUNK):
        digest.update(octets[at : min(at + CHUNK, end)])
