"""Reply keys of a former secret count no more; those of the present one do."""

from functools import partial

import pytest

from smtpintake.compose.replyaddress import is_own_id, message_id, reply_key
from smtpintake.store import replykeys
from smtpintake.store.database import Database
from smtpintake.store.replykeys import disown_others, forget_others
from smtpintake.store.schema import ThreadKey
from smtpintake.store.schema.tracker import INTERNAL_ID, INTERNAL_KEY, MESSAGE_ID, REPLY_KEY
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


def test_message_ids_of_a_former_secret_prove_nobody_and_lead_to_their_issue_still(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replykeys, "BATCH", 2)
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    issue = an_issue(database)
    new = [message_id(NEW, "SUP-1", "comment", f"{number}-1", "example.org") for number in range(3)]
    old = [message_id(OLD, "SUP-1", "comment", f"{number}-1", "example.org") for number in range(3)]
    with database.writing() as session:
        for value in (*new, *old):
            session.add(
                ThreadKey(value=value, kind=INTERNAL_ID if value == old[0] else MESSAGE_ID, issue_id=issue, owner=CARA)
            )
        session.add(ThreadKey(value="m1@customer.example", kind=MESSAGE_ID, issue_id=issue))
        session.add(ThreadKey(value=reply_key(NEW, "SUP-1", CARA), kind=REPLY_KEY, issue_id=issue, owner=CARA))
    assert disown_others(database, partial(is_own_id, NEW)) == len(old)
    assert disown_others(database, partial(is_own_id, NEW)) == 0
    with database.engine.connect() as connection:
        left = connection.execute(ThreadKey.__table__.select()).all()
    assert len(left) == 8
    assert {row.value for row in left if row.owner is None} == {*old, "m1@customer.example"}
    database.close()
