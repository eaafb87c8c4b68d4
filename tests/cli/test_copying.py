"""`copy-to`: every row of an SQLite database comes to PostgreSQL, or none."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, select

from smtpintake.store.database import Database
from smtpintake.store.moving import TABLES
from smtpintake.store.schema import Project
from tests.cli.conftest import Run

HERE = "sqlite:///var/smtpintake.db"


@pytest.fixture
def target(postgres_url: str) -> Iterator[Database]:
    with closing(Database(postgres_url)) as database:
        yield database


def rows(connection: Connection) -> dict[str, list[str]]:
    """Every row, by table."""
    return {table.name: sorted(map(repr, connection.execute(select(table)))) for table in TABLES}


def test_every_row_is_copied_and_the_next_ids_are_new(tracker: None, command: Run, target: Database) -> None:
    url = target.url.render_as_string(hide_password=False)
    status, out, err = command("copy-to", url)
    assert (status, err) == (0, "")
    assert out.endswith("name it in [database]\n")
    with closing(Database(HERE)) as source, source.engine.connect() as before, target.engine.connect() as after:
        there = rows(after)
        assert there == rows(before)
    assert all(there[name] for name in ("project", "issue", "comment", "attachment", "raw_mail", "maillog", "trace"))
    with target.writing() as session:
        session.add(Project(key="NEW", name="New"))
    status, _, err = command("copy-to", url)
    assert (status, err) == (1, "smtpintake: the database to copy to is in use: there are rows in held_review\n")


def test_a_database_that_somebody_works_with_is_not_copied(tracker: None, command: Run, target: Database) -> None:
    url = target.url.render_as_string(hide_password=False)
    with closing(sqlite3.connect("var/smtpintake.db")) as server:
        server.execute("SELECT * FROM project").fetchall()
        refused = (1, "", "smtpintake: another process has the database open: stop the server first\n")
        assert command("copy-to", url) == refused
    assert command("copy-to", url)[0] == 0
    assert command("issue", "list")[0] == 0  # the old one can be used as before


def test_only_from_sqlite_to_postgresql(
    migrated: None, command: Run, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("copy-to", "sqlite:///other.db")[0] == 2
    url = target.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SMTPINTAKE_DATABASE__URL", url)
    assert command("copy-to", url)[::2] == (
        1,
        "smtpintake: the database that the settings name is not on SQLite\n",
    )
