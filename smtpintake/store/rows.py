"""`Rows`: what a batch of mails adds to the database, gathered first and written with one multi-row insert a table.

Contract: rows are plain dicts of column values, complete (the tables' Python defaults are not asked). `insert` writes
them in the order in which tables point at each other. Rows that may exist already (a Message-ID that is known, somebody
who takes part already) are passed over where their unique key is taken.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, Insert
from sqlalchemy.dialects import postgresql, sqlite

from smtpintake.store.schema import (
    Attachment,
    Comment,
    Issue,
    IssueLink,
    LogRow,
    OutboxMail,
    Participant,
    Person,
    PersonAddress,
    RawMail,
    ThreadKey,
    Trace,
)
from smtpintake.store.types import Table as Model

# What is pointed at comes before what points at it.
_ORDER: Final[tuple[type[Model], ...]] = (
    Person,
    PersonAddress,
    RawMail,
    Issue,
    Comment,
    LogRow,
    Trace,
    Attachment,
    ThreadKey,
    Participant,
    IssueLink,
    OutboxMail,
)
_MAY_EXIST: Final[frozenset[type[Model]]] = frozenset((ThreadKey, Participant, IssueLink))

Values = Mapping[str, object]


def _insert(dialect: str, model: type[Model]) -> Insert:
    if model not in _MAY_EXIST:
        return model.__table__.insert()
    if dialect == "sqlite":
        return sqlite.insert(model.__table__).on_conflict_do_nothing()
    return postgresql.insert(model.__table__).on_conflict_do_nothing()


# Built once, so that SQLAlchemy compiles each once.
_STATEMENTS: Final = {
    dialect: {model: _insert(dialect, model) for model in _ORDER} for dialect in ("sqlite", "postgresql")
}


class Rows:
    """Rows waiting to be written together."""

    def __init__(self) -> None:
        self._rows: Final[dict[type[Model], list[Values]]] = defaultdict(list)

    def add(self, model: type[Model], **values: object) -> None:
        self._rows[model].append(values)

    def insert(self, connection: Connection) -> None:
        """Write all of them. Raises sqlalchemy's IntegrityError where a unique key is taken, with nothing to clean up:
        the caller's transaction or savepoint is rolled back.
        """
        statements = _STATEMENTS[connection.dialect.name]
        for model in _ORDER:
            if rows := self._rows.get(model):
                connection.execute(statements[model], rows)
