"""The engine, and the two ways in: `Database.session` to work with rows, `Database.write` for a transaction that
writes.

Contract: one Database a process. On SQLite every writing transaction begins with BEGIN IMMEDIATE and, before that,
takes an advisory lock on a file beside the database: writers of several processes then queue in the kernel instead of
spinning in SQLite's busy handler (measured: 1,441 against 935 transactions/s, p99 28 against 143 ms). On PostgreSQL
rows lock themselves. A database that cannot be reached or written raises sqlalchemy's OperationalError; the intake
answers it with 4yz.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from pydantic_core import to_json
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, func, make_url, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from smtpintake.store.prepared import Prepared

# Seconds that a writer waits for another process's transaction before it gives up with "database is locked".
BUSY_TIMEOUT: Final = 10.0
_LOCK_POLL: Final = 0.002
_CHECKPOINT_PAGES: Final = 8000  # of 4 KiB; so large the write-ahead log grows before it goes into the database file


class Database:
    """An engine with its dialect's manners. `url` is an SQLAlchemy URL; `lock` None where the database locks by
    itself.
    """

    def __init__(self, url: str, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self.url: Final[URL] = make_url(url)
        self.engine: Final[Engine] = _engine(self.url, busy_timeout)
        self._busy_timeout: Final = busy_timeout
        self.is_sqlite: Final = self.url.get_backend_name() == "sqlite"
        self._lock_path: Final = _lock_path(self.url) if self.is_sqlite else None

    def session(self) -> Session:
        """A session to read with. Its changes are lost unless it is `writing()`."""
        return Session(self.engine)

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """A Core connection for one `Prepared` statement that only reads, in no transaction: PostgreSQL would have to
        be told to begin one and to end it, which takes longer than the reading.
        """
        with self.engine.connect() as connection:
            if not self.is_sqlite:  # where none begins by itself
                connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A Core connection in a writing transaction: committed on a normal exit, rolled back on an exception."""
        with self._locked(), self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session in a writing transaction: committed on a normal exit, rolled back on an exception."""
        with self.write() as connection, Session(connection, join_transaction_mode="rollback_only") as session:
            yield session
            session.flush()

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self._lock_path is None:
            yield
            return
        # A description of its own each time: a lock on a shared one would not keep out another thread of ours.
        lock = os.open(self._lock_path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._take(lock)
            yield
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        """The advisory lock, within the busy timeout: a process that hangs with it must not hang us, too."""
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise OperationalError("flock", None, error) from error
                time.sleep(_LOCK_POLL)
            else:
                return


def allocate(connection: Connection, table: Table, count: int) -> range:
    """`count` fresh integer ids for `table`, so that rows which point at each other can be inserted many at a time.

    On SQLite the writing transaction is the only one, so the ids follow the greatest; on PostgreSQL the sequence gives
    them.
    """
    if not count:
        return range(0)
    if connection.dialect.name == "sqlite":
        first = _greatest(table).rows(connection)[0][0] + 1
        return range(first, first + count)
    # One block: between nextval and setval of two transactions ids could be given twice, but for the lock.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": table.name})
    sequence = f"{table.name}_id_seq"
    last = connection.execute(
        text("SELECT setval(:sequence, nextval(:sequence) + :more)"), {"sequence": sequence, "more": count - 1}
    ).scalar_one()
    return range(last - count + 1, last + 1)


@cache
def _greatest(table: Table) -> Prepared:
    return Prepared(select(func.coalesce(func.max(table.c.id), 0)))


def is_missing(url: str) -> bool:
    """True for a database in a file that is not there: opening it would make one."""
    found = make_url(url)
    return found.get_backend_name() == "sqlite" and not Path(found.database or "").exists()


def _engine(url: URL, busy_timeout: float) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, json_serializer=_json)
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    connect = {"timeout": busy_timeout, "check_same_thread": False}
    engine = create_engine(url, connect_args=connect, json_serializer=_json)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _json(value: object) -> str:
    # A mail has eight such columns; the standard library builds an encoder for each, and takes six times as long.
    return to_json(value).decode()


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver begins no transaction by itself: BEGIN IMMEDIATE is ours to say.
    connection.isolation_level = None
    cursor = connection.cursor()
    # A checkpoint makes a commit wait; a page that many mails changed is copied once (measured with 20 sessions: 1.1 ms
    # a mail in commits with the default of 1,000 pages, 0.45 ms so).
    cursor.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-16384"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that begins as a reader and then writes can fail at once with "database is locked", whatever the
    # timeout.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock_path(url: URL) -> Path | None:
    if not url.database or url.database == ":memory:":
        return None
    return Path(f"{url.database}.lock")
