"""Migrations: they make what the models say, on both databases, once, whole or not at all, from wherever they run."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from smtpintake.resources import resource
from smtpintake.store import migrations
from smtpintake.store.database import Database
from smtpintake.store.schema import Project
from smtpintake.store.types import Table


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/tracker.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def test_a_migrated_database_is_what_the_models_say(database: Database) -> None:
    assert migrations.migrate(database) is None
    assert migrations.current(database) == migrations.newest()
    assert migrations.is_current(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_migrating_again_keeps_every_row(database: Database) -> None:
    migrations.migrate(database)
    with database.writing() as session:
        session.add(Project(key="SUP", name="Support"))
    assert migrations.migrate(database) == migrations.newest()
    with database.session() as session:
        assert session.get(Project, 1) is not None


def test_an_empty_database_is_not_current(database: Database) -> None:
    assert migrations.current(database) is None
    assert not migrations.is_current(database)


def test_processes_that_start_together_migrate_once(url: str) -> None:
    before: list[str | None] = []
    barrier = threading.Barrier(4, timeout=30)

    def start() -> None:
        database = Database(url)
        barrier.wait()
        before.append(migrations.migrate(database))
        database.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, before)) == sorted(map(str, [None, *[migrations.newest()] * 3]))


def test_a_migration_that_fails_leaves_nothing(database: Database) -> None:
    # "trace" comes last: by then all other tables of the first revision are made.
    with database.write() as connection:
        connection.execute(text("CREATE TABLE trace (id INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        migrations.migrate(database)
    assert inspect(database.engine).get_table_names() == ["trace"]


def test_a_newer_schema_is_left_alone(database: Database) -> None:
    migrations.migrate(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrations.UnknownRevisionError, match="9999"):
        migrations.migrate(database)
    assert not migrations.is_current(database)


def test_every_migration_can_be_undone(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    from smtpintake.resources import resource

    migrations.migrate(database)
    with database.write() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(resource("alembic")))
        command.downgrade(config, "base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]


def test_the_folder_does_not_shadow_the_library() -> None:
    assert not (Path(__file__).parents[2] / "alembic" / "__init__.py").exists()


def test_a_path_with_a_percent_sign_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "100%"
    odd.symlink_to(Path(__file__).parents[2] / "alembic")
    monkeypatch.setattr(migrations, "resource", lambda _: odd)
    database = Database(f"sqlite:///{tmp_path}/tracker.db")
    migrations.migrate(database)
    assert migrations.is_current(database)
    database.close()


def test_the_revisions_that_the_code_knows_are_those_there_are() -> None:
    scripts = ScriptDirectory(str(resource("alembic")))
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(migrations.REVISIONS))
    assert scripts.get_current_head() == migrations.newest()
