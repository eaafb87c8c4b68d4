"""Blobs in a bucket: as those in a folder, and what is not the bucket's is tidied up on this machine."""

import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from smtpintake.store import blobcheck
from smtpintake.store.blobs import open_blobs
from smtpintake.store.database import Database
from smtpintake.store.schema import RawMail
from smtpintake.store.types import Table

s3blobs = pytest.importorskip("smtpintake.store.s3blobs", reason="obstore is not installed", exc_type=ImportError)
S3Blobs = s3blobs.S3Blobs

OCTETS = b"From: ana@example.org\r\n\r\n" + bytes(range(256)) * 50_000  # several parts of an upload
NAME = "06abcdefgh123456"


@pytest.fixture
def blobs(bucket_url: str, tmp_path: Path) -> Iterator[S3Blobs]:
    blobs = open_blobs(bucket_url, tmp_path / "spool")
    assert isinstance(blobs, S3Blobs)
    yield blobs
    blobs.close()


def spooled(blobs: S3Blobs, octets: bytes = OCTETS) -> Path:
    path = blobs.spool_folder / uuid4().hex
    path.write_bytes(octets)
    return path


def nothing_known(_: Collection[str]) -> Collection[str]:
    return ()


def test_an_adopted_file_is_read_back_whole_and_in_parts(blobs: S3Blobs) -> None:
    path = spooled(blobs)
    blobs.adopt(path, NAME)
    blobs.adopt(path, NAME)
    path.unlink()
    assert list(blobs.names()) == [NAME]
    with blobs.open(NAME) as octets:
        assert octets[:] == OCTETS
    assert blobs.path(NAME).read_bytes() == OCTETS
    assert blobs.read(NAME, 6, 15) == b"ana@example.org"
    assert blobs.read(NAME, len(OCTETS) - 3, 100) == OCTETS[-3:]
    assert blobs.read(NAME, 6, 0) == b""


def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_fault(blobs: S3Blobs) -> None:
    blobs.adopt(spooled(blobs), NAME)
    blobs.delete(NAME)
    blobs.delete(NAME)
    assert list(blobs.names()) == []
    for act in (lambda: blobs.open(NAME), lambda: blobs.read(NAME, 0, 1), lambda: blobs.path(NAME)):
        with pytest.raises(FileNotFoundError):
            act()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "abcd/efgh", ".hidden", "a" * 129])
def test_a_name_cannot_lead_out_of_the_prefix(blobs: S3Blobs, name: str) -> None:
    path = spooled(blobs)
    for act in (lambda: blobs.adopt(path, name), lambda: blobs.read(name, 0, 1), lambda: blobs.delete(name)):
        with pytest.raises(ValueError, match="no name of a blob"):
            act()


def test_few_copies_are_kept_on_this_machine_and_none_when_it_is_closed(
    blobs: S3Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3blobs, "COPIES", 3)
    names = [f"mail-{number}" for number in range(5)]
    for name in names:
        blobs.adopt(spooled(blobs, name.encode()), name)
        blobs.settle(name)
    copies = [blobs.path(name) for name in names]
    assert [copy.exists() for copy in copies] == [False, False, True, True, True]
    assert copies[4].read_bytes() == b"mail-4"
    for path in blobs.spool_folder.glob("*"):
        if path.is_file() and path.name != "lock":
            path.unlink()
    blobs.close()
    assert [entry.name for entry in (tmp_path / "spool").iterdir()] == ["lock"]


def test_a_bucket_that_cannot_be_reached_is_a_fault_of_storage(
    blobs: S3Blobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    far = S3Blobs("bucket", "", tmp_path / "spool")
    for act in (lambda: far.adopt(spooled(blobs, b"x"), NAME), lambda: far.delete(NAME), lambda: list(far.names())):
        with pytest.raises(OSError, match="error sending request"):
            act()
    far.close()


DIES = """
import sys
from pathlib import Path
from smtpintake.store.blobs import open_blobs
blobs = open_blobs(sys.argv[1], Path(sys.argv[2]))
for name in ("recorded", "lost", "settled"):
    path = blobs.spool_folder / f"{name}.eml"
    path.write_bytes(name.encode())
    blobs.adopt(path, name)
blobs.settle("settled")
print("ready", flush=True)
sys.stdin.read()
"""


def test_recovery_after_a_kill_deletes_exactly_what_no_row_names(
    bucket_url: str, blobs: S3Blobs, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path}/tracker.db")
    Table.metadata.create_all(database.engine)
    command = [sys.executable, "-c", DIES, bucket_url, str(tmp_path / "spool")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert blobs.sweep(nothing_known) == (), "it lives"
        process.send_signal(signal.SIGKILL)
    with database.write() as connection:
        for name in ("recorded", "settled"):
            row = {"id": name, "received_at": datetime.now(UTC), "size": 8, "sha256": name, "blob": name}
            connection.execute(RawMail.__table__.insert(), row)
    assert blobcheck.check(database, blobs).orphans == {"lost"}
    assert blobcheck.recover(database, blobs) == ("lost",)
    assert sorted(blobs.names()) == ["recorded", "settled"]
    assert blobcheck.check(database, blobs).is_sound
    blobs.delete("recorded")
    assert blobcheck.check(database, blobs).missing == {"recorded"}
    database.close()
