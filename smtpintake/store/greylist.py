"""The greylist's rows: who was told to come again, and which networks did.

Contract: plain reads and writes in the caller's transaction. A row that is there already is brought up to date.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from smtpintake.store.schema.greylist import Greylisted, ProvenNetwork
from smtpintake.store.types import Table

_tries, _networks = Greylisted.__table__, ProvenNetwork.__table__


@dataclass(frozen=True, slots=True)
class Triplet:
    """Who sends as whom to what: a client's network, a reverse-path (folded, empty for the null one), an inbox."""

    network: str
    reverse_path: str
    inbox: str


def first_seen(connection: Connection, triplet: Triplet) -> datetime | None:
    """When it was told to come again."""
    wanted = (_tries.c[name] == value for name, value in asdict(triplet).items())
    return connection.execute(select(_tries.c.first_seen).where(*wanted)).scalar()


def proven_at(connection: Connection, network: str) -> datetime | None:
    """When somebody of the network was last seen to be let in."""
    return connection.execute(select(_networks.c.last_seen).where(_networks.c.network == network)).scalar()


def remember(connection: Connection, triplets: Iterable[Triplet], now: datetime) -> None:
    """They were told to come again."""
    rows: list[dict[str, object]] = [{**asdict(triplet), "first_seen": now} for triplet in set(triplets)]
    _upsert(connection, Greylisted, "first_seen", rows)


def prove(connection: Connection, networks: Mapping[str, datetime]) -> None:
    """Somebody of these networks was let in then."""
    _upsert(connection, ProvenNetwork, "last_seen", [{"network": n, "last_seen": then} for n, then in networks.items()])


def forget(connection: Connection, *, tried_before: datetime, proven_before: datetime) -> None:
    """Whatever is older."""
    connection.execute(delete(_tries).where(_tries.c.first_seen < tried_before))
    connection.execute(delete(_networks).where(_networks.c.last_seen < proven_before))


def _upsert(connection: Connection, model: type[Table], column: str, rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    keys = [key.name for key in model.__table__.primary_key]
    # In the same order everywhere: transactions that wait for each other's rows would wait for ever.
    rows.sort(key=lambda row: [str(row[key]) for key in keys])
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(model.__table__)
    connection.execute(
        statement.on_conflict_do_update(index_elements=keys, set_={column: statement.excluded[column]}), rows
    )
