"""The daily digest: told once a day, whoever runs; what it counts; and to whom it goes."""

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smtpintake.compose.replyaddress import loop_mark
from smtpintake.outbox.digester import Digester, Reporter, Schedule, UndeliverableError
from smtpintake.store.database import Database
from smtpintake.store.outbox import Settled, State, claim, settle
from smtpintake.store.schema import LogRow
from smtpintake.store.snapshot import Snapshots
from smtpintake.wiring import load_templates
from tests.databases import put_in_force
from tests.outbox.post import queue, rows
from tests.server import Server

SECRET = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
AT_SEVEN = Schedule(time(7), ZoneInfo("UTC"))
OPS = "ops@example.net"
POLICY: dict[str, Any] = {
    "project": [{"key": "SUP", "name": "Support"}],
    "inbox": [{"name": "support", "addresses": ["support@example.org"], "project": "SUP"}],
    "person": [{"name": "Pia", "addresses": ["pia@example.net"], "language": "pl"}],
}

templates = cache(load_templates)


def digester(database: Database, now: datetime = NOW, **values: Any) -> Digester:
    given = {"to": (OPS,), "sender": "", "host": "mx.example.org", "schedule": AT_SEVEN} | values
    return Digester(database, Snapshots(database), Reporter(**given, templates=templates(), secret=SECRET), lambda: now)


def digests(database: Database) -> list[EmailMessage]:
    return [message_from_bytes(row.octets, policy=policy.default) for row in rows(database) if row.kind == "digest"]


def text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def logged(database: Database, *several: tuple[str, str, datetime], **values: Any) -> None:
    with database.writing() as session:
        for number, (outcome, reason, at) in enumerate(several):
            log_id = f"{outcome}{reason}{number}{at.isoformat()}"
            row = {"listener": "l", "peer_ip": "192.0.2.1", "helo": "h"} | values
            row |= {"reply_code": 250, "reply_status": "2.0.0", "reply_text": "OK"}
            session.add(LogRow(id=log_id, transaction_id=log_id, received_at=at, outcome=outcome, reason=reason, **row))


# ---- when ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "at", "now", "day", "since", "until"),
    [
        ("UTC", time(7), "2026-03-02T07:00", date(2026, 3, 2), "2026-03-01T07:00", "2026-03-02T07:00"),
        ("UTC", time(7), "2026-03-02T06:59", date(2026, 3, 1), "2026-02-28T07:00", "2026-03-01T07:00"),
        ("UTC", time(0), "2026-03-02T00:00", date(2026, 3, 2), "2026-03-01T00:00", "2026-03-02T00:00"),
        ("UTC", time(23, 59), "2026-03-02T23:58", date(2026, 3, 1), "2026-02-28T23:59", "2026-03-01T23:59"),
        # It is already tomorrow there, and still yesterday.
        ("Pacific/Auckland", time(7), "2026-03-01T18:00", date(2026, 3, 2), "2026-02-28T18:00", "2026-03-01T18:00"),
        ("America/Los_Angeles", time(7), "2026-03-02T14:59", date(2026, 3, 1), "2026-02-28T15:00", "2026-03-01T15:00"),
        # A day of 23 hours, and one of 25.
        ("Europe/Berlin", time(7), "2026-03-29T05:00", date(2026, 3, 29), "2026-03-28T06:00", "2026-03-29T05:00"),
        ("Europe/Berlin", time(7), "2026-10-25T06:00", date(2026, 10, 25), "2026-10-24T05:00", "2026-10-25T06:00"),
        # 02:30 is not there on the one day, and comes twice on the other.
        ("Europe/Berlin", time(2, 30), "2026-03-29T01:29", date(2026, 3, 28), "2026-03-27T01:30", "2026-03-28T01:30"),
        ("Europe/Berlin", time(2, 30), "2026-03-29T01:30", date(2026, 3, 29), "2026-03-28T01:30", "2026-03-29T01:30"),
        ("Europe/Berlin", time(2, 30), "2026-10-25T00:30", date(2026, 10, 25), "2026-10-24T00:30", "2026-10-25T00:30"),
        ("Europe/Berlin", time(2, 30), "2026-10-25T01:30", date(2026, 10, 25), "2026-10-24T00:30", "2026-10-25T00:30"),
    ],
)
def test_it_is_due_at_a_time_of_day_where_the_operators_are(
    zone: str, at: time, now: str, day: date, since: str, until: str
) -> None:
    schedule = Schedule(at, ZoneInfo(zone))
    assert schedule.day(datetime.fromisoformat(now).replace(tzinfo=UTC)) == day
    before, due = schedule.moment(day - timedelta(days=1)), schedule.moment(day)
    assert (f"{before:%Y-%m-%dT%H:%M}", f"{due:%Y-%m-%dT%H:%M}") == (since, until)


def test_it_is_sent_once_a_day(database: Database) -> None:
    put_in_force(database, POLICY)
    hours = [NOW + timedelta(hours=hour) for hour in (0, 1, 22, 23, 24, 47)]
    assert [digester(database, now).tell_due() for now in hours] == [1, 0, 0, 1, 0, 1]
    assert len({str(each["Message-ID"]) for each in digests(database)}) == 3


def test_another_time_of_the_same_day_is_not_another_day(database: Database) -> None:
    put_in_force(database, POLICY)
    assert digester(database).tell_due() == 1
    later = Schedule(time(18), ZoneInfo("UTC"))
    assert digester(database, NOW + timedelta(hours=11), schedule=later).tell_due() == 0
    assert digester(database, NOW + timedelta(hours=35), schedule=later).tell_due() == 1


def test_whoever_composed_the_same_day_later_writes_nothing(database: Database) -> None:
    put_in_force(database, POLICY)
    late = digester(database)
    compose = late._reporter.mails

    class Slow:
        schedule = AT_SEVEN

        def mails(self, *arguments: Any) -> Any:
            composed = compose(*arguments)
            assert digester(database).tell_due() == 1
            return composed

    late._reporter = Slow()  # type: ignore[misc, assignment]
    assert late.tell_due() == 0
    assert len(digests(database)) == 1


def _tell(url: str, start: Any, told: Any) -> None:
    database = Database(url)
    one = digester(database)
    start.wait()
    told.put(one.tell_due())
    database.close()


def _tell_in_several(url: str, told: Any) -> None:
    """This process has no threads, so it may fork: what the several need is loaded once."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(4)
    processes = [context.Process(target=_tell, args=(url, start, told)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def test_several_processes_send_it_once(database: Database, database_url: str) -> None:
    put_in_force(database, POLICY)
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    several = context.Process(target=_tell_in_several, args=(database_url, told))
    several.start()
    assert sorted(told.get(timeout=120) for _ in range(4)) == [0, 0, 0, 1]
    several.join()
    assert len(digests(database)) == 1


async def test_the_outbox_process_sends_it(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await asyncio.to_thread(server.prepare)
    database = Database(f"sqlite:///{server.database}")
    own = {"SMTPINTAKE_DIGEST__TO": OPS, "SMTPINTAKE_DIGEST__FROM": "digest@example.org"}
    with server.journal.open("ab") as journal:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "smtpintake", "outbox"),
            env=os.environ | server.environment | own,
            stdout=journal,
            stderr=journal,
        )
    try:
        async with asyncio.timeout(90):
            while not digests(database):
                await asyncio.sleep(0.05)
    finally:
        process.terminate()
        assert await process.wait() == 0
    (sent,) = digests(database)
    assert (sent["From"].addresses[0].addr_spec, sent["To"]) == ("digest@example.org", OPS)
    database.close()


# ---- what ----------------------------------------------------------------------------------------------------------


def test_it_says_what_came_in_the_day_and_nothing_of_another(database: Database) -> None:
    put_in_force(database, POLICY)
    until = datetime(2026, 3, 2, 7, tzinfo=UTC)
    since, second = until - timedelta(days=1), timedelta(seconds=1)
    logged(
        database,
        *[("created", "thread.new", since), ("created", "thread.new", until - second)],
        *[("rejected", "rcpt.unknown", until - second)] * 3,
        ("rejected", "sender.unknown", since),
        *[("commented", "thread.token", since - second), ("deferred", "fault.storage", until)],
    )
    digester(database).tell_due()
    (sent,) = digests(database)
    assert text(sent).split("\n\n")[:5] == [
        "From March 1, 2026, 7:00\u202fAM UTC, to March 2, 2026, 7:00\u202fAM UTC",
        "Mail that came: 6",
        "  created: 2\n    thread.new: 2",
        "  rejected: 4\n    rcpt.unknown: 3\n    sender.unknown: 1",
        "  smtpintake log list --since 1d",
    ]
    html = sent.get_body(("html",))
    assert html is not None
    assert "<li>rcpt.unknown: 3</li>" in html.get_content()


def test_where_there_is_nothing_to_tell_it_says_so(database: Database) -> None:
    put_in_force(database, POLICY)
    digester(database).tell_due()
    (sent,) = digests(database)
    assert sent["Subject"] == "Daily digest of mx.example.org: nothing needs you"
    assert text(sent).split("\n\n")[1:] == [
        "No mail came.",
        "No held mail waits.",
        "No mail of ours failed, came back or waits for long.\n",
    ]


def test_it_says_which_held_mail_waits_however_long(database: Database) -> None:
    put_in_force(database, POLICY)
    old, new = NOW - timedelta(days=20), NOW - timedelta(minutes=5)
    logged(database, ("held", "sender.unknown", old), ("held", "sender.unknown", new))
    logged(database, ("held", "sender.domain", old - timedelta(days=1)), released_by="somebody")
    digester(database).tell_due()
    (sent,) = digests(database)
    assert sent["Subject"] == "Daily digest of mx.example.org: please have a look"
    said = " ".join(text(sent).split())
    assert "waits for a decision: 2, the oldest since February 10, 2026, 8:00 AM UTC smtpintake held list" in said


def test_it_says_what_of_ours_did_not_get_away(database: Database) -> None:
    put_in_force(database, POLICY)
    yesterday, before = NOW - timedelta(hours=12), NOW - timedelta(hours=30)
    queue(database, 2, state="failed", failed_at=yesterday, created_at=before)
    queue(database, 1, state="failed", failed_at=before, created_at=before)
    queue(database, 3, state="bounced", bounced_at=yesterday, created_at=before)
    queue(database, 1, state="bounced", bounced_at=before, created_at=before)
    queue(database, 1, state="sent", sent_at=before, created_at=before)
    queue(database, 1, state="deferred", created_at=NOW - timedelta(hours=5))
    queue(database, 1, state="queued", created_at=NOW - timedelta(hours=4, seconds=1))
    queue(database, 1, state="deferred", created_at=NOW - timedelta(hours=3))
    digester(database).tell_due()
    said = " ".join(text(digests(database)[0]).split())
    assert "Mail of ours that was given up: 2 smtpintake outbox list --state failed" in said
    assert "Mail of ours that came back: 3 smtpintake outbox list --state bounced" in said
    assert "for more than 4 hours: 2, the oldest since March 2, 2026, 3:00 AM UTC smtpintake outbox list" in said


def test_what_is_given_up_counts_on_the_day_on_which_it_is(database: Database) -> None:
    put_in_force(database, POLICY)
    queue(database, 1, created_at=NOW - timedelta(days=5))
    gone = NOW - timedelta(hours=2)
    with database.write() as connection:
        (mine,) = claim(connection, "w", NOW, NOW + timedelta(minutes=1), count=1)
    with database.write() as connection:
        assert settle(connection, "w", [Settled(mine.id, State.FAILED, "550 no")], gone)
    digester(database).tell_due()
    assert "Mail of ours that was given up: 1" in text(digests(database)[0])


def test_moments_are_those_of_the_operators_place(database: Database) -> None:
    put_in_force(database, POLICY)
    digester(database, schedule=Schedule(time(7), ZoneInfo("Europe/Berlin"))).tell_due()
    assert "to March 2, 2026, 7:00 AM CET" in " ".join(text(digests(database)[0]).split())


# ---- to whom -------------------------------------------------------------------------------------------------------


def sent_to(database: Database, to: Sequence[str], **values: Any) -> list[tuple[str, str]]:
    digester(database, to=tuple(to), **values).tell_due()
    return [(str(each["From"]), str(each["To"])) for each in digests(database)]


def test_each_has_it_from_the_first_inbox_in_their_language(database: Database) -> None:
    put_in_force(database, POLICY)
    assert sent_to(database, [OPS, "pia@example.net"]) == [
        ('"mx.example.org" <support@example.org>', OPS),
        ('"mx.example.org" <support@example.org>', "pia@example.net"),
    ]
    assert [each["Content-Language"] for each in digests(database)] == ["en", "pl"]


def test_no_inbox_of_ours_has_it(database: Database) -> None:
    put_in_force(database, POLICY)
    several = ["support@example.org", OPS, "support+x@example.org"]
    assert [to for _, to in sent_to(database, several, sender="digest@example.org")] == [OPS]


def test_a_day_that_nobody_would_hear_of_is_not_told(database: Database) -> None:
    put_in_force(database, POLICY)
    with pytest.raises(UndeliverableError, match="an inbox is sent no digest"):
        sent_to(database, ["support@example.org", "support+x@example.org"])
    assert [to for _, to in sent_to(database, [OPS])] == [OPS]


def test_no_robot_answers_it(database: Database) -> None:
    put_in_force(database, POLICY)
    digester(database).tell_due()
    (row,) = rows(database)
    assert (row.mail_from, row.automatic) == ("", True)
    (sent,) = digests(database)
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent["X-Smtpintake-Loop"] == loop_mark(SECRET)


def test_where_nothing_can_send_it_it_waits_for_that(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    one = digester(database)
    with pytest.raises(UndeliverableError, match="set from in"):
        one.tell_due()
    one.look()
    one.look()
    assert capsys.readouterr().out.count("the digest could not be composed") == 1
    put_in_force(database, POLICY)
    one.look()
    assert len(digests(database)) == 1
