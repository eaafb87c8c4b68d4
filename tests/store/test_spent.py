"""What of the budgets is used up, counted in the outbox; on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import Connection

from smtpintake.compose.budget import DEFAULT_BUDGET, NOTHING_SPENT, Spent
from smtpintake.compose.outgoing import Outgoing
from smtpintake.decide.policy import read_document
from smtpintake.store.configure import apply
from smtpintake.store.database import Database
from smtpintake.store.outbox import enqueue
from smtpintake.store.rows import Rows
from smtpintake.store.spent import forwarded, spent_on
from tests.make import NOW
from tests.store.tracked import POLICY, issue

CARA, BEN, DAN = "cara@customer.example", "ben@customer.example", "dan@elsewhere.example"
EARLIER = NOW - timedelta(hours=1)
LONG_AGO = NOW - DEFAULT_BUDGET.window
_ids = count()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.writing() as session:
        apply(session, read_document(POLICY), "test", prune=False, now=NOW)
        session.add_all(issue(number, "Printer on fire") for number in (1, 2))
    with database.write() as connection:
        yield connection


def sent(connection: Connection, to: str, kind: str = "autoreply", at: datetime = NOW, **values: object) -> None:
    issue = values.pop("issue", None)
    mail = Outgoing(kind, "", to, "s", f"{next(_ids)}@example.org", b"", None, **values)  # type: ignore[arg-type]
    rows = Rows()
    enqueue(rows, mail, at, issue_id=issue, comment_id=None, log_id="0")  # type: ignore[arg-type]
    rows.insert(connection)


def test_where_nothing_was_sent_nothing_is_spent(connection: Connection) -> None:
    assert spent_on(connection, [], DEFAULT_BUDGET, NOW) == {}
    assert spent_on(connection, [CARA], DEFAULT_BUDGET, NOW) == {CARA: NOTHING_SPENT}


def test_answers_notices_and_words_are_told_apart(connection: Connection) -> None:
    sent(connection, CARA, issue=1, at=LONG_AGO)
    sent(connection, CARA, issue=1, at=EARLIER)
    sent(connection, CARA, "commands", issue=1, at=NOW)
    sent(connection, CARA, "notice", issue=2)
    sent(connection, CARA, "comment", issue=2, automatic=False)
    sent(connection, CARA, "answer", automatic=False)
    sent(connection, BEN, issue=2)
    sent(connection, DAN, "forward", issue=1)
    assert spent_on(connection, [CARA, BEN, DAN], DEFAULT_BUDGET, NOW) == {
        CARA: Spent(answers=2, last_answer=NOW, threads={1: 2, 2: 1}, domain=3, total=3),
        BEN: Spent(answers=1, last_answer=NOW, threads={2: 1}, domain=3, total=3),
        DAN: Spent(threads={1: 1}, domain=0, total=3),
    }
    assert forwarded(connection, [CARA, DAN], EARLIER) == {DAN: 1}
    assert forwarded(connection, [DAN], NOW) == {}


def test_what_is_not_limited_is_not_counted(connection: Connection) -> None:
    sent(connection, CARA)
    unlimited = replace(DEFAULT_BUDGET, per_domain=0, total=0)
    assert spent_on(connection, [CARA], unlimited, NOW) == {CARA: Spent(answers=1, last_answer=NOW)}
