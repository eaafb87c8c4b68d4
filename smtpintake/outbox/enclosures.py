"""The files that go along with what somebody wrote.

Contract: reads only. At most so many octets as a mail may carry, in the order in which they came; what is too large, or
whose blob is gone, is named instead. What has its place in the HTML goes there, if the HTML shows it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlmodel import Session

from smtpintake.compose.mime import File
from smtpintake.store.attachments import opened
from smtpintake.store.audience import FileRow
from smtpintake.store.blobs import Blobs


@dataclass(frozen=True, slots=True)
class Enclosed:
    """`left_out` are the names of those that don't go along."""

    files: tuple[File, ...] = ()
    left_out: tuple[str, ...] = ()


def enclosed(connection: Connection, blobs: Blobs | None, rows: Iterable[FileRow], html: str, limit: int) -> Enclosed:
    """The files of `rows`; `html` is all that the mail shows."""
    files, left_out = [], []
    with Session(connection, join_transaction_mode="rollback_only") as session:
        for row in rows:
            octets = _octets(session, blobs, row) if blobs is not None and row.size <= limit else None
            if octets is None:
                left_out.append(row.name)
                continue
            limit -= len(octets)
            place = row.content_id if row.content_id and f"cid:{row.content_id}" in html else ""
            files.append(File(row.name, row.content_type, octets, place))
    return Enclosed(tuple(files), tuple(left_out))


def _octets(session: Session, blobs: Blobs, row: FileRow) -> bytes | None:
    try:
        with opened(session, blobs, row.id) as pieces:
            return b"".join(pieces) if pieces is not None else None
    except FileNotFoundError:
        return None
