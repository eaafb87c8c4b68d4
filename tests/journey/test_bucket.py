"""Large mails in a bucket: there before the 250, gone with a refusal, and read again where they are asked for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smtpintake.intake.analyser import Analysers
from smtpintake.intake.replay import Asked, Replay
from smtpintake.settings import Settings
from smtpintake.store.blobs import open_blobs
from smtpintake.store.configure import apply
from smtpintake.wiring import open_journey, open_judge
from tests import make
from tests.databases import new_sqlite
from tests.journey.test_storage_faults import LARGE, House

pytest.importorskip("obstore", reason="obstore is not installed: uv sync --extra s3")


@pytest.fixture
def settings(bucket_url: str, tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "smtp": {"analysers": 1},
            "blobs": {"url": bucket_url, "spool": f"{tmp_path}/spool"},
            "web": {"secret_file": f"{tmp_path}/secret"},
            "authentication": {"verify": False},
        }
    )


@pytest.fixture
async def house(settings: Settings, tmp_path: Path) -> AsyncIterator[House]:
    database = new_sqlite(f"sqlite:///{tmp_path}/test.db")
    with database.writing() as session:
        apply(session, make.policy(denied_senders=["eve@"]).document, "test", prune=False, now=make.NOW)
    async with open_journey(settings, database) as journey:
        yield House(tmp_path, database, journey.reception, journey.recorder, journey.spool_folder)
    database.close()


async def test_a_large_mail_is_in_the_bucket_once(house: House, settings: Settings, tmp_path: Path) -> None:
    assert (await house.deliver("a", lines=LARGE)).startswith("250 2.0.0 SUP-1 created")
    assert (await house.deliver("a", lines=LARGE)).startswith("250 2.0.0 SUP-1 created")
    assert (await house.deliver("b")).startswith("250 2.0.0 SUP-2 created")
    blobs = open_blobs(settings.blobs.url, tmp_path / "spool")
    (name,) = blobs.names()
    assert len(blobs.read(name, 0, 1 << 20)) > LARGE * 70
    blobs.close()
    assert [mark.name for mark in house.spool.glob("adopted/*")] == []


async def test_it_is_judged_again_from_there(house: House, settings: Settings, tmp_path: Path) -> None:
    await house.deliver("a", lines=LARGE)
    snapshots, recorder = open_judge(settings, house.database)
    analysers, blobs = Analysers(1, 10.0), open_blobs(settings.blobs.url, tmp_path / "spool")
    asked = Asked(snapshots.newest.policy)
    replayed = await Replay(house.database, blobs, recorder, analysers, asked).run(make.NOW)
    analysers.stop()
    blobs.close()
    assert (replayed.mails, replayed.differences, replayed.passed) == (1, [], [])


async def test_a_bucket_that_is_away_is_452(settings: Settings, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    async with open_journey(settings, house.database) as journey:
        far = House(house.folder, house.database, journey.reception, journey.recorder, journey.spool_folder)
        assert (await far.deliver("a", lines=LARGE)).startswith("452 4.3.1 fault.storage: ")
        assert (await far.deliver("b")).startswith("250 2.0.0 SUP-1 created"), "small ones are rows"
