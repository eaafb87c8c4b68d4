"""An intake with held mail, and somebody who looks after it; on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from smtpintake.decide.policy import read_document
from smtpintake.intake.analysis import analyse
from smtpintake.intake.record import Released
from smtpintake.intake.release import by_itself, by_operator, reading, release, resubmitted
from smtpintake.intake.submission import Submission
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.configure import apply
from smtpintake.store.held import Held, find_held, waiting_ids
from smtpintake.store.schema import LogRow, Trace
from tests import make
from tests.intake.test_record import World

LATER = make.NOW + timedelta(hours=5)


def policy(*people: dict[str, Any], **support: Any) -> dict[str, Any]:
    inbox = {"project": "SUP", "require": "none", "auto_reply": {"least_proof": "none"}}
    return {
        "project": [{"key": "SUP", "name": "Support"}],
        "inbox": [
            {**inbox, "name": "support", "addresses": ["support@example.org", "help@example.org"]}
            | {"unknown_senders": "hold"}
            | support,
            {**inbox, "name": "open", "addresses": ["open@example.org"], "unknown_senders": "create"},
            {**inbox, "name": "replies", "addresses": ["replies@example.org"], "unmatched": "hold"}
            | {"unknown_senders": "create"},
        ],
        "person": [{"name": "Ana", "addresses": ["ana@example.org"], "roles": {"SUP": "agent"}}, *people],
    }


CARA = {"name": "Cara", "addresses": ["cara@customer.example"]}


class Office(World):
    """A World with held mail, and with somebody who looks after it."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url)
        self.blobs = FileBlobs(folder / "blobs")
        self.configure()

    def configure(self, *people: dict[str, Any], **support: Any) -> None:
        with self.database.writing() as session:
            apply(session, read_document(policy(*people, **support)), "test", prune=False, now=make.NOW)

    def waiting(self) -> list[str]:
        with self.database.engine.connect() as connection:
            return waiting_ids(connection, "", 100)

    def find(self, log_id: str) -> Held:
        with self.database.session() as session:
            return find_held(session, log_id)

    def again(self, held: Held, *, as_new: bool = False, alone: bool = False) -> Submission:
        analysis = analyse(reading(held, self.blobs, self.snapshots.newest.policy))
        return resubmitted(held, analysis, by_itself(held) if alone else by_operator(held, as_new=as_new))

    def release(self, log_id: str = "", *, as_new: bool = False, alone: bool = False) -> Released | None:
        held = self.find(log_id or self.waiting()[0])
        return release(self.database, self.recorder, held, self.again(held, as_new=as_new, alone=alone))

    def row(self, log_id: str) -> LogRow:
        (row,) = [row for row in self.rows(LogRow) if row.id == log_id]
        return row

    def trace(self, log_id: str) -> list[dict[str, str]]:
        (trace,) = [trace for trace in self.rows(Trace) if trace.log_id == log_id]
        return trace.findings


def opened(url: str, folder: Path) -> Iterator[Office]:
    """On the database at `url`, for a fixture."""
    office = Office(url, folder)
    yield office
    office.blobs.close()
    office.database.close()
