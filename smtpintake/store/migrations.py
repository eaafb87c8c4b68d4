"""The schema's versions: brings a database to the newest one, and says which one it has.

Contract: `migrate` is one transaction, so it happens wholly or not at all, and processes that start together queue for
it. It works from a wheel as from a checkout. A database of a newer smtpintake is never touched.
"""

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from smtpintake.resources import resource
from smtpintake.store.database import Database

# Any number will do, as long as it is ours and stays: the key of PostgreSQL's advisory lock around a migration.
_LOCK_KEY: Final = 2525_0001


class UnknownRevisionError(Exception):
    """The database has a schema that this smtpintake doesn't know: it was written by a newer one."""


def migrate(database: Database) -> str | None:
    """Brings the schema to the newest revision. Returns the one it had: None for an empty database.

    Raises UnknownRevisionError, and sqlalchemy's OperationalError where the database can't be reached or written.
    """
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        before = _revision(connection)
        if before is not None and before not in _known():
            raise UnknownRevisionError(f"the database has schema {before}, which this version of smtpintake lacks")
        if before != newest():
            command.upgrade(_config(connection), "head")
        return before


def current(database: Database) -> str | None:
    """The revision of the database's schema, None where it has none yet."""
    with database.engine.connect() as connection:
        return _revision(connection)


def newest() -> str:
    """The revision that this smtpintake works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise FileNotFoundError("this installation of smtpintake has no migrations; install it again")
    return head


def is_current(database: Database) -> bool:
    return current(database) == newest()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(resource("alembic")).replace("%", "%%"))
    return config
