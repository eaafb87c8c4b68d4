"""Column types, and the naming convention that migrations rely on.

Contract: a moment is aware UTC on both sides of `UtcDateTime`, on every database (SQLite gives back naive ones); JSON
columns hold plain lists and dicts; enums are stored as their string values, so that adding one needs no migration.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import DateTime, Dialect, Index, MetaData, text
from sqlalchemy import Table as CoreTable
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """The base of every table, with a metadata of our own that carries the naming convention."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    __table__: ClassVar[CoreTable]  # what the writer inserts into, many rows at a time


def given_only(name: str, column: str, *, unique: bool = False) -> Index:
    """An index of the rows where `column` is given: the others, most of them, cost nothing when they are written."""
    given = text(f"{column} IS NOT NULL")
    return Index(name, column, unique=unique, sqlite_where=given, postgresql_where=given)


def stored_moment(value: str | datetime | None) -> datetime | None:
    """A moment as a driver gives it, past SQLAlchemy: SQLite has it as text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC)


def _written(moment: datetime | None) -> str | None:
    """As SQLite has it: `2026-03-02 10:00:00.000000`."""
    return None if moment is None else _in_utc(moment).replace(tzinfo=None).isoformat(" ", "microseconds")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. Takes and gives aware UTC; a naive datetime is a bug and raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _in_utc(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        # A mail has ten moments. SQLAlchemy's own way to the same text takes two calls and a dict for each.
        return _written if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return stored_moment(value)
