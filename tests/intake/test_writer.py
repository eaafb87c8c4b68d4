"""The writer thread outlives whatever happens to it."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from smtpintake.intake.writer import Writer
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import OK, REFUSALS, Replies
from smtpintake.store.database import Database


@dataclass(frozen=True)
class Job:
    transaction_id: str = "0" * 16


def record(connection: Connection, jobs: Sequence[Job]) -> list[Replies]:
    return [(OK,) for _ in jobs]


def record_fault(connection: Connection, job: Job, reason: Reason, detail: str) -> Replies:
    return (REFUSALS[reason],)


async def test_a_policy_that_cannot_be_read_does_not_end_it(tmp_path: Path) -> None:
    looked = threading.Event()

    def look() -> None:
        looked.set()
        raise ValueError("a policy of a newer version")

    database = Database(f"sqlite:///{tmp_path}/test.db")
    writer = Writer[Job](database, record, record_fault, look)
    writer.start()
    assert looked.wait(60)
    assert await asyncio.wait_for(writer.submit(Job()), 60) == (OK,)
    writer.stop()
    database.close()
