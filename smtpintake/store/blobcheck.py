"""Blobs against rows: recovery when a process starts, and the check of `doctor`.

Contract: `recover` looks only at what dead processes left behind; `check` reads everything and changes nothing. A mail
that arrives while `check` runs is no fault: rows are read after the blobs.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from smtpintake.store.blobs import Blobs
from smtpintake.store.database import Database
from smtpintake.store.schema import RawMail

_RAW = RawMail.__table__.c


@dataclass(frozen=True, slots=True)
class BlobCheck:
    """`orphans`: blobs that no row names. `missing`: names in rows without a blob, so mails that are lost."""

    orphans: frozenset[str]
    missing: frozenset[str]

    @property
    def is_sound(self) -> bool:
        return not self.orphans and not self.missing


def recover(database: Database, blobs: Blobs) -> tuple[str, ...]:
    """Deletes what dead processes adopted and never recorded; their senders were not told 250 and send again."""

    def known(names: Collection[str]) -> Collection[str]:
        with database.session() as session:
            return session.scalars(select(_RAW.blob).where(_RAW.blob.in_(names))).all()

    return blobs.sweep(known)


def blob_is_named(database: Database, name: str) -> bool:
    """Whether a committed row names the blob."""
    with database.session() as session:
        return session.scalar(select(_RAW.id).where(_RAW.blob == name)) is not None


def check(database: Database, blobs: Blobs) -> BlobCheck:
    """Every blob against every row."""
    present = frozenset(blobs.names())
    with database.session() as session:
        recorded = frozenset(session.scalars(select(_RAW.blob).where(_RAW.blob.is_not(None))))
    return BlobCheck(orphans=present - recorded, missing=recorded - frozenset(blobs.names()) - present)
