"""Attachments, opened: views of raw mail, decoded piece by piece.

Contract: reads only. No attachment is held in memory as a whole, but for what the steps of `mail.container` need.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from smtpintake.mail import transfer
from smtpintake.store.blobs import Blobs
from smtpintake.store.schema import Attachment, RawMail


@contextmanager
def opened(session: Session, blobs: Blobs, attachment_id: int) -> Iterator[Iterator[bytes] | None]:
    """The decoded octets of an attachment, or None where there is none with that id. Raises FileNotFoundError where the
    blob of its mail is gone.
    """
    row = session.get(Attachment, attachment_id)
    raw = session.get(RawMail, row.raw_id) if row is not None else None
    if row is None or raw is None:
        yield None
    elif raw.blob is None:
        yield transfer.decoded(raw.octets or b"", row.offset, row.length, row.encoding)
    else:
        with blobs.open(raw.blob) as octets:
            yield transfer.decoded(octets, row.offset, row.length, row.encoding)
