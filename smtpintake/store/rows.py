"""`Rows`: what a batch of mails adds to the database, gathered first and written with one multi-row insert a table.

Contract: rows are plain dicts of column values, complete (the tables' Python defaults are not asked). `insert` writes
them in the order in which tables point at each other. Rows that may exist already (a Message-ID that is known, somebody
who takes part already, what was known of a held mail when it came) are passed over where their unique key is taken.
"""

from collections import defaultdict
from functools import cache
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from smtpintake.store.prepared import Prepared, Values
from smtpintake.store.schema import (
    Attachment,
    Comment,
    Event,
    Issue,
    IssueLink,
    LogRow,
    OutboxMail,
    Participant,
    PastFacts,
    Person,
    PersonAddress,
    PersonRole,
    RawMail,
    ThreadKey,
    Trace,
)
from smtpintake.store.types import Table as Model

# What is pointed at comes before what points at it.
_ORDER: Final[tuple[type[Model], ...]] = (
    Person,
    PersonAddress,
    PersonRole,
    RawMail,
    Issue,
    Comment,
    LogRow,
    Trace,
    PastFacts,
    Attachment,
    ThreadKey,
    Participant,
    IssueLink,
    Event,
    OutboxMail,
)
_MAY_EXIST: Final[frozenset[type[Model]]] = frozenset((ThreadKey, Participant, IssueLink, PastFacts))


@cache
def _insert(dialect: str, model: type[Model], columns: tuple[str, ...]) -> Prepared:
    if model not in _MAY_EXIST:
        return Prepared(model.__table__.insert(), columns)
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return Prepared(insert(model.__table__).on_conflict_do_nothing(), columns)


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
        for model in _ORDER:
            if rows := self._rows.get(model):
                _insert(connection.dialect.name, model, tuple(rows[0])).many(connection, rows)
