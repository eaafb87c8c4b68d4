"""Fixtures of the journeys that are attacks."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.intake.test_record import World
from tests.journey.attacked import Scene, stage


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return stage(tmp_path_factory.mktemp("attacked") / "scene.db")


@pytest.fixture
def world(scene: Scene, tmp_path: Path) -> Iterator[World]:
    """The scene, for one test to attack."""
    shutil.copy(scene.file, tmp_path / "test.db")
    world = World(f"sqlite:///{tmp_path}/test.db")
    yield world
    world.database.close()
