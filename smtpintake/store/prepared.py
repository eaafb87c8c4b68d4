"""`Prepared`: a Core statement that is compiled once for each dialect and then run on the driver's own cursor.

Contract: for the writer, which runs the same twenty statements for every batch. SQLAlchemy's way to a cursor costs
three to six times what SQLite needs for a small statement; what it knows stays in use: the SQL is compiled from the
tables, values go through the column types, and the driver's errors come as SQLAlchemy's. A statement joins the
transaction that its connection is in.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import BigInteger, BindParameter, Connection, Dialect, String, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement, ColumnElement
from sqlalchemy.types import JSON, NULLTYPE, TypeDecorator, TypeEngine

Values = Mapping[str, object]
Row = tuple[Any, ...]


class _Several(TypeDecorator[list[Any]]):
    """A list as one parameter: an array on PostgreSQL, a JSON text on SQLite."""

    impl = JSON
    cache_ok = True

    def __init__(self, item: type[TypeEngine[Any]]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return ARRAY(self.item()) if dialect.name == "postgresql" else JSON()


class among(ColumnElement[Any]):  # noqa: N801 - reads as an operator
    """`column` is one of the values of a list parameter: one text of SQL, whatever the number of values."""

    inherit_cache = True
    type: TypeEngine[Any] = NULLTYPE  # a Boolean would be compared with 1 on SQLite, past every index

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        item = BigInteger if column.type.python_type is int else String
        self.column = column
        self.values: BindParameter[list[Any]] = bindparam(name, type_=_Several(item))


@compiles(among)
def _as_table(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = compiler.process(element.column, **options), compiler.process(element.values, **options)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are compiled SQL


@compiles(among, "postgresql")
def _as_array(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = compiler.process(element.column, **options), compiler.process(element.values, **options)
    return f"{column} = ANY ({values})"


class Prepared:
    """`statement` with the parameters that it names; an INSERT with `columns`."""

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        self._statement: Final = statement
        self._columns: Final = columns
        self._compiled: Final[dict[str, _Compiled]] = {}

    def rows(self, connection: Connection, **values: object) -> list[Row]:
        """What the statement selects or returns."""
        compiled = self._for(connection)
        with _cursor(connection, compiled.sql) as cursor:
            cursor.execute(compiled.sql, compiled.bind(values))
            return list(cursor.fetchall())

    def many(self, connection: Connection, several: Sequence[Values]) -> None:
        """Run it once for each of `several`, in one call of the driver."""
        compiled = self._for(connection)
        with _cursor(connection, compiled.sql) as cursor:
            cursor.executemany(compiled.sql, [compiled.bind(values) for values in several])

    def _for(self, connection: Connection) -> "_Compiled":
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._statement, dialect, self._columns)
        return compiled


def asked(statement: Prepared, connection: Connection, wanted: Iterable[str], **values: object) -> list[Row]:
    """The rows for what is `wanted`; nothing is asked where that is nothing."""
    several = list(wanted)
    return statement.rows(connection, wanted=several, **values) if several else []


class _Compiled:
    """The SQL for one dialect, and how values become the driver's parameters."""

    def __init__(self, statement: ClauseElement, dialect: Dialect, columns: Sequence[str] | None) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) if columns else None)
        assert isinstance(compiled, SQLCompiler)
        self.sql: Final = str(compiled)
        types = {name: bind.type for bind, name in compiled.bind_names.items()}
        self._names: Final = list(compiled.positiontup or types)
        self._positional: Final = compiled.positiontup is not None
        self._pick: Final = _picker(self._names)
        processors = [types[name].dialect_impl(dialect).bind_processor(dialect) for name in self._names]
        self._processors: Final = [(i, process) for i, process in enumerate(processors) if process is not None]
        # What the statement itself fixes, such as the words of a CASE.
        self._fixed: Final = {name: value for name, value in compiled.params.items() if value is not None}

    def bind(self, values: Values) -> Any:
        """The driver's parameters for one run. Raises KeyError where a value is missing."""
        if self._fixed:
            values = {**self._fixed, **values}
        bound = list(self._pick(values))
        for i, process in self._processors:
            bound[i] = process(bound[i])
        return bound if self._positional else dict(zip(self._names, bound, strict=True))


def _picker(names: Sequence[str]) -> Callable[[Values], Iterable[Any]]:
    """What takes the values of `names` out of a row, in order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: [values[name] for name in names]


@contextmanager
def _cursor(connection: Connection, sql: str) -> Iterator[DBAPICursor]:
    """A cursor of the driver, inside the connection's transaction. Its errors are raised as sqlalchemy's."""
    driver = connection.dialect.loaded_dbapi
    cursor = connection.connection.cursor()
    try:
        yield cursor
    except driver.Error as error:
        raise DBAPIError.instance(sql, None, error, driver.Error, dialect=connection.dialect) from error
    finally:
        cursor.close()
