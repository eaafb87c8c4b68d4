"""Smarthosts that behave badly: nothing is lost, and what may have arrived is sent again with the same Message-ID."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from smtpintake.decide.scores import Severity
from smtpintake.outbox.pace import DEFAULT_PACE, Pace
from smtpintake.store import outbox
from smtpintake.store.addresses import Mark, mark, stopped
from smtpintake.store.database import Database
from smtpintake.store.schema import Comment, Issue
from tests.make import NOW
from tests.outbox.post import FAST, IS, Clock, an_issue, message_ids, queue, rows, until, working
from tests.smarthost import DROP, Host, listening

ONE = Pace(poll=FAST.poll, rest=FAST.rest, connections=1)


async def test_greylisting_is_waited_for_longer_and_longer(database: Database) -> None:
    queue(database)
    clock = Clock()
    async with listening(Host()) as host, working(database, host, clock):
        host.plan("RCPT", "450 greylisted", "450 greylisted", "250 OK")
        waits = []
        for attempts in (1, 2):
            await until(database, IS.attempts == attempts, 1)
            [row] = rows(database)
            assert row.state == "deferred"
            assert "450 greylisted" in row.note
            assert row.next_attempt_at is not None
            waits.append(row.next_attempt_at - clock.now)
            clock.now = row.next_attempt_at
        await until(database, IS.state == "sent", 1)
    assert timedelta(seconds=22) < waits[0] < timedelta(seconds=38) < waits[1] < timedelta(seconds=76)
    assert host.seen.count("RCPT") == 3


async def test_one_of_two_recipients_is_refused_and_the_issue_is_told(database: Database) -> None:
    issue = an_issue(database)
    queue(database, 2, issue_id=issue, subject="[SUP-1] Printer")
    clock = Clock()
    clock.now += timedelta(minutes=1)
    async with listening(Host()) as host, working(database, host, clock, ONE):
        host.plan("RCPT", "550 5.1.1 nobody")
        await until(database, IS.attempts == 1, 2)
    assert [row.state for row in rows(database)] == ["failed", "sent"]
    assert "550 5.1.1 nobody" in rows(database)[0].note
    with database.session() as session:
        [comment] = session.scalars(select(Comment))
        assert (comment.issue_id, comment.internal, comment.author_name) == (issue, True, "smtpintake")
        assert comment.body_text == (
            "A mail to c0@customer.example was not sent.\n\nSubject: [SUP-1] Printer\n"
            f"127.0.0.1:{host.port} refused c0@customer.example: 550 5.1.1 nobody\n\n"
            "No more mail is sent there. To lift that: smtpintake outbox forgive c0@customer.example\n"
            "To try again: smtpintake outbox retry 1"
        )
        assert session.get_one(Issue, issue).updated_at == comment.created_at == clock.now


async def test_after_days_it_is_given_up(database: Database) -> None:
    queue(database, issue_id=an_issue(database))
    clock = Clock()
    clock.now = NOW + DEFAULT_PACE.give_up
    async with listening(Host(always={"DATA": "451 later"})) as host, working(database, host, clock):
        await until(database, IS.state == "failed", 1)
    assert rows(database)[0].note.startswith("gave up after 5 days: ")
    with database.session() as session:
        assert "451 later" in session.scalars(select(Comment)).one().body_text


async def test_a_smarthost_that_drops_after_the_dot_gets_the_same_message_id_again(database: Database) -> None:
    queue(database)
    clock = Clock()
    async with listening(Host()) as host, listening(Host()) as other, working(database, [host, other], clock):
        host.plan("DATA", DROP)
        await until(database, IS.attempts == 1, 1)
        assert rows(database)[0].state == "deferred"
        clock.now += timedelta(minutes=1)
        await until(database, IS.state == "sent", 1)
    assert message_ids(host) == ["<0@example.org>"] * 2
    assert not other.taken, "at once by another smarthost, it would be a second copy for certain"


async def test_mail_waits_for_a_smarthost_that_is_down_and_goes_out_when_it_is_back(database: Database) -> None:
    queue(database, 30)
    clock, host = Clock(), Host()
    async with listening(host):
        pass
    async with working(database, host, clock):
        await until(database, IS.state == "deferred", 1)
        await until(database, IS.note.startswith("cannot use"), 30)
        down = rows(database)
        assert {row.state for row in down} == {"queued", "deferred"}
        assert all(row.next_attempt_at for row in down)
        assert max(row.next_attempt_at for row in down if row.next_attempt_at) <= NOW + DEFAULT_PACE.longest_outage
        async with listening(host):
            clock.now += DEFAULT_PACE.longest_outage
            await until(database, IS.state == "sent", 30)
    assert len(set(message_ids(host))) == len(message_ids(host)) == 30


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
async def test_a_smarthost_that_never_answers_defers(database: Database, stage: str) -> None:
    queue(database)
    async with listening(Host()) as host:
        host.stall(stage)
        async with working(database, host, Clock(), ONE, timeout=0.1):
            await until(database, IS.state == "deferred", 1)
            host.gate.set()
    assert "in time" in rows(database)[0].note


async def test_a_smarthost_that_takes_nothing_at_present_is_not_asked_for_every_mail(database: Database) -> None:
    queue(database, 50)
    resting = Pace(poll=FAST.poll)
    async with (
        listening(Host(always={"MAIL": "421 4.3.2 overloaded"})) as host,
        working(database, host, Clock(), resting),
    ):
        await until(database, IS.note.contains("421 4.3.2 overloaded"), 50)
    assert host.seen.count("MAIL") <= resting.connections
    assert {row.worker for row in rows(database)} == {None}


async def test_a_smarthost_with_few_connections_still_gets_everything(database: Database) -> None:
    queue(database, 20)
    clock = Clock()
    async with listening(Host()) as host, working(database, host, clock, Pace(poll=FAST.poll, connections=3)):
        host.plan("MAIL", "250 OK", "421 too many connections", "421 too many connections")
        await until(database, IS.attempts == 1, 20)
        clock.now += timedelta(minutes=1)
        await until(database, IS.state == "sent", 20)
    assert len(host.taken) == 20


async def test_the_second_smarthost_takes_over_and_the_first_again_after_a_while(database: Database) -> None:
    queue(database, 5)
    clock, first = Clock(), Host()
    async with listening(first):
        pass
    async with listening(Host()) as second, working(database, [first, second], clock, ONE):
        await until(database, IS.state == "sent", 5)
        assert {row.attempts for row in rows(database)} == {1}
        async with listening(first):
            queue(database, 1)
            await until(database, IS.state == "sent", 6)
            assert len(second.taken) == 6, "the first is left alone"
            clock.now += ONE.rest
            queue(database, 4)
            await until(database, IS.state == "sent", 10)
    assert (len(first.taken), len(second.taken)) == (4, 6)


async def test_a_mail_that_is_refused_by_the_first_smarthost_is_not_offered_to_the_second(database: Database) -> None:
    queue(database, 2)
    async with listening(Host()) as first, listening(Host()) as second:
        first.plan("RCPT", "450 later", "550 never")
        async with working(database, [first, second], Clock(), ONE):
            await until(database, IS.attempts == 1, 2)
    assert [row.state for row in rows(database)] == ["deferred", "failed"]
    assert not second.seen


@pytest.mark.parametrize(
    ("stage", "reply", "gone"),
    [
        ("RCPT", "550 5.1.1 nobody", True),
        ("RCPT", "550 No such user here", True),
        ("RCPT", "550 5.7.1 not wanted", False),
        ("RCPT", "552 5.2.2 mailbox full", False),
        ("DATA", "550 5.1.1 nobody", False),
    ],
)
async def test_no_more_mail_goes_where_there_is_no_mailbox(
    database: Database, stage: str, reply: str, *, gone: bool
) -> None:
    queue(database)
    async with listening(Host(always={stage: reply})) as host, working(database, host, Clock(), ONE):
        await until(database, IS.state == "failed", 1)
    with database.engine.connect() as connection:
        assert stopped(connection, ["c0@customer.example"], NOW).keys() == ({"c0@customer.example"} if gone else set())


async def test_what_came_back_is_not_tried_again_though_we_never_heard_that_it_was_taken(database: Database) -> None:
    queue(database)
    clock = Clock()
    async with listening(Host()) as host, working(database, host, clock):
        host.plan("DATA", DROP)
        await until(database, IS.attempts == 1, 1)
        with database.write() as connection:
            mark(connection, [Mark(1, "c0@customer.example", Severity.SOFT, "full", NOW)])
        clock.now += timedelta(days=1)
        queue(database, 1)
        await until(database, IS.state == "sent", 1)
    assert [row.state for row in rows(database)] == ["bounced", "sent"]
    assert len(host.taken) == 2
    with database.write() as connection:
        assert outbox.retry(connection, [1], clock.now) == 1, "an operator may"


def test_the_wait_grows_and_is_bounded() -> None:
    waits = [DEFAULT_PACE.retry_after(attempts, 0.5) for attempts in range(1, 40)]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (timedelta(seconds=30), timedelta(minutes=1), timedelta(hours=2))
    assert DEFAULT_PACE.retry_after(1, 0.0) == timedelta(seconds=22.5)
    assert DEFAULT_PACE.retry_after(1, 1.0) == timedelta(seconds=37.5)
