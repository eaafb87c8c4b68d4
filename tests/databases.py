"""Databases at the newest schema: migrated once a process, and copied for each test."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url

from smtpintake.decide.policy import read_document
from smtpintake.store.configure import apply
from smtpintake.store.database import Database
from smtpintake.store.migrations import migrate
from tests import make
from tests.postgres import Restored, new_database


@cache
def _schema() -> bytes:
    """SQLite's file."""
    database = Database("sqlite://")
    migrate(database)
    with database.engine.connect() as connection:
        octets: bytes = _driver(connection).serialize()
    database.close()
    return octets


def _driver(connection: Any) -> Any:
    """The connection of the module sqlite3."""
    return connection.connection.driver_connection


def new_sqlite(url: str = "sqlite://") -> Database:
    """A new database in memory, or in the file that `url` names."""
    database = Database(url)
    if database.url.database is None:
        with database.engine.connect() as connection:
            _driver(connection).deserialize(_schema())
    else:
        Path(database.url.database).write_bytes(_schema())
    return database


def configured(url: str, policy: dict[str, Any]) -> str:
    """A new SQLite database at `url`, with `policy` in force."""
    path = make_url(url).database
    assert path is not None
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(_configured(json.dumps(policy)))
    return url


@cache
def _configured(policy: str) -> bytes:
    database = new_sqlite()
    put_in_force(database, json.loads(policy))
    with database.engine.connect() as connection:
        octets: bytes = _driver(connection).serialize()
    database.close()
    return octets


def put_in_force(database: Database, policy: dict[str, Any]) -> None:
    with database.writing() as session:
        apply(session, read_document(policy), "test", prune=False, now=make.NOW)


@pytest.fixture(scope="session")
def postgres_schema(postgres_admin: Engine) -> Iterator[str]:
    """The name of a database with nothing but the schema."""
    for url in new_database(postgres_admin):
        database = Database(url)
        migrate(database)
        database.close()
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def postgres_restored(postgres_admin: Engine, postgres_schema: str) -> Iterator[Restored]:
    """A database with nothing but the schema, for one test after the other."""
    for url in new_database(postgres_admin, postgres_schema):
        restored = Restored(url)
        yield restored
        restored.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the test's own, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/test.db"
        new_sqlite(url).close()
        yield url
    else:
        yield from request.getfixturevalue("postgres_restored").used()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()
