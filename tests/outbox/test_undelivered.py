"""An agent's answer that did not arrive: whoever wrote it, and whoever is assigned, hears of it by mail, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col

from smtpintake.intake.answer import Answerer
from smtpintake.intake.record import Recorder
from smtpintake.store.schema import Comment, Event, OutboxMail, Person
from smtpintake.wiring import load_templates
from tests.intake.test_bounced import dsn, given
from tests.intake.test_record import IMPATIENT, SECRET
from tests.make import NOW
from tests.outbox.post import FAST, IS, Clock, until, working
from tests.outbox.test_notifier import ANA, BEN, CARA, Desk, answer, content, notified, parsed
from tests.smarthost import Host, listening


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(database_url, tmp_path)
    answerer = Answerer(SECRET, load_templates(), IMPATIENT)
    desk.recorder = Recorder(desk.snapshots, answerer, "mx.example.org", lambda: NOW)
    yield desk
    desk.blobs.close()
    desk.database.close()


def answered(desk: Desk) -> OutboxMail:
    """Ben is assigned; Ana's answer to Cara, which waits to be sent."""
    desk.created()
    desk.set(assignee=BEN)
    notified(desk)
    desk.submit(answer())
    return next(each for each in notified(desk) if each.rcpt_to == CARA)


def came_back(desk: Desk, sent: OutboxMail, address: str = CARA) -> None:
    desk.submit(given(dsn(sent.message_id, address), "support@example.org", received_at=NOW))


def test_who_wrote_it_and_who_is_assigned_hear_that_it_came_back(desk: Desk) -> None:
    came_back(desk, answered(desk))
    first, second = notified(desk)
    assert [first.rcpt_to, second.rcpt_to] == [ANA, BEN]
    assert f"A mail to {CARA} was not delivered" in content(first)
    assert "What you answer to this mail is not visible to customers either." in " ".join(content(first).split())
    assert parsed(first)["Auto-Submitted"] == "auto-generated"
    assert parsed(first)["From"] == "Support <support@example.org>"


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("5.1.1", "wurde nicht zugestellt, da es dieses Postfach nicht gibt. Dorthin wird nichts mehr gesendet."),
        ("4.2.2", "wurde nicht zugestellt."),
    ],
)
def test_each_reads_in_their_own_language_what_came_of_it(desk: Desk, status: str, sentence: str) -> None:
    sent = answered(desk)
    with desk.database.writing() as session:
        session.execute(update(Person).where(col(Person.name) == "Ben").values(language="de"))
    desk.submit(given(dsn(sent.message_id, CARA, status=status), "support@example.org", received_at=NOW))
    to_ana, to_ben = notified(desk)
    told = " ".join(content(to_ben).split())
    assert f"Eine E-Mail an {CARA} {sentence} failed {status} 550 no" in told
    assert "was not delivered" not in told
    assert f"A mail to {CARA} was not delivered" in content(to_ana)


def test_two_full_mailboxes_do_not_bounce_off_each_other(desk: Desk) -> None:
    came_back(desk, answered(desk))
    first, second = notified(desk)
    assert (first.mail_from, first.bounce_key) == ("", None), "RFC 5321 s4.5.5: nobody is told of its fate"
    # A host that reports nevertheless is noted, and that is all.
    notes = desk.count(Comment)
    for each in (first, second):
        came_back(desk, each, each.rcpt_to)
    assert desk.count(Comment) == notes + 2
    assert notified(desk) == []
    assert [event.kind for event in desk.rows(Event)].count("undelivered") == 1


def test_an_acknowledgement_that_comes_back_is_told_to_nobody(desk: Desk) -> None:
    desk.configure({"auto_reply": {"least_proof": "none"}})
    desk.created()
    (sent,) = desk.rows(OutboxMail)
    came_back(desk, sent)
    assert desk.count(Comment) == 1
    assert notified(desk) == []


async def test_who_wrote_it_hears_that_it_was_given_up(desk: Desk) -> None:
    sent = answered(desk)
    async with listening(Host()) as host:
        host.always["RCPT"] = "550 5.7.1 not wanted"
        async with working(desk.database, host, Clock(), FAST):
            await until(desk.database, IS.state == "failed", desk.count(OutboxMail))
    first, second = notified(desk)
    assert [first.rcpt_to, second.rcpt_to] == [ANA, BEN]
    assert f"A mail to {CARA} could not be sent." in content(first)
    assert f"smtpintake outbox retry {sent.id}" in content(first)
    assert first.mail_from == second.mail_from == ""
    # Nor do these, where they cannot be sent, make others.
    async with listening(Host()) as host:
        host.always["RCPT"] = "550 5.7.1 not wanted"
        async with working(desk.database, host, Clock(), FAST):
            await until(desk.database, IS.state == "failed", desk.count(OutboxMail))
    assert notified(desk) == []


# ---- who forges reports ----------------------------------------------------------------------------------------------


def test_no_number_of_forged_reports_makes_more_than_a_mail_a_severity(desk: Desk) -> None:
    """Whoever was sent an answer to it knows the Message-ID: they can say that it came back, once a severity."""
    sent = answered(desk)
    for number in range(8):
        for status in ("4.2.2", "5.1.1", "5.7.1"):
            forged = dsn(sent.message_id, CARA, status=status).replace(b"smtp; 550 no", b"smtp; 550 no %d" % number)
            desk.submit(given(forged, "support@example.org", received_at=NOW))
    assert [event.kind for event in desk.rows(Event)].count("undelivered") == 2
    assert [each.rcpt_to for each in notified(desk)] == [ANA, BEN]


def test_a_report_of_a_mail_to_somebody_else_is_told_to_nobody(desk: Desk) -> None:
    came_back(desk, answered(desk), "eve@evil.example")
    assert notified(desk) == []
