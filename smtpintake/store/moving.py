"""Every row of an SQLite database into an empty PostgreSQL one: for an installation that grows.

Contract: all of it or nothing, in one transaction on either side. Nobody else has the source open meanwhile, so no mail
that was accepted is left behind, and it stays as it is. Blobs and the secret are files, and are not moved.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.exc import OperationalError

from smtpintake.store import schema
from smtpintake.store.database import Database
from smtpintake.store.migrations import current, migrate, newest
from smtpintake.store.readiness import NotReadyError

# Those that others refer to come first.
TABLES: Final[tuple[Table, ...]] = tuple(schema.Project.metadata.sorted_tables)
_BATCH: Final = 1000  # rows: a raw mail that is no blob has 256 KiB at the most


def copy_rows(source: Database, target: Database) -> Mapping[str, int]:
    """How many rows of each table were copied. `source` is on SQLite at the newest schema, `target` on PostgreSQL.

    Raises NotReadyError where somebody works with the source, or the target has rows or an older schema, and
    sqlalchemy's DBAPIError.
    """
    with _alone(source) as reading:
        if current(target) is None:
            migrate(target)
        elif current(target) != newest():
            raise NotReadyError("the database to copy to is not at the newest schema")
        with target.write() as writing:
            if filled := next((table.name for table in TABLES if _count(writing, table)), None):
                raise NotReadyError(f"the database to copy to is in use: there are rows in {filled}")
            return {table.name: _copy(reading, writing, table) for table in TABLES}


@contextmanager
def _alone(source: Database) -> Iterator[Connection]:
    """A transaction on `source` while no other connection to it is open, of any process. Raises NotReadyError."""
    with source.engine.connect().execution_options(writes=True) as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        connection.detach()  # from the pool: it is closed in the end, which gives the lock back
        # Then a writing transaction locks the whole file, and whoever has it open is in the way.
        driver.execute("PRAGMA locking_mode=EXCLUSIVE")
        driver.execute("PRAGMA busy_timeout=0")
        try:
            transaction = connection.begin()
        except OperationalError as error:
            raise NotReadyError("another process has the database open: stop the server first") from error
        with transaction:
            yield connection


def _copy(reading: Connection, writing: Connection, table: Table) -> int:
    for batch in reading.execute(select(table)).mappings().partitions(_BATCH):
        writing.execute(insert(table), [dict(row) for row in batch])
    copied, there = _count(writing, table), _count(reading, table)
    if copied != there:
        raise RuntimeError(f"{copied} of {there} rows of {table.name} were copied")
    if copied and table.autoincrement_column is not None:
        greatest = writing.execute(select(func.max(table.autoincrement_column))).scalar_one()
        writing.execute(text("SELECT setval(:sequence, :last)"), {"sequence": f"{table.name}_id_seq", "last": greatest})
    return copied


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()
