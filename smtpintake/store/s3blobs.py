"""`S3Blobs`: the octets of large mails in a bucket, there before the database speaks of them.

Contract: as of `Blobs`. What `adopt` returns from, the bucket has acknowledged. Who we are there and where it is, the
usual variables of the environment say (AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL and so on). A bucket that cannot
be reached is an OSError, within some `PATIENCE`. No blob is ever read into memory whole.
"""

import mmap
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from smtpintake.store.blobspool import SpooledBlobs, checked

PATIENCE: Final = timedelta(seconds=20)  # for all tries of one request
COPIES: Final = 256  # that `path` has made; beyond them the oldest goes

_PART: Final = 5 << 20  # octets; S3 takes no smaller parts of an upload
_AT_ONCE: Final = 2  # parts under way, so in memory
_FETCHED: Final = "fetched"


class S3Blobs(SpooledBlobs):
    """Blobs are objects `PREFIX/NAME` of one bucket; `spools` is a folder of this machine."""

    def __init__(self, bucket: str, prefix: str, spools: Path) -> None:
        super().__init__(spools)
        self._store: Final = S3Store(
            bucket,
            prefix=prefix or None,
            # Without TLS only where the endpoint says http.
            client_options={"connect_timeout": "5s", "timeout": PATIENCE, "allow_http": True},
            retry_config={"max_retries": 3, "retry_timeout": PATIENCE},
        )
        self._copying: Final = threading.Lock()

    def adopt(self, path: Path, name: str) -> None:
        self._mark(name).touch()
        with _faults():
            obstore.put(self._store, name, path, chunk_size=_PART, max_concurrency=_AT_ONCE)

    def unsettle(self, name: str) -> None:
        self._mark(name).touch()

    def open(self, name: str) -> mmap.mmap:
        with TemporaryFile(dir=self.spool_folder) as file:
            self._fetch(name, file)
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def read(self, name: str, offset: int, length: int) -> bytes:
        if length <= 0:
            return b""
        with _faults():
            return bytes(obstore.get_range(self._store, checked(name), start=offset, length=length))

    def path(self, name: str) -> Path:
        """A copy on this machine, which stays while it is one of the last `COPIES`. Blocks, and raises
        FileNotFoundError.
        """
        folder = self.spool_folder / _FETCHED
        with self._copying:
            folder.mkdir(exist_ok=True)
            copy = folder / checked(name)
            if not copy.exists():
                older = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
                for old in older[: max(0, len(older) - COPIES + 1)]:
                    old.unlink()
                unfinished = folder / f".{name}"
                with unfinished.open("wb") as file:
                    self._fetch(name, file)
                unfinished.rename(copy)
            return copy

    def names(self) -> Iterator[str]:
        with _faults():
            for several in obstore.list(self._store):
                yield from (one["path"] for one in several)

    def close(self) -> None:
        if self._own is not None:
            shutil.rmtree(self.spool_folder / _FETCHED, ignore_errors=True)
        super().close()

    def _remove(self, name: str) -> None:
        with _faults():
            obstore.delete(self._store, name)

    def _fetch(self, name: str, file: IO[bytes]) -> None:
        with _faults():
            for part in obstore.get(self._store, checked(name)).stream(min_chunk_size=_PART):
                file.write(part)
        file.flush()


@contextmanager
def _faults() -> Iterator[None]:
    """Trouble with the bucket is trouble with storage. What is not there is FileNotFoundError already."""
    try:
        yield
    except BaseError as error:
        raise OSError(str(error).partition("\n")[0]) from error
