"""What breaks on our side costs nobody a mail: 4yz, nothing half-written, and the next delivery succeeds once."""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import event, func, select
from sqlmodel import Session

from smtpintake.intake.place import Place
from smtpintake.intake.receive import Reception
from smtpintake.intake.record import Recorder
from smtpintake.intake.spool import IN_MEMORY, Received
from smtpintake.intake.writer import Writer
from smtpintake.mail.ids import new_id
from smtpintake.settings import Settings
from smtpintake.store.blobcheck import check
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.database import Database
from smtpintake.store.schema import Issue, LogRow
from smtpintake.wiring import open_journey
from tests import make
from tests.databases import configured
from tests.intake.test_record import POLICY, mail

MANY = 2_000  # lines: more than a database that has just been made has room for
LARGE = 5_000  # lines: a blob


@dataclass
class House:
    """A journey in this process, with analysers of its own."""

    folder: Path
    database: Database
    reception: Reception
    recorder: Recorder
    spool: Path

    async def deliver(self, name: str, *, lines: int = 1) -> str:
        raw = (
            f"From: cara@customer.example\r\nTo: support@example.org\r\nSubject: {name}\r\n"
            f"Message-ID: <{name}@customer.example>\r\n\r\nHelp!\r\n"
        ).encode() + (b"x" * 70 + b"\r\n") * lines
        path = None
        if len(raw) > IN_MEMORY:
            path = self.spool / new_id(make.NOW)
            path.write_bytes(raw)
        received = Received(None if path else raw, path, len(raw), f"{abs(hash(raw)):064x}")
        envelope = make.envelope(transaction_id=new_id(make.NOW))
        return str((await self.reception.receive(envelope, received, None))[0])

    def count(self, model: type) -> int:
        with Session(self.database.engine) as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    def outcomes(self) -> list[tuple[str, str]]:
        with Session(self.database.engine) as session:
            rows = session.scalars(select(LogRow).order_by(LogRow.id))
            return [(row.outcome, row.reason) for row in rows]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = Database(configured(f"sqlite:///{tmp_path}/test.db", POLICY), busy_timeout=0.2)
    settings = Settings.model_validate(
        {
            "smtp": {"analysers": 1},
            "blobs": {"url": f"file:{tmp_path}/blobs"},
            "web": {"secret_file": f"{tmp_path}/secret"},
        }
    )
    async with open_journey(settings, database) as journey:
        yield House(tmp_path, database, journey.reception, journey.recorder, journey.spool_folder)
    database.close()


async def succeeds_once(house: House, name: str, *, lines: int = 1) -> None:
    """The same mail, sent again now that the fault is gone, and once more."""
    for _ in range(2):
        assert (await house.deliver(name, lines=lines)).startswith("250 2.0.0 SUP-1 created; log ")
    assert house.count(Issue) == 1
    assert house.outcomes()[-2:] == [("created", "thread.new"), ("duplicate", "delivery.duplicate")]


async def test_a_locked_database_is_451(house: House) -> None:
    other = sqlite3.connect(house.folder / "test.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert (await house.deliver("a")).startswith("451 4.3.0 fault.internal: ")
    other.execute("ROLLBACK")
    other.close()
    assert house.outcomes() == []
    await succeeds_once(house, "a")


async def test_a_writer_that_hangs_with_the_lock_is_451(house: House) -> None:
    with (house.folder / "test.db.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert (await house.deliver("a")).startswith("451 4.3.0 fault.internal: ")
    await succeeds_once(house, "a")


async def test_a_full_disk_is_452(house: House) -> None:
    pages = 1 << 30

    def limit(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(house.database.engine, "connect", limit)
    # Below what the database has already: SQLite then takes not one page more.
    pages = 1
    house.database.engine.dispose()
    assert (await house.deliver("a", lines=MANY)).startswith("452 4.3.1 fault.storage: ")
    pages = 1 << 30
    house.database.engine.dispose()
    assert house.outcomes() == []
    await succeeds_once(house, "a", lines=MANY)


async def test_a_blob_folder_that_is_gone_is_452(house: House) -> None:
    shards = [folder for folder in (house.folder / "blobs").iterdir() if folder.name != "spool"]
    assert shards == []
    # Every shard that a transaction id may end in is taken by a file: nothing can be stored there.
    taken = [house.folder / "blobs" / f"{a}{b}" for a in ALPHABET for b in ALPHABET]
    for path in taken:
        path.touch()
    assert (await house.deliver("a", lines=LARGE)).startswith("452 4.3.1 fault.storage: ")
    for path in taken:
        path.unlink()
    assert list(house.spool.glob("0*")) == [], "the spool file is left"
    await succeeds_once(house, "a", lines=LARGE)
    assert check(house.database, FileBlobs(house.folder / "blobs")).is_sound


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


async def test_a_mail_that_we_fail_on_does_not_fail_its_neighbours(house: House) -> None:
    broken = True
    recorder = house.recorder
    answerer = recorder._answerer

    class Failing:
        def __getattr__(self, name: str) -> object:
            return getattr(answerer, name)

        def answer(self, place: Place, *rest: object) -> object:
            if broken and place.facts.message.subject == "evil":
                raise RuntimeError("a bug")
            return answerer.answer(place, *rest)  # type: ignore[arg-type]

    recorder._answerer = Failing()  # type: ignore[assignment]
    writer = Writer(house.database, recorder.record, recorder.record_fault, lambda: None)
    jobs = [mail(subject=subject) for subject in ("good", "evil", "fine")]
    waiting = [writer.submit(job) for job in jobs]  # before it starts: they are one batch
    writer.start()
    replies = [str(reply) for (reply,) in await asyncio.gather(*waiting)]
    assert [reply.partition(";")[0].partition(": ")[0] for reply in replies] == [
        "250 2.0.0 SUP-1 created",
        "451 4.3.0 fault.internal",
        "250 2.0.0 SUP-2 created",
    ]
    broken = False
    again = replace(jobs[1], envelope=make.envelope(transaction_id=new_id(make.NOW)))
    assert str((await writer.submit(again))[0]).startswith("250 2.0.0 SUP-3 created")
    await asyncio.to_thread(writer.stop)
    assert sorted(house.outcomes()) == sorted([("created", "thread.new")] * 3 + [("deferred", "fault.internal")])
