"""Blobs: durable in the right order, the same after a second try, swept after a process died."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smtpintake.store import blobcheck
from smtpintake.store.blobs import FileBlobs, open_blobs
from smtpintake.store.database import Database
from smtpintake.store.schema import RawMail
from smtpintake.store.types import Table

OCTETS = b"From: ana@example.org\r\n\r\n" + bytes(range(256)) * 40


def spooled(blobs: FileBlobs, octets: bytes = OCTETS, name: str = "incoming") -> Path:
    path = blobs.spool_folder / name
    path.write_bytes(octets)
    return path


def nothing_known(_: Collection[str]) -> Collection[str]:
    return ()


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


def test_an_adopted_file_is_read_back_whole_and_in_parts(blobs: FileBlobs) -> None:
    path = spooled(blobs)
    blobs.adopt(path, "06abcdefgh123456")
    path.unlink()

    assert list(blobs.names()) == ["06abcdefgh123456"]
    with blobs.open("06abcdefgh123456") as octets:
        assert octets[:] == OCTETS
    assert blobs.read("06abcdefgh123456", 6, 15) == b"ana@example.org"
    assert blobs.read("06abcdefgh123456", len(OCTETS) - 3, 100) == OCTETS[-3:]
    assert (blobs.folder / "56" / "06abcdefgh123456").is_file()


def test_everything_is_synced_before_adopt_returns(blobs: FileBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    path = spooled(blobs)
    place = blobs.folder / "56" / "06abcdefgh123456"
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), place.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    blobs.adopt(path, "06abcdefgh123456")

    assert (str(path), False) in synced, "the octets, before a name in the store points at them"
    assert (str(place.parent.parent), False) in synced, "the folder, before something is in it"
    assert synced[-1] == (str(place.parent), True), "the name, last"


def test_a_folder_that_is_gone_for_a_while_is_left_alone_and_used_again(blobs: FileBlobs) -> None:
    path = spooled(blobs)
    blobs.adopt(path, "06abcdefgh123456")
    away = blobs.folder.rename(blobs.folder.with_name("away"))
    blobs.folder.mkdir()  # as an unmounted disk leaves it
    with pytest.raises(FileNotFoundError):
        blobs.adopt(away / path.relative_to(blobs.folder), "06abcdefgh120056")
    assert not any(blobs.folder.iterdir())

    blobs.folder.rename(blobs.folder.with_name("empty"))
    away.rename(blobs.folder)
    for name in blobs.folder.glob("??/*"):
        name.unlink()
        name.parent.rmdir()
    blobs.adopt(path, "06abcdefgh120056")
    assert list(blobs.names()) == ["06abcdefgh120056"]


def test_adopting_again_changes_nothing_and_other_octets_are_refused(blobs: FileBlobs) -> None:
    blobs.adopt(spooled(blobs), "06abcdefgh123456")
    blobs.adopt(spooled(blobs), "06abcdefgh123456")
    blobs.adopt(spooled(blobs, name="again"), "06abcdefgh123456")
    with pytest.raises(FileExistsError):
        blobs.adopt(spooled(blobs, b"something else", name="other"), "06abcdefgh123456")
    assert blobs.read("06abcdefgh123456", 0, 1 << 20) == OCTETS


def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_fault(blobs: FileBlobs) -> None:
    blobs.adopt(spooled(blobs), "06abcdefgh123456")
    blobs.delete("06abcdefgh123456")
    blobs.delete("06abcdefgh123456")
    assert list(blobs.names()) == []
    with pytest.raises(FileNotFoundError):
        blobs.open("06abcdefgh123456")
    with pytest.raises(FileNotFoundError):
        blobs.read("06abcdefgh123456", 0, 1)


@pytest.mark.parametrize("name", ["", "a", "../../etc/passwd", "abcd/efgh", "ABCDEFGH", ".hidden", "abcd\n", "a" * 129])
def test_a_name_cannot_lead_out_of_the_folder(blobs: FileBlobs, name: str) -> None:
    path = spooled(blobs)
    for act in (lambda: blobs.adopt(path, name), lambda: blobs.read(name, 0, 1), lambda: blobs.delete(name)):
        with pytest.raises(ValueError, match="no name of a blob"):
            act()


@pytest.mark.parametrize("url", ["", "file:", "s3://", "gs://bucket", "/var/blobs"])
def test_an_unknown_url_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="file:FOLDER"):
        open_blobs(url, tmp_path)


def test_a_url_names_the_folder(tmp_path: Path) -> None:
    blobs = open_blobs(f"file:{tmp_path}/mails", tmp_path / "spool")
    assert isinstance(blobs, FileBlobs)
    assert blobs.folder == tmp_path / "mails"


def test_many_threads_adopt_at_once(blobs: FileBlobs) -> None:
    names = [f"mail-{number:04}" for number in range(40)]

    def adopt(mine: list[str]) -> None:
        for name in mine:
            path = spooled(blobs, name.encode(), name)
            blobs.adopt(path, name)
            blobs.settle(name)
            path.unlink()

    threads = [threading.Thread(target=adopt, args=(names[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(blobs.names()) == names
    assert all(blobs.read(name, 0, 99) == name.encode() for name in names)


def test_the_sweep_leaves_the_living_alone(blobs: FileBlobs) -> None:
    path = spooled(blobs)
    blobs.adopt(path, "unsettled-yet")
    other = FileBlobs(blobs.folder)
    assert other.sweep(nothing_known) == ()
    assert path.exists()
    assert list(other.names()) == ["unsettled-yet"]


def test_closing_leaves_nothing_but_what_is_unsettled(blobs: FileBlobs) -> None:
    path = spooled(blobs)
    blobs.adopt(path, "settled")
    path.unlink()
    blobs.settle("settled")
    blobs.close()
    assert [entry.name for entry in (blobs.folder / "spool").iterdir()] == ["lock"]

    blobs.adopt(spooled(blobs), "unsettled")
    blobs.close()
    assert blobs.sweep(nothing_known) == ("unsettled",)
    assert list(blobs.names()) == ["settled"]


DIES = """
import os, sys
from pathlib import Path
from smtpintake.store.blobs import FileBlobs
blobs = FileBlobs(Path(sys.argv[1]))
for name in ("recorded", "lost", "settled"):
    path = blobs.spool_folder / f"{name}.eml"
    path.write_bytes(name.encode())
    blobs.adopt(path, name)
blobs.settle("settled")
print("ready", flush=True)
sys.stdin.read()
"""


def test_recovery_after_a_kill_deletes_exactly_what_no_row_names(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/tracker.db")
    Table.metadata.create_all(database.engine)
    blobs = FileBlobs(tmp_path / "blobs")
    with subprocess.Popen(
        [sys.executable, "-c", DIES, str(blobs.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    with database.write() as connection:
        for name in ("recorded", "settled"):
            row = {"id": name, "received_at": datetime.now(UTC), "size": 8, "sha256": name, "blob": name}
            connection.execute(RawMail.__table__.insert(), row)

    assert blobcheck.check(database, blobs).orphans == {"lost"}
    assert blobcheck.recover(database, blobs) == ("lost",)
    assert sorted(blobs.names()) == ["recorded", "settled"]
    assert blobcheck.check(database, blobs).is_sound
    assert blobcheck.blob_is_named(database, "recorded")
    assert not blobcheck.blob_is_named(database, "lost")
    assert [entry.name for entry in (blobs.folder / "spool").iterdir()] == ["lock"]

    blobs.delete("recorded")
    assert blobcheck.check(database, blobs).missing == {"recorded"}
    database.close()
