"""Scanners look at each mail while it is read: small ones, spooled ones, and the what-if afterwards."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from smtpintake.decide.change import merged
from smtpintake.decide.policy import Policy, read_document
from smtpintake.intake.analyser import Analysers
from smtpintake.intake.analysis import analyse
from smtpintake.intake.receive import Reception
from smtpintake.intake.release import by_itself, by_operator, reading, release, resubmitted
from smtpintake.intake.replay import Asked, Replay
from smtpintake.intake.spool import Spool, SpoolSpace
from smtpintake.mail.ids import new_id
from smtpintake.settings import Settings
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.configure import apply
from smtpintake.store.database import Database
from smtpintake.store.held import find_held, waiting_ids
from smtpintake.store.schema import Issue, LogRow, Trace
from smtpintake.wiring import Journey, open_journey, open_judge
from tests import make
from tests.databases import new_sqlite
from tests.scanners import EICAR, Clamd, Rspamd, checked, listening

LARGE = 3 << 20


class Intake:
    """A journey in this process."""

    def __init__(self, settings: Settings, database: Database, journey: Journey) -> None:
        self.settings, self.database = settings, database
        self.reception: Reception = journey.reception
        self.space = SpoolSpace(journey.spool_folder, 1 << 30)

    async def deliver(self, name: str, body: bytes = b"Help!", size: int = 0) -> str:
        head = (
            f"From: cara@customer.example\r\nTo: support@example.org\r\nMessage-ID: <{name}@customer.example>\r\n\r\n"
        )
        spool = Spool(self.space)
        await spool.write(head.encode() + b"x\r\n" * (size // 3))
        await spool.write(body + b"\r\n")
        envelope = make.envelope(transaction_id=new_id(make.NOW))
        return str((await self.reception.receive(envelope, await spool.finish(), None))[0])

    def rows(self, model: Any) -> list[Any]:
        with Session(self.database.engine) as session:
            return list(session.scalars(select(model).order_by(*model.__table__.primary_key)))

    def traces(self, check: str) -> list[tuple[str, str]]:
        return [
            (one["result"], one["detail"])
            for trace in self.rows(Trace)
            for one in trace.findings
            if one["check"] == check
        ]

    def outcomes(self) -> list[tuple[str, str]]:
        return [(row.outcome, row.reason) for row in self.rows(LogRow)]


Open = Callable[..., AbstractAsyncContextManager[Intake]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def open_it(scanner: dict[str, Any], **inbox: Any) -> AsyncIterator[Intake]:
        url = f"sqlite:///{tmp_path}/test.db"
        database = Database(url) if (tmp_path / "test.db").exists() else new_sqlite(url)
        with database.writing() as session:
            apply(session, make.policy(**inbox).document, "test", prune=False, now=make.NOW)
        settings = Settings.model_validate(
            {
                "smtp": {"analysers": 1, "hostname": "mx.example.org"},
                "blobs": {"url": f"file:{tmp_path}/blobs"},
                "web": {"secret_file": f"{tmp_path}/secret"},
                "authentication": {"verify": False},
                "scanner": scanner,
            }
        )
        async with open_journey(settings, database) as journey:
            yield Intake(settings, database, journey)
        database.close()

    return open_it


async def test_a_virus_is_refused_in_a_small_mail_and_in_a_spooled_one(opened: Open, tmp_path: Path) -> None:
    async with listening(Clamd(max_size=2 * LARGE)) as daemon, opened({"clamd": f"127.0.0.1:{daemon.port}"}) as intake:
        assert (await intake.deliver("a")).startswith("250 2.0.0 SUP-1 created")
        assert (await intake.deliver("b", EICAR)).startswith("550 5.7.1 scan.virus: the message carries a virus; log ")
        assert (await intake.deliver("c", EICAR, LARGE)).startswith("550 5.7.1 scan.virus: ")
        assert (await intake.deliver("d", size=LARGE)).startswith("250 2.0.0 SUP-2 created")
        assert [size > LARGE for size in daemon.sizes] == [False, False, True, True]
        assert intake.traces("clamd") == [("clean", ""), *[("virus", "Eicar-Test-Signature")] * 2, ("clean", "")]
    blobs = FileBlobs(tmp_path / "blobs")
    assert len(list(blobs.names())) == 1  # that of the mail that was taken
    assert list((tmp_path / "blobs" / "spool").glob("*/mail-*")) == []


async def test_while_a_scanner_is_down_mail_waits_at_its_sender_or_is_taken_unseen(opened: Open) -> None:
    async with listening(Clamd()) as daemon:
        pass
    scanner = {"clamd": f"127.0.0.1:{daemon.port}"}
    async with opened(scanner) as intake:
        assert (await intake.deliver("a")).startswith("451 4.3.0 scan.failed: the message could not be scanned")
        assert intake.rows(Issue) == []
        async with listening(daemon):
            assert (await intake.deliver("a")).startswith("250 2.0.0 SUP-1 created")
    async with opened(scanner, scan={"failed": "mark"}) as intake:
        assert (await intake.deliver("b")).startswith("250 2.0.0 SUP-2 created")
        assert intake.traces("clamd")[-1][0] == "failed"
        assert intake.outcomes() == [("deferred", "scan.failed"), *[("created", "thread.new")] * 2]


async def test_rspamd_is_heard_and_what_it_said_is_remembered(opened: Open, tmp_path: Path) -> None:
    daemon = Rspamd(checked("add header", 7.5, BAYES_SPAM=5.1))
    async with listening(daemon):
        async with opened({"rspamd": daemon.url}) as intake:
            assert (await intake.deliver("a")).startswith("250 2.0.0 SUP-1 created")
            daemon.reply = checked("reject", 21)
            assert (await intake.deliver("b")).startswith("550 5.7.1 scan.spam: ")
            daemon.reply = checked("soft reject", 4)
            assert (await intake.deliver("c")).startswith("451 4.7.1 scan.later: ")
        seen = len(daemon.requests)
        found = await replayed(intake, tmp_path, {"suspect_score": 7, "suspect": "hold", "spam": "hold"})
    assert {(one.was.reason, one.would_be.outcome, one.would_be.reason) for one in found} == {
        ("thread.new", "held", "scan.suspect"),
        ("scan.spam", "held", "scan.spam"),
    }
    assert len(daemon.requests) == seen == 3


async def replayed(intake: Intake, folder: Path, scan: dict[str, Any]) -> list[Any]:
    database = Database(f"sqlite:///{folder}/test.db")
    snapshots, recorder = open_judge(intake.settings, database)
    document = read_document(make.policy(scan=scan).document.model_dump(exclude_unset=True))
    asked = Asked(Policy(1, merged(snapshots.newest.policy.document, document, prune=False)))
    analysers, blobs = Analysers(1, 10.0), FileBlobs(folder / "blobs")
    try:
        return (await Replay(database, blobs, recorder, analysers, asked).run(make.NOW)).differences
    finally:
        analysers.stop()
        blobs.close()
        database.close()


async def test_what_is_held_for_a_virus_goes_only_by_the_word_of_an_operator(opened: Open, tmp_path: Path) -> None:
    async with (
        listening(Clamd()) as daemon,
        opened({"clamd": f"127.0.0.1:{daemon.port}"}, scan={"virus": "hold"}) as one,
    ):
        assert (await one.deliver("a", EICAR)).startswith("250 2.0.0 held for review")
    database = Database(f"sqlite:///{tmp_path}/test.db")
    snapshots, recorder = open_judge(one.settings, database)
    with database.session() as session:
        (waiting,) = waiting_ids(session.connection(), "", 10)
        held = find_held(session, waiting)
    blobs = FileBlobs(tmp_path / "blobs")
    again = analyse(reading(held, blobs, snapshots.newest.policy))
    alone = release(database, recorder, held, resubmitted(held, again, by_itself(held)))
    assert alone is not None
    assert alone.log_ids == ()
    released = release(database, recorder, held, resubmitted(held, again, by_operator(held, as_new=False)))
    assert released is not None
    assert len(released.log_ids) == 1
    blobs.close()
    database.close()
