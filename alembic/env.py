"""Alembic's entry: runs the migrations on a connection, or compares the models with a database.

`smtpintake migrate` passes the connection of a writing transaction in `config.attributes`. The `alembic` command of a
developer has none; it takes `-x url=…`.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection
from sqlmodel.sql.sqltypes import AutoString

import smtpintake.store.schema  # noqa: F401  registers the tables
from smtpintake.store.database import Database
from smtpintake.store.types import Table, UtcDateTime


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Migrations name plain SQLAlchemy types, so that a later change of ours doesn't rewrite history."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    return False


def run(connection: Connection) -> None:
    """All migrations in the one transaction that the connection is in: SQLite and PostgreSQL can both undo DDL."""
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_item=render_item,
        render_as_batch=True,
        transactional_ddl=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(context.get_x_argument(as_dictionary=True)["url"]).write() as own:
        run(own)
