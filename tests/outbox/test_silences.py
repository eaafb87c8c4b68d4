"""Who hears no more of us by itself for a while: the log has it once; whoever works on the issue hears of it later."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from smtpintake.compose.budget import Budget
from smtpintake.intake.answer import Answerer
from smtpintake.intake.record import Recorder
from smtpintake.outbox.letters import Writer
from smtpintake.outbox.notifier import LATER, Notifier
from smtpintake.store import arrears
from smtpintake.store.edit import add_comment, edit_issue
from smtpintake.store.maillog import LogFilter, log_list
from smtpintake.store.schema import Arrears, Event, OutboxMail
from smtpintake.store.tally import tally
from smtpintake.store.views import LogView
from smtpintake.wiring import load_templates
from tests import make
from tests.decide.verdicts import verdict
from tests.intake.test_record import SECRET, mail
from tests.outbox.test_notifier import ALL, ANA, BEN, CARA, Desk, content

WINDOW = timedelta(hours=3)
FEW = Budget(WINDOW, per_address=2, per_thread=3, per_domain=0, total=0, pause=timedelta())
_words = count()


class Busy(Desk):
    """A desk where three mails about an issue are enough; it has a clock."""

    now = make.NOW

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self.configure({"auto_reply": {"least_proof": "none"}}, assignee=ALL, agents=ALL)
        answerer = Answerer(SECRET, load_templates(), FEW)
        self.recorder = Recorder(self.snapshots, answerer, "mx.example.org", lambda: self.now)
        writer = Writer(load_templates(), SECRET, FEW, blobs=self.blobs)
        self.notifier = Notifier(self.database, self.snapshots, writer, lambda: self.now)

    def says(self, author: str = BEN, times: int = 1) -> None:
        for _ in range(times):
            with self.database.writing() as session:
                text = f"Word {next(_words)}."
                add_comment(session, "SUP-1", text, author=author, operator="root", internal=False, now=self.now)
            self.notifier.tell_due()

    def to(self, address: str) -> list[OutboxMail]:
        return [each for each in self.rows(OutboxMail) if each.rcpt_to == address]

    def wait(self, time: timedelta) -> None:
        self.now += time
        self.notifier.tell_due()

    def silences(self) -> list[LogView]:
        with self.database.session() as session:
            return list(reversed(log_list(session, LogFilter(outcome="silent"))))


@pytest.fixture
def busy(database_url: str, tmp_path: Path) -> Iterator[Busy]:
    busy = Busy(database_url, tmp_path)
    yield busy
    busy.blobs.close()
    busy.database.close()


def test_who_works_on_a_busy_issue_hears_the_rest_in_one_mail(busy: Busy) -> None:
    busy.created()
    busy.says(times=FEW.per_thread + 4)
    assert len(busy.to(ANA)) == FEW.per_thread
    (row,) = busy.silences()
    assert (row["reason"], row["rcpt_to"], row["issue"]) == ("budget.thread", ANA, "SUP-1")
    assert row["trace"][0]["detail"] == (
        f"{ANA} was sent 3 automatic mails about this issue within 3 h; "
        f"the rest goes in one mail, {(busy.now + WINDOW).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    )
    busy.wait(WINDOW - timedelta(seconds=1))
    assert len(busy.to(ANA)) == FEW.per_thread
    busy.wait(timedelta(seconds=1))
    busy.wait(timedelta())
    *_, last = busy.to(ANA)
    assert len(busy.to(ANA)) == FEW.per_thread + 1
    why = "You have had many mails about this issue, so this one tells at once what has happened since."
    assert [why in " ".join(content(each).split()) for each in busy.to(ANA)] == [False] * FEW.per_thread + [True]
    said = [line for line in content(last).splitlines() if line.startswith("Word ")]
    assert len(said) == len(set(said)) == 5  # the first mail told of the issue
    assert len({each.message_id for each in busy.rows(OutboxMail)}) == len(busy.rows(OutboxMail))


def test_each_further_mail_comes_after_twice_the_time_until_it_was_quiet_for_as_long(busy: Busy) -> None:
    busy.created()
    busy.says(times=FEW.per_thread + 1)
    began, moments = busy.now, []
    for _ in range(40):  # every hour something happens
        before = len(busy.to(ANA))
        busy.wait(timedelta(hours=1))
        if len(busy.to(ANA)) > before:
            moments.append((busy.now - began) // timedelta(hours=1))
        busy.says()
    assert moments == [3, 9, 21]
    assert len(busy.silences()) == 1
    for _ in range(2):
        busy.wait(timedelta(days=2))
    before = len(busy.to(ANA))
    busy.says()
    assert len(busy.to(ANA)) == before + 1


def test_nothing_that_happens_meanwhile_is_lost_or_told_twice(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process tells of something while the late mail is composed."""
    busy.created()
    busy.says(times=FEW.per_thread + 1)
    compose, again = Writer.letters, iter((True, False, False))

    def slowly(self: Writer, *args: object, **values: object) -> object:
        told = compose(self, *args, **values)  # type: ignore[arg-type]
        if values.get("late") and next(again):
            busy.says()
        return told

    monkeypatch.setattr(Writer, "letters", slowly)
    busy.wait(WINDOW)
    busy.wait(2 * WINDOW)
    said = [line for each in busy.to(ANA) for line in content(each).splitlines() if line.startswith("Word ")]
    assert len(said) == len(set(said)) == FEW.per_thread + 2  # everything, once


def test_two_that_pay_at_once_send_one_mail(busy: Busy) -> None:
    busy.created()
    busy.says(times=FEW.per_thread + 1)
    with busy.database.engine.connect() as connection:
        (owed,) = arrears.due(connection, busy.now + WINDOW, 10)
    with busy.database.write() as connection:
        assert arrears.pay(connection, owed, busy.rows(Event)[-1].id, busy.now + WINDOW)
    with busy.database.write() as connection:
        assert not arrears.pay(connection, owed, busy.rows(Event)[-1].id, busy.now + WINDOW)
    busy.wait(WINDOW)
    assert len(busy.to(ANA)) == FEW.per_thread


def test_a_late_mail_that_cannot_be_composed_is_tried_again(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    busy.created()
    busy.says(times=FEW.per_thread + 1)
    with monkeypatch.context() as patched:
        patched.setattr(Writer, "letters", lambda *_, **__: 1 / 0)
        busy.wait(WINDOW)
    assert len(busy.to(ANA)) == FEW.per_thread
    busy.wait(LATER)
    assert len(busy.to(ANA)) == FEW.per_thread + 1


def test_who_works_there_no_longer_hears_nothing_more(busy: Busy) -> None:
    busy.created()
    busy.says(times=FEW.per_thread + 1)
    with busy.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM person_role")
    busy.wait(WINDOW)
    assert len(busy.to(ANA)) == FEW.per_thread
    with busy.database.write() as connection:
        assert arrears.forget(connection, busy.now + timedelta(days=1)) == 1
    assert busy.rows(Arrears) == []


def test_a_customer_is_silenced_and_the_log_has_it_once(busy: Busy) -> None:
    busy.created()
    for status in ("closed", "open") * 3:
        with busy.database.writing() as session:
            edit_issue(session, "SUP-1", [("status", status)], busy.now)
        busy.notifier.tell_due()
    assert len(busy.to(CARA)) == FEW.per_thread
    rows = [row for row in busy.silences() if row["rcpt_to"] == CARA]
    assert [(row["reason"], row["issue"]) for row in rows] == [("budget.thread", "SUP-1")]
    busy.wait(3 * WINDOW)
    assert len(busy.to(CARA)) == FEW.per_thread
    busy.says(BEN)
    assert len(busy.to(CARA)) == FEW.per_thread + 1, "what a person writes is not limited"


def test_an_author_who_is_answered_no_more_has_a_row_once(busy: Busy) -> None:
    strangers = [mail(message_id=f"{number}@customer.example") for number in range(6)]
    busy.submit(*strangers[:4])
    for one in strangers[4:]:
        busy.submit(one)
    (row,) = [row for row in busy.silences() if row["reason"] == "budget.address"]
    assert (row["rcpt_to"], row["inbox"], row["reply"]["code"], row["author"]) == (CARA, "support", 0, None)
    with busy.database.engine.connect() as connection:
        counted = tally(connection, busy.now - timedelta(days=1), datetime.max.replace(tzinfo=UTC), busy.now)
    assert [outcome for outcome, *_ in counted.came] == ["created"], "no mail came with it"


@pytest.mark.parametrize(
    ("budget", "of", "reason"),
    [
        (replace(FEW, per_address=0, per_domain=2), "@customer.example", "budget.domain"),
        (replace(FEW, per_address=0, total=2), "*", "budget.total"),
    ],
)
def test_a_domain_and_all_of_us_have_a_row_once(busy: Busy, budget: Budget, of: str, reason: str) -> None:
    busy.recorder = Recorder(
        busy.snapshots, Answerer(SECRET, load_templates(), budget), "mx.example.org", lambda: busy.now
    )
    for name in "abcdef":
        author = f"{name}@customer.example"
        busy.submit(mail(message_id=f"{author}", author=author, mail_from=author, auth=verdict()))
    assert [(row["reason"], row["rcpt_to"]) for row in busy.silences()] == [(reason, of)]
