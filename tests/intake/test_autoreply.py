"""What an inbox says of its automatic answers: which mails are answered, and with what words."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from smtpintake.intake.answer import Answerer
from smtpintake.intake.record import Recorder
from smtpintake.store.schema import Comment, Issue, OutboxMail, ThreadKey
from smtpintake.wiring import load_templates
from tests.intake.test_inbox_settings import Desk
from tests.intake.test_record import IMPATIENT, SECRET, mail

MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Counter(Desk):
    """A Desk where any number of answers goes to anybody, at `now`."""

    def __init__(self, now: datetime = MONDAY_NOON, public_url: str = "") -> None:
        super().__init__()
        answerer = Answerer(SECRET, load_templates(), IMPATIENT, public_url)
        self.recorder = Recorder(self.snapshots, answerer, "mx.example.org", lambda: now)

    def answers(self, **auto_reply: Any) -> None:
        self.has(auto_reply={"least_proof": "none", **auto_reply})

    def sent(self) -> list[str]:
        return [row.rcpt_to for row in self.rows(OutboxMail) if row.kind == "autoreply"]

    def words(self) -> str:
        sent = message_from_bytes(self.rows(OutboxMail)[-1].octets, policy=default)
        body = sent.get_body(("plain",))
        assert body is not None
        return str(body.get_content())


def reply(message_id: str, **values: Any) -> Any:
    return mail(extra=f"In-Reply-To: <{message_id}>\r\n", **values)


@pytest.mark.setting("inbox.auto_reply.first_only")
@pytest.mark.parametrize(("first_only", "answers"), [(True, 1), (False, 2)])
def test_a_comment_is_answered_where_the_inbox_wants_it(*, first_only: bool, answers: int) -> None:
    desk = Counter()
    desk.answers(first_only=first_only)
    desk.submit(mail(message_id="first@customer.example"))
    desk.submit(reply("first@customer.example"))
    assert (desk.count(Issue), desk.count(Comment)) == (1, 1)
    assert desk.sent() == ["cara@customer.example"] * answers


def test_an_agents_comment_is_never_answered() -> None:
    desk = Counter()
    desk.answers(first_only=False)
    desk.submit(mail(message_id="first@customer.example"))
    desk.submit(reply("first@customer.example", author="Ana <ana@example.org>", mail_from="ana@example.org"))
    assert desk.sent() == ["cara@customer.example"]


@pytest.mark.parametrize(
    ("subject", "extra", "answered"),
    [
        ("Re: [SUP-1] We have received your message", "", False),
        ("Your mail", "In-Reply-To: <first@customer.example>\r\n", False),
        ("Order #1 has not arrived", "", True),  # the number of anything
        ("Another matter", "", True),
    ],
)
def test_a_mail_that_refers_to_somebody_elses_issue_begins_no_thread(
    subject: str, extra: str, *, answered: bool
) -> None:
    desk = Counter()
    desk.answers()
    desk.submit(mail(message_id="first@customer.example"))
    other = {"author": "Dan <dan@elsewhere.example>", "mail_from": "dan@elsewhere.example"}
    desk.submit(mail(subject=subject, extra=extra, **other))
    assert desk.count(Issue) == 2
    assert ("dan@elsewhere.example" in desk.sent()) is answered


COPIED = (
    "Cc: Robot <robot@example.org>, eli@acme.example, ana@example.org,\r\n"
    " stranger@elsewhere.example, support@example.org\r\n"
)


@pytest.mark.setting("inbox.auto_reply.to_cc")
@pytest.mark.parametrize(
    ("to_cc", "settings", "copies"),
    [
        (False, {}, []),
        (True, {}, ["robot@example.org", "eli@acme.example"]),  # no agent, and no stranger, who never asked for it
        (True, {"cc_participate": False}, []),  # it would be a key to the issue
    ],
)
def test_who_was_copied_hears_of_the_issue_where_the_inbox_wants_it(
    *, to_cc: bool, settings: dict[str, Any], copies: list[str]
) -> None:
    desk = Counter()
    desk.has(auto_reply={"least_proof": "none", "to_cc": to_cc}, **settings)
    desk.submit(mail(extra=COPIED))
    assert desk.sent() == ["cara@customer.example", *copies]
    rows = desk.rows(OutboxMail)
    assert len({row.message_id for row in rows}) == len(rows)
    assert {key.owner for key in desk.rows(ThreadKey) if key.kind == "reply-key"} == set(desk.sent())


def test_nobody_is_copied_where_the_author_is_not_answered() -> None:
    desk = Counter()
    desk.answers(to_cc=True)
    desk.submit(mail(extra=f"{COPIED}Precedence: bulk\r\n"))
    assert desk.sent() == []


@pytest.mark.setting(
    "inbox.auto_reply.office_hours.open",
    "inbox.auto_reply.office_hours.timezone",
    "inbox.auto_reply.office_hours.holidays",
    "inbox.auto_reply.office_hours.text",
)
@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ({"open": ["mon-fri 09:00-17:00"]}, False),
        ({"open": ["mon-fri 14:00-17:00"]}, True),
        ({"open": ["mon-fri 14:00-17:00"], "timezone": "Europe/Moscow"}, False),
        ({"open": ["mon-fri 09:00-17:00"], "holidays": ["2026-03-02"]}, True),
    ],
)
def test_out_of_hours_the_answer_says_so(hours: dict[str, Any], *, said: bool) -> None:
    desk = Counter()
    desk.answers(office_hours={**hours, "text": "Wir sind ab 9 Uhr wieder da."})
    desk.submit(mail())
    assert ("Wir sind ab 9 Uhr wieder da." in desk.words()) is said


def test_the_answer_links_to_the_issue_where_people_reach_it() -> None:
    desk = Counter()
    desk.answers()
    desk.submit(mail())
    assert "https://" not in desk.words()
    desk = Counter(public_url="https://tracker.example.org")
    desk.answers()
    desk.submit(mail())
    assert "https://tracker.example.org/issues/SUP-1" in desk.words()
