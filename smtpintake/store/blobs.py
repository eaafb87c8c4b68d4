"""Blobs: the octets of large mails, one file each, on disk before the database speaks of them.

Contract: after `adopt` a blob survives a power cut, and stays marked as unsettled until `settle` says that a row names
it. A process that dies between the two leaves the mark behind, and the next one to start `sweep`s: blobs that no row
names are deleted, and so are the dead process's spool files. A blob is never written to after it was adopted. Methods
block, so the event loop calls them in a thread; each is safe in several threads at once.
"""

import filecmp
import mmap
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from smtpintake.store.blobspool import Known, SpooledBlobs, checked

FILE: Final = "file:"
S3: Final = "s3://"

_SPOOL: Final = "spool"


class Blobs(Protocol):
    """Where large mails are kept. Names are ours: lower-case letters, digits, `.`, `_`, `-`."""

    @property
    def spool_folder(self) -> Path:
        """This process's own folder for mails on their way in; `adopt` takes files from here without copying."""
        ...

    def adopt(self, path: Path, name: str) -> None:
        """Makes the file at `path` the blob `name`, durably. The caller still unlinks `path`. Doing it again is
        fine.
        """
        ...

    def settle(self, name: str) -> None:
        """A committed row names the blob."""
        ...

    def unsettle(self, name: str) -> None:
        """The row that names the blob is about to go; `settle` it where that fails, `delete` it where it is done."""
        ...

    def open(self, name: str) -> mmap.mmap:
        """The blob's octets, mapped; the caller closes it. Raises FileNotFoundError."""
        ...

    def read(self, name: str, offset: int, length: int) -> bytes:
        """`length` octets from `offset`, fewer at the end. Raises FileNotFoundError."""
        ...

    def path(self, name: str) -> Path:
        """A file with the blob's octets, to be read and left alone. Where it does not exist, this or whoever reads it
        raises FileNotFoundError.
        """
        ...

    def delete(self, name: str) -> None:
        """No row names it any more, or none ever will. A blob that is gone already is no fault."""
        ...

    def names(self) -> Iterator[str]:
        """Every blob's name, in no order."""
        ...

    def sweep(self, known: Known) -> tuple[str, ...]:
        """Tidies up behind processes that died: the names of the blobs that were deleted."""
        ...

    def close(self) -> None:
        """Gives up what belongs to this process alone."""
        ...


def open_blobs(url: str, spool: Path) -> Blobs:
    """The store that a `[blobs] url` names. Blobs that are elsewhere have their spool files in `spool`. Raises
    ValueError for a url of another kind, ModuleNotFoundError where the extra is missing that it needs.
    """
    if url.startswith(FILE) and url != FILE:
        return FileBlobs(Path(url.removeprefix(FILE)))
    if url.startswith(S3) and url != S3:
        from smtpintake.store.s3blobs import S3Blobs  # noqa: PLC0415 - an extra

        bucket, _, prefix = url.removeprefix(S3).partition("/")
        return S3Blobs(bucket, prefix, spool)
    raise ValueError(f"blobs url {url!r} is neither {FILE}FOLDER nor {S3}BUCKET/PREFIX")


class FileBlobs(SpooledBlobs):
    """Blobs in a folder: `NAME[-2:]/NAME`. The end of a name spreads them: ids that sort by time begin alike. Spool
    files lie in `spool/`, on the same filesystem.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / _SPOOL)
        self.folder: Final = folder
        self._durable_folders: Final[set[Path]] = set()

    def adopt(self, path: Path, name: str) -> None:
        place = self._place(name)
        mark = self._mark(name)
        _sync(path)
        # First of all: where the disk of the blobs is not mounted, it fails, and nothing is put into the mount point.
        _link(path, mark)
        self._make_durable_folder(place.parent)
        _link(path, place)
        _sync(place.parent)

    def unsettle(self, name: str) -> None:
        place, mark = self._place(name), self._mark(name)
        with suppress(FileNotFoundError):
            _link(place, mark)
            _sync(mark.parent)

    def open(self, name: str) -> mmap.mmap:
        with self._place(name).open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def read(self, name: str, offset: int, length: int) -> bytes:
        with self._place(name).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def path(self, name: str) -> Path:
        return self._place(name)

    def names(self) -> Iterator[str]:
        for shard in self.folder.glob("??"):
            yield from (blob.name for blob in shard.iterdir())

    def _remove(self, name: str) -> None:
        self._place(name).unlink(missing_ok=True)

    def _place(self, name: str) -> Path:
        return self.folder / checked(name)[-2:] / name

    def _make_durable_folder(self, folder: Path) -> None:
        if folder in self._durable_folders and folder.is_dir():
            return
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)
        self._durable_folders.add(folder)


def _link(path: Path, place: Path) -> None:
    try:
        place.hardlink_to(path)
    except FileExistsError:
        if not filecmp.cmp(path, place, shallow=False):
            raise


def _sync(path: Path) -> None:
    """Waits until a file's octets, or a folder's entries, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
