"""The schema's versions: brings a database to the newest one, and says which one it has.

Contract: `migrate` is one transaction, so it happens wholly or not at all, and processes that start together queue for
it. It works from a wheel as from a checkout. A database of a newer smtpintake is never touched.
"""

from typing import Final

from sqlalchemy import Connection, inspect, text

from smtpintake.resources import resource
from smtpintake.store.database import Database
from smtpintake.store.readiness import NotReadyError, UnknownRevisionError

# Every revision there is, oldest first, so that a start need not load alembic to see that nothing is to be done.
REVISIONS: Final = ("0001",)

# Any number will do, as long as it is ours and stays: the key of PostgreSQL's advisory lock around a migration.
_LOCK_KEY: Final = 2525_0001
_TABLE: Final = "alembic_version"
_OLDER: Final = "the database is not at the newest schema: run 'smtpintake migrate'"


def open_current(url: str) -> Database:
    """The database at `url`, at the newest schema; an older one is left alone, as a server of the version before may be
    at work on it.

    Raises NotReadyError, UnknownRevisionError, and sqlalchemy's OperationalError.
    """
    return _checked(Database(url))


def open_served(url: str) -> Database:
    """As `open_current`, for what serves mail: on SQLite it brings the schema there, elsewhere the admin says when."""
    database = Database(url)
    if database.is_sqlite and not is_current(database):
        migrate(database)
    return _checked(database)


def _checked(database: Database) -> Database:
    has = current(database)
    if has != newest():
        database.close()
        raise _unknown(has) if has and has not in REVISIONS else NotReadyError(_OLDER)
    return database


def migrate(database: Database) -> str | None:
    """Brings the schema to the newest revision. Returns the one it had: None for an empty database.

    Raises UnknownRevisionError, and sqlalchemy's OperationalError where the database can't be reached or written.
    """
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        before = _revision(connection)
        if before is not None and before not in REVISIONS:
            raise _unknown(before)
        if before != newest():
            _upgrade(connection)
        return before


def _unknown(revision: str) -> UnknownRevisionError:
    return UnknownRevisionError(f"the database has schema {revision}, which this version of smtpintake lacks")


def current(database: Database) -> str | None:
    """The revision of the database's schema, None where it has none yet."""
    with database.engine.connect() as connection:
        return _revision(connection)


def newest() -> str:
    """The revision that this smtpintake works with."""
    return REVISIONS[-1]


def is_current(database: Database) -> bool:
    return current(database) == newest()


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_TABLE):
        return None
    revision = connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()  # noqa: S608 - a constant
    return None if revision is None else str(revision)


def _upgrade(connection: Connection) -> None:
    # Loaded here: alembic takes a fifth of a command's start, and is needed once in a database's life.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(resource("alembic")).replace("%", "%%"))
    command.upgrade(config, "head")
