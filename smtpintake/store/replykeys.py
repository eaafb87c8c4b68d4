"""What was given out for replies, when that of a former secret is to prove nobody any more: reply keys, and the
Message-IDs of our mail.

Contract: reads all of them, in small transactions; ending in the middle harms nothing, and doing it twice neither.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import delete, select, update

from smtpintake.store.database import Database
from smtpintake.store.schema import Issue, ThreadKey
from smtpintake.store.schema.tracker import INTERNAL_ID, INTERNAL_KEY, MESSAGE_ID, REPLY_KEY

BATCH: Final = 1000

_key, _issue = ThreadKey.__table__.c, Issue.__table__.c
_KINDS: Final = (REPLY_KEY, INTERNAL_KEY)
_IDS: Final = (MESSAGE_ID, INTERNAL_ID)


def forget_others(database: Database, made: Callable[[str, str, bool], str]) -> int:
    """Delete the reply keys that `made` does not make of an issue's key, their owner and whether they are for what is
    internal; how many they were.
    """
    last, forgotten = "", 0
    wanted = (
        select(_key.value, _key.kind, _key.owner, _issue.key)
        .join_from(ThreadKey.__table__, Issue.__table__, _key.issue_id == _issue.id)
        .where(_key.kind.in_(_KINDS))
        .order_by(_key.value)
        .limit(BATCH)
    )
    while True:
        with database.write() as connection:
            rows = connection.execute(wanted.where(_key.value > last)).all()
            others = [
                row.value for row in rows if made(row.key, row.owner or "", row.kind == INTERNAL_KEY) != row.value
            ]
            connection.execute(delete(ThreadKey.__table__).where(_key.value.in_(others), _key.kind.in_(_KINDS)))
        forgotten += len(others)
        if len(rows) < BATCH:
            return forgotten
        last = rows[-1].value


def disown_others(database: Database, made: Callable[[str], bool]) -> int:
    """Let the Message-IDs of our mail that were not `made` so have no owner; how many they were. They lead to their
    issue still, as those of anybody's mail do.
    """
    last, disowned = "", 0
    wanted = select(_key.value).where(_key.kind.in_(_IDS), _key.owner.is_not(None)).order_by(_key.value).limit(BATCH)
    while True:
        with database.write() as connection:
            values = connection.scalars(wanted.where(_key.value > last)).all()
            others = [value for value in values if not made(value)]
            connection.execute(
                update(ThreadKey.__table__).where(_key.value.in_(others), _key.kind.in_(_IDS)).values(owner=None)
            )
        disowned += len(others)
        if len(values) < BATCH:
            return disowned
        last = values[-1]
