"""Blobs: the octets of large mails, one file each, on disk before the database speaks of them.

Contract: after `adopt` a blob survives a power cut, and stays marked as unsettled until `settle` says that a row names
it. A process that dies between the two leaves the mark behind, and the next one to start `sweep`s: blobs that no row
names are deleted, and so are the dead process's spool files. A blob is never written to after it was adopted. Methods
block, so the event loop calls them in a thread; each is safe in several threads at once.
"""

import fcntl
import filecmp
import mmap
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Protocol

SCHEME: Final = "file:"

_NAME: Final = re.compile(r"[0-9a-z][0-9a-z._-]{3,127}")
_SPOOL: Final = "spool"
_UNSETTLED: Final = "adopted"
_LOCK: Final = "lock"

# Which of these names are named by a row of the database?
Known = Callable[[Collection[str]], Collection[str]]


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
        """A file with the blob's octets, to be read and left alone. It need not exist."""
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


def open_blobs(url: str) -> "FileBlobs":
    """The store that a `[blobs] url` names. Raises ValueError for one that this version doesn't know."""
    if not url.startswith(SCHEME) or not url.removeprefix(SCHEME):
        raise ValueError(f"blobs url {url!r} is not of the form {SCHEME}FOLDER")
    return FileBlobs(Path(url.removeprefix(SCHEME)))


class FileBlobs:
    """Blobs in a folder: `NAME[-2:]/NAME`. The end of a name spreads them: ids that sort by time begin alike.

    Spool files lie in `spool/`, on the same filesystem, in one folder a process, whose lock lives as long as the
    process does. Create one FileBlobs in each process: a forked child would share its parent's lock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self._guard: Final = threading.Lock()
        self._own: tuple[Path, IO[bytes]] | None = None
        self._durable_folders: Final[set[Path]] = set()

    @property
    def spool_folder(self) -> Path:
        with self._guard:
            if self._own is None:
                self._own = self._claim_spool()
            return self._own[0]

    def adopt(self, path: Path, name: str) -> None:
        place = self._place(name)
        mark = self.spool_folder / _UNSETTLED / name
        _sync(path)
        # First of all: where the disk of the blobs is not mounted, it fails, and nothing is put into the mount point.
        _link(path, mark)
        self._make_durable_folder(place.parent)
        _link(path, place)
        _sync(place.parent)

    def settle(self, name: str) -> None:
        self._place(name)
        (self.spool_folder / _UNSETTLED / name).unlink(missing_ok=True)

    def unsettle(self, name: str) -> None:
        place, mark = self._place(name), self.spool_folder / _UNSETTLED / name
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

    def delete(self, name: str) -> None:
        self._place(name).unlink(missing_ok=True)
        # The mark goes last: a process that dies in between leaves it, and the sweep deletes again.
        self.settle(name)

    def names(self) -> Iterator[str]:
        for shard in self.folder.glob("??"):
            yield from (blob.name for blob in shard.iterdir())

    def sweep(self, known: Known) -> tuple[str, ...]:
        deleted: list[str] = []
        with self._spool_locked():
            for spool in (self.folder / _SPOOL).iterdir():
                if spool.is_dir() and _is_abandoned(spool):
                    deleted += self._sweep_one(spool, known)
        return tuple(deleted)

    def close(self) -> None:
        """Gives up the spool folder, and removes it where no mail waits in it."""
        with self._guard:
            if self._own is None:
                return
            spool, lock = self._own
            self._own = None
            with lock:
                if {entry.name for entry in spool.iterdir()} == {_LOCK, _UNSETTLED} and not any(
                    (spool / _UNSETTLED).iterdir()
                ):
                    shutil.rmtree(spool)

    def _sweep_one(self, spool: Path, known: Known) -> list[str]:
        unsettled = {mark.name for mark in (spool / _UNSETTLED).glob("*")}
        orphans = sorted(unsettled - set(known(unsettled))) if unsettled else []
        for name in orphans:
            self._place(name).unlink(missing_ok=True)
        shutil.rmtree(spool)
        return orphans

    def _claim_spool(self) -> tuple[Path, IO[bytes]]:
        with self._spool_locked():
            spool = self.folder / _SPOOL / f"{os.getpid()}-{secrets.token_hex(4)}"
            (spool / _UNSETTLED).mkdir(parents=True)
            lock = (spool / _LOCK).open("ab")
            fcntl.flock(lock, fcntl.LOCK_EX)
            return spool, lock

    @contextmanager
    def _spool_locked(self) -> Iterator[None]:
        # Between making a folder and locking it, a folder would look abandoned.
        (self.folder / _SPOOL).mkdir(parents=True, exist_ok=True)
        with (self.folder / _SPOOL / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _place(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a blob")
        return self.folder / name[-2:] / name

    def _make_durable_folder(self, folder: Path) -> None:
        if folder in self._durable_folders and folder.is_dir():
            return
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)
        self._durable_folders.add(folder)


def _is_abandoned(spool: Path) -> bool:
    try:
        with (spool / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


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
