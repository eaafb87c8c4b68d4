"""`SpooledBlobs`: a process's own folder for mails on their way in, and the marks of blobs that no row names yet.

Contract: the folder has a lock that lives as long as the process does. A process that dies leaves folder and marks
behind, and the next one to start `sweep`s: blobs that no row names are deleted, and so are the dead process's spool
files. Where the blobs themselves are kept, a subclass says.
"""

import fcntl
import os
import re
import secrets
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

_NAME: Final = re.compile(r"[0-9a-z][0-9a-z._-]{3,127}")
_UNSETTLED: Final = "adopted"
_LOCK: Final = "lock"

# Which of these names are named by a row of the database?
Known = Callable[[Collection[str]], Collection[str]]


class SpooledBlobs(ABC):
    """Spool files lie in `spools`, in one folder a process. Create one in each process: a forked child would share its
    parent's lock.
    """

    def __init__(self, spools: Path) -> None:
        self._spools: Final = spools
        self._guard: Final = threading.Lock()
        self._own: tuple[Path, IO[bytes]] | None = None

    @abstractmethod
    def _remove(self, name: str) -> None:
        """Delete the blob; that it is gone already is no fault."""

    @property
    def spool_folder(self) -> Path:
        with self._guard:
            if self._own is None:
                self._own = self._claim()
            return self._own[0]

    def settle(self, name: str) -> None:
        self._mark(name).unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        self._remove(checked(name))
        # The mark goes last: a process that dies in between leaves it, and the sweep deletes again.
        self.settle(name)

    def sweep(self, known: Known) -> tuple[str, ...]:
        deleted: list[str] = []
        with self._locked():
            for spool in self._spools.iterdir():
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

    def _mark(self, name: str) -> Path:
        """What says that `name` is not settled."""
        return self.spool_folder / _UNSETTLED / checked(name)

    def _sweep_one(self, spool: Path, known: Known) -> list[str]:
        unsettled = {mark.name for mark in (spool / _UNSETTLED).glob("*")}
        orphans = sorted(unsettled - set(known(unsettled))) if unsettled else []
        for name in orphans:
            self._remove(name)
        shutil.rmtree(spool)
        return orphans

    def _claim(self) -> tuple[Path, IO[bytes]]:
        with self._locked():
            spool = self._spools / f"{os.getpid()}-{secrets.token_hex(4)}"
            (spool / _UNSETTLED).mkdir(parents=True)
            lock = (spool / _LOCK).open("ab")
            fcntl.flock(lock, fcntl.LOCK_EX)
            return spool, lock

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Between making a folder and locking it, a folder would look abandoned.
        self._spools.mkdir(parents=True, exist_ok=True)
        with (self._spools / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def checked(name: str) -> str:
    """The name, which cannot lead out of a folder. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a blob")
    return name


def _is_abandoned(spool: Path) -> bool:
    try:
        with (spool / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True
