"""Reply keys of a former secret count no more; those of the present one do."""

import pytest

from smtpintake.compose.replyaddress import reply_key
from smtpintake.store import replykeys
from smtpintake.store.database import Database
from smtpintake.store.replykeys import forget_others
from smtpintake.store.schema import ThreadKey
from smtpintake.store.schema.tracker import INTERNAL_KEY, MESSAGE_ID, REPLY_KEY
from smtpintake.store.types import Table
from tests.outbox.post import an_issue

OLD, NEW = b"o" * 32, b"n" * 32
CARA = "cara@customer.example"


def test_keys_of_a_former_secret_go(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replykeys, "BATCH", 2)
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    issue = an_issue(database)
    kept = {
        reply_key(NEW, "SUP-1", CARA): REPLY_KEY,
        reply_key(NEW, "SUP-1", CARA, internal=True): INTERNAL_KEY,
        "m1@customer.example": MESSAGE_ID,
    }
    gone = {reply_key(OLD, "SUP-1", f"{name}@c.example"): REPLY_KEY for name in "abc"} | {
        reply_key(OLD, "SUP-1", CARA, internal=True): INTERNAL_KEY,
        reply_key(NEW, "SUP-1", "dora@c.example"): REPLY_KEY,  # not hers
    }
    with database.writing() as session:
        for value, kind in (kept | gone).items():
            session.add(ThreadKey(value=value, kind=kind, issue_id=issue, owner=CARA))
    made = lambda key, owner, internal: reply_key(NEW, key, owner, internal=internal)  # noqa: E731
    assert forget_others(database, made) == len(gone)
    assert forget_others(database, made) == 0
    with database.engine.connect() as connection:
        left = connection.execute(ThreadKey.__table__.select()).all()
    assert {row.value for row in left} == set(kept)
    database.close()
