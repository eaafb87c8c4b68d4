"""Held mail is released by itself: after a change of the policy or of people, once, and not without one."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from smtpintake.intake.analyser import Analysers
from smtpintake.intake.review import Review
from smtpintake.store import review as store
from smtpintake.store.schema import Comment, Issue
from tests import make
from tests.intake.office import CARA, Office, opened
from tests.intake.test_record import mail


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    yield from opened(database_url, tmp_path)


@pytest.fixture
async def review(office: Office) -> AsyncIterator[Review]:
    analysers = Analysers(1, 30.0)
    await analysers.warm_up()
    yield Review(office.database, office.recorder, office.snapshots, analysers, office.blobs)
    analysers.stop()


def is_due(office: Office) -> bool:
    with office.database.engine.connect() as connection:
        return store.is_due(connection)


async def test_a_mail_goes_when_its_author_becomes_known(office: Office, review: Review) -> None:
    office.submit(mail(message_id="m1@customer.example"), mail(author="x@stranger.example"))
    office.submit(mail(extra="In-Reply-To: <m1@customer.example>\r\n", body="One more thing.\r\n"))
    assert await review.look() == ()
    assert not is_due(office)
    office.configure(CARA)  # a change of people alone: the policy's version stays
    assert is_due(office)
    first, second = await review.look()
    assert [issue.body_text for issue in office.rows(Issue)] == ["Help!"]
    assert [comment.body_text for comment in office.rows(Comment)] == ["One more thing."], "in the order they came"
    assert [office.row(log_id).outcome for log_id in (first, second)] == ["created", "commented"]
    why = office.trace(first)[0]
    assert (why["check"], why["result"]) == ("release", "by itself")
    assert "sender.unknown" in why["detail"]
    assert len(office.waiting()) == 1, "the stranger waits on"
    assert not is_due(office)


async def test_a_mail_goes_when_the_policy_lets_it(office: Office, review: Review) -> None:
    office.submit(*(mail(author=f"x{number}@stranger.example") for number in range(25)))
    await review.look()
    office.configure(unknown_senders="create")
    assert len(await review.look()) == 25
    assert office.waiting() == []
    assert await review.look() == ()
    assert office.count(Issue) == 25


async def test_while_one_process_reviews_others_do_not(office: Office, review: Review) -> None:
    office.submit(mail())
    office.configure(CARA)
    with office.database.write() as connection:
        state = store.take(connection, "other", make.NOW, make.NOW + timedelta(days=10_000))
    assert state is not None
    assert await review.look() == ()
    assert len(office.waiting()) == 1
    with office.database.write() as connection:
        store.finish(connection, "other", store.State(0, 0))
    assert len(await review.look()) == 1
