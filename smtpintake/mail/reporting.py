"""`report`: what a mail that is a report says, in whichever of the forms that servers write.

Contract: total, linear and bounded. The part for machines counts where there is one (RFC 6522), else the plain words.
Which mail it is about is said, the surest first, by the Message-ID of the original, as far as it came back, and by what
the report says that it answers.
"""

from smtpintake.mail import arf, authors, dsn, plainbounce
from smtpintake.mail.parts import Node
from smtpintake.mail.prescan import Octets, scan_section
from smtpintake.mail.report import MAX_IDS, MAX_RECIPIENTS, Report
from smtpintake.mail.reportparts import ORIGINAL, Group, folded, groups, header, part_of
from smtpintake.mail.threadkeys import message_id, message_ids


def report(octets: Octets, root: Node, fields: Group, text: str | None) -> Report:
    """What the mail with these header `fields`, the parts under `root` and this `text` reports."""
    returned = part_of(octets, root, ORIGINAL)
    original = header(returned)
    failed = fields.get("x-failed-recipients", "")[: 32 << 10].split(",")
    named = tuple(dict.fromkeys(address for each in failed if (address := folded(each))))
    status = groups(part_of(octets, root, dsn.TYPES))
    feedback = groups(part_of(octets, root, arf.TYPES))
    found = (
        tuple(dsn.recipients(status))[:MAX_RECIPIENTS]
        or (arf.recipients(feedback, _written_to(returned)) if feedback else ())
        or plainbounce.recipients(text or "", named)
    )
    return Report(
        recipients=found,
        message_ids=_about(original, fields, text or ""),
        envelope_id=dsn.of_mail(status, "original-envelope-id")[:100],
        reporter=dsn.after_type(dsn.of_mail(status or feedback, "reporting-mta"))[:255],
    )


def _about(original: Group, fields: Group, text: str) -> tuple[str, ...]:
    own = message_id(original.get("message-id", ""))
    # Gmail says in the report's own header what it answers; RFC 3834 s3.1.6 asks automatic answers to.
    answered = (*message_ids(fields.get("in-reply-to", "")), *message_ids(fields.get("references", ""))[::-1])
    quoted = () if own else plainbounce.original_ids(text)
    return tuple(dict.fromkeys((*((own,) if own else ()), *quoted, *answered)))[:MAX_IDS]


def _written_to(returned: bytes) -> tuple[str, ...]:
    """The addresses in To of the original mail, folded."""
    scan = scan_section(returned, 0, len(returned))
    values = (field.value for field in scan.fields if field.name == b"to")
    return tuple(author.mailbox.folded for value in values for author in authors.read(value).authors)[:MAX_RECIPIENTS]
