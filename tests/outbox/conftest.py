"""Each test of the outbox on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpintake.store.database import Database
from smtpintake.store.types import Table


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/outbox.db"
    else:
        url = str(request.getfixturevalue("postgres_url"))
    database = Database(url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()
