"""What an inbox's settings make of a mail: in the issue, in who takes part, in what a reply does."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from smtpintake.decide.policy import read_document
from smtpintake.store.configure import apply
from smtpintake.store.edit import edit_issue
from smtpintake.store.schema import (
    Attachment,
    Issue,
    IssueLink,
    LogRow,
    Organisation,
    Participant,
    Person,
    RawMail,
    Trace,
)
from smtpintake.store.tracker import issue_view
from tests import make
from tests.decide.verdicts import verdict
from tests.intake.test_record import MIXED, PDF, World, mail

PEOPLE: dict[str, Any] = {
    "organisation": [{"name": "Acme", "domains": ["acme.example", "*.acme.example"]}, {"name": "Else"}],
    "person": [
        {"name": "Ana", "addresses": ["ana@example.org"], "roles": {"SUP": "agent"}},
        {"name": "Robot", "addresses": ["robot@example.org"]},
        {"name": "Eli", "addresses": ["eli@acme.example"], "organisation": "Else"},
    ],
}
PROJECT: dict[str, Any] = {
    "key": "SUP",
    "name": "Support",
    "default": True,
    "statuses": ["new", "waiting", "closed", "dropped"],
    "closed_statuses": ["closed", "dropped"],
    "fields": [
        {"name": "room"},
        {"name": "severity", "type": "choice", "choices": ["minor", "major"]},
        {"name": "cost", "type": "number"},
    ],
}
INBOX: dict[str, Any] = {
    "name": "support",
    "addresses": ["support@example.org"],
    "unknown_senders": "create",
    "require": "none",
    "auto_reply": {"least_proof": "none"},
}


class Desk(World):
    """One inbox, whose settings each test says."""

    def __init__(self) -> None:
        super().__init__()

    def has(self, **settings: Any) -> None:
        document = read_document({"project": [PROJECT], "inbox": [INBOX | settings], **PEOPLE})
        with self.database.writing() as session:
            apply(session, document, "test", prune=False, now=make.NOW)

    def takes(self, *, inbox: dict[str, Any] | None = None, **values: Any) -> Issue:
        """The issue that a mail makes under the settings `inbox`."""
        if inbox is not None:
            self.has(**inbox)
        (reply,) = self.submit(mail(**values))
        assert "created" in reply, reply
        issue = self.rows(Issue)[-1]
        assert isinstance(issue, Issue)
        return issue

    def people(self) -> dict[int | None, str]:
        return {person.id: person.name for person in self.rows(Person)}

    def organisation(self, issue: Issue) -> str | None:
        return {one.id: one.name for one in self.rows(Organisation)}.get(issue.organisation_id)

    def found(self, check: str) -> list[str]:
        """What the newest mail's trace has of one check."""
        newest = self.rows(LogRow)[-1].id
        (trace,) = [trace for trace in self.rows(Trace) if trace.log_id == newest]
        return [f"{one['result']}: {one['detail']}" for one in trace.findings if one["check"] == check]

    def close(self, moment: datetime = make.NOW) -> None:
        """The first issue, by an operator."""
        with self.database.writing() as session:
            edit_issue(session, "SUP-1", [("status", "closed")], moment)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.database.close()


# ---- a new issue ---------------------------------------------------------------------------------------------------


@pytest.mark.setting(
    "inbox.defaults.priority",
    "inbox.defaults.tags",
    "inbox.defaults.status",
    "inbox.defaults.assignee",
    "inbox.defaults.organisation",
    "inbox.defaults.participants",
    "inbox.defaults.title",
    "inbox.defaults.fields",
    "project.fields.name",
    "project.fields.type",
    "project.fields.choices",
)
def test_an_issue_has_the_defaults_of_its_inbox(desk: Desk) -> None:
    defaults = {
        "priority": "urgent",
        "tags": ["mail"],
        "status": "waiting",
        "assignee": "Ana@example.org",
        "organisation": "Acme",
        "participants": ["robot@example.org", "desk@partner.example", "support+x@example.org"],
        "title": "A mail without a subject",
        "fields": {"room": "12", "severity": "major", "cost": "-0.5"},
    }
    issue = desk.takes(inbox={"defaults": defaults}, subject="")
    assert (issue.priority, issue.tags, issue.status, issue.title) == (
        "urgent",
        ["mail"],
        "waiting",
        "A mail without a subject",
    )
    assert issue.fields == {"room": "12", "severity": "major", "cost": "-0.5"}
    assert desk.people()[issue.assignee_id] == "Ana"
    assert desk.organisation(issue) == "Acme"
    parts = {one.address: (one.role, desk.people().get(one.person_id)) for one in desk.rows(Participant)}
    assert parts == {
        "cara@customer.example": ("reporter", "Cara"),
        "robot@example.org": ("cc", "Robot"),
        "desk@partner.example": ("cc", None),
    }
    assert issue.closed_at is None


@pytest.mark.setting("project.default")
def test_an_inbox_that_names_no_project_has_the_default_one(desk: Desk) -> None:
    assert desk.takes(inbox={}).key == "SUP-1"


@pytest.mark.setting("project.statuses", "project.closed_statuses")
def test_a_new_issue_has_the_first_status_and_may_begin_closed(desk: Desk) -> None:
    assert desk.takes(inbox={}).status == "new"
    issue = desk.takes(inbox={"defaults": {"status": "dropped"}})
    assert (issue.status, issue.closed_at) == ("dropped", make.NOW)


@pytest.mark.setting("inbox.creator")
def test_a_fixed_person_is_the_reporter_and_the_author_is_answered_and_takes_part(desk: Desk) -> None:
    issue = desk.takes(inbox={"creator": "robot@example.org"})
    assert (issue.reporter_name, issue.reporter_address) == ("Robot", "robot@example.org")
    assert desk.people()[issue.reporter_id] == "Robot"
    assert [(one.address, one.role) for one in desk.rows(Participant)] == [("cara@customer.example", "author")]
    assert desk.found("auto_reply") == ["queued: to cara@customer.example"]


def test_without_whom_the_directory_lost_the_issue_is_made_all_the_same(desk: Desk) -> None:
    desk.has(creator="robot@example.org", defaults={"assignee": "ana@example.org", "organisation": "Else"})
    with desk.database.writing() as session:
        session.execute(update(Person).where(Person.name == "Robot").values(active=False))  # type: ignore[arg-type]
        session.execute(update(Organisation).where(Organisation.name == "Else").values(name="Other"))  # type: ignore[arg-type]
    issue = desk.takes()
    assert (issue.reporter_address, desk.organisation(issue)) == ("cara@customer.example", None)
    assert desk.people()[issue.assignee_id] == "Ana"
    assert desk.found("fields") == [
        "left out: creator robot@example.org: deactivated",
        "left out: organisation Else: not in the directory",
    ]


@pytest.mark.setting("inbox.save_attachments")
def test_attachments_are_kept_in_the_mail_only(desk: Desk) -> None:
    desk.takes(inbox={"save_attachments": False}, extra=MIXED, body=PDF)
    assert desk.rows(Attachment) == []
    assert desk.found("attachments")[-1] == "not saved: log.pdf; inbox support says save_attachments = false"
    desk.takes(inbox={"save_attachments": True}, extra=MIXED, body=PDF)
    assert [one.name for one in desk.rows(Attachment)] == ["log.pdf"]


@pytest.mark.setting("inbox.attachments.on_unwanted")
def test_an_attachment_that_is_not_taken_costs_what_the_inbox_says(desk: Desk) -> None:
    for says, begins in (("reject", "550 5.7.1 attachment.unwanted: "), ("hold", "250 2.0.0 held for review")):
        desk.has(attachments={"denied": [".pdf"], "on_unwanted": says})
        (reply,) = desk.submit(mail(extra=MIXED, body=PDF))
        assert reply.startswith(begins)
    desk.takes(inbox={"attachments": {"denied": [".pdf"], "on_unwanted": "drop"}}, extra=MIXED, body=PDF)
    assert desk.rows(Attachment) == []
    assert desk.found("attachments") == ["dropped: log.pdf: .pdf is denied"]
    assert PDF.encode() in desk.rows(RawMail)[-1].octets


@pytest.mark.setting("inbox.sender_participates", "inbox.cc_participate")
@pytest.mark.parametrize(
    ("settings", "taking_part"),
    [
        ({}, ["cara@customer.example", "dora@customer.example"]),
        ({"sender_participates": False}, ["dora@customer.example"]),
        ({"cc_participate": False}, ["cara@customer.example"]),
    ],
)
def test_who_takes_part(desk: Desk, settings: dict[str, Any], taking_part: list[str]) -> None:
    desk.takes(inbox=settings, extra="Cc: dora@customer.example\r\n")
    assert [one.address for one in desk.rows(Participant)] == taking_part


def test_a_comments_author_takes_part_unless_the_inbox_says_no(desk: Desk) -> None:
    desk.takes(inbox={"sender_participates": False}, message_id="first@customer.example")
    reply = "In-Reply-To: <first@customer.example>\r\n"
    (told,) = desk.submit(mail(author="ana@example.org", extra=reply))
    assert "commented" in told
    assert desk.rows(Participant) == []
    desk.has(sender_participates=True)
    desk.submit(mail(author="ana@example.org", extra=reply))
    assert [one.address for one in desk.rows(Participant)] == ["ana@example.org"]


# ---- for whom a sender counts --------------------------------------------------------------------------------------


@pytest.mark.setting("inbox.map_organisation", "organisation.domains")
@pytest.mark.parametrize(
    ("author", "organisation"),
    [
        ("cara@acme.example", "Acme"),
        ("cara@de.acme.example", "Acme"),
        ("eli@acme.example", "Else"),  # as the directory says of the person
        ("cara@notacme.example", None),
    ],
)
def test_an_issue_belongs_to_the_organisation_of_the_authors_domain(
    desk: Desk, author: str, organisation: str | None
) -> None:
    assert desk.organisation(desk.takes(inbox={}, author=author)) == organisation
    off = desk.takes(inbox={"map_organisation": False}, author=author)
    assert desk.organisation(off) == ("Else" if author.startswith("eli") else None)


@pytest.mark.setting(
    "inbox.map_senders.sender",
    "inbox.map_senders.person",
    "inbox.map_senders.organisation",
    "inbox.defaults.organisation",
)
def test_a_sender_counts_for_somebody_else_by_address_and_by_domain(desk: Desk) -> None:
    mapping = [
        {"sender": "bob@home.example", "person": "eli@acme.example"},
        {"sender": "@home.example", "organisation": "Acme"},
    ]
    desk.has(map_senders=mapping, defaults={"organisation": "Else"})
    bobs = desk.takes(author="Bob <bob@home.example>", mail_from="bob@home.example")
    assert (bobs.reporter_name, desk.organisation(bobs)) == ("Eli", "Else")
    below = desk.takes(author="cara@mail.home.example")
    assert (below.reporter_address, desk.organisation(below)) == ("cara@mail.home.example", "Acme")
    assert desk.organisation(desk.takes(author="cara@nothome.example")) == "Else"


def test_a_mapped_sender_has_no_right_of_the_person(desk: Desk) -> None:
    desk.takes(inbox={"map_senders": [{"sender": "@home.example", "person": "ana@example.org"}]})
    (told,) = desk.submit(mail(author="bob@home.example", subject="[SUP-1] close it"))
    assert "SUP-2 created" in told


def test_mail_that_its_domain_disowns_counts_for_nobody(desk: Desk) -> None:
    failed = verdict(policy="reject")
    desk.has(obey_dmarc=False, map_senders=[{"sender": "@acme.example", "person": "ana@example.org"}])
    issue = desk.takes(author="cara@acme.example", auth=failed)
    assert (issue.reporter_address, desk.organisation(issue)) == ("cara@acme.example", None)


# ---- a reply -------------------------------------------------------------------------------------------------------

REPLY = "In-Reply-To: <first@customer.example>\r\n"


@pytest.mark.setting("inbox.status_after_reply")
@pytest.mark.parametrize(
    ("wanted", "from_open", "from_closed"),
    [
        ("reopen", "new", "new"),
        ("keep", "new", "closed"),
        ("waiting", "waiting", "waiting"),
        ("dropped", "dropped", "dropped"),
    ],
)
def test_the_status_after_a_customers_reply(desk: Desk, wanted: str, from_open: str, from_closed: str) -> None:
    desk.takes(inbox={"status_after_reply": wanted}, message_id="first@customer.example")
    desk.submit(mail(extra=REPLY))
    assert desk.rows(Issue)[0].status == from_open
    desk.close()
    desk.submit(mail(extra=REPLY))
    issue = desk.rows(Issue)[0]
    assert issue.status == from_closed
    assert (issue.closed_at is not None) == (from_closed in {"closed", "dropped"})


@pytest.mark.parametrize(
    ("author", "extra"), [("ana@example.org", ""), ("cara@customer.example", "Auto-Submitted: auto-replied\r\n")]
)
def test_agents_and_machines_change_no_status(desk: Desk, author: str, extra: str) -> None:
    settings = {"status_after_reply": "waiting", "closed": {"reply": "reject"}}
    desk.takes(inbox=settings, message_id="first@customer.example")
    desk.close()
    (told,) = desk.submit(mail(author=author, extra=REPLY + extra))
    assert "SUP-1 commented" in told
    assert desk.rows(Issue)[0].status == "closed"


def test_since_when_an_issue_is_closed(desk: Desk) -> None:
    desk.takes(inbox={}, message_id="first@customer.example")
    order = mail(
        author="ana@example.org",
        mail_from="ana@example.org",
        auth=verdict("pass", aligned="spf"),
        extra=REPLY,
        body="#status dropped\r\n\r\nDone.\r\n",
    )
    desk.submit(order)
    issue = desk.rows(Issue)[0]
    assert (issue.status, issue.closed_at) == ("dropped", make.NOW)
    # From one closed status to another it stays closed since then; an operator opens it again.
    desk.close(make.NOW + timedelta(days=1))
    assert (desk.rows(Issue)[0].status, desk.rows(Issue)[0].closed_at) == ("closed", make.NOW)
    with desk.database.writing() as session:
        edit_issue(session, "SUP-1", [("status", "waiting")], make.NOW)
    assert desk.rows(Issue)[0].closed_at is None


@pytest.mark.setting("inbox.closed.reply")
@pytest.mark.parametrize(
    ("reply", "told", "status"),
    [
        ("reopen", "250 2.0.0 SUP-1 commented", "new"),
        ("comment", "250 2.0.0 SUP-1 commented", "closed"),
        ("new", "250 2.0.0 SUP-2 created", "closed"),
        ("reject", "550 5.7.1 thread.closed", "closed"),
    ],
)
def test_a_reply_to_a_closed_issue(desk: Desk, reply: str, told: str, status: str) -> None:
    desk.takes(inbox={"closed": {"reply": reply}}, message_id="first@customer.example")
    desk.close()
    (heard,) = desk.submit(mail(extra=REPLY))
    assert heard.startswith(told)
    assert desk.rows(Issue)[0].status == status


def test_a_new_issue_follows_the_closed_one_and_takes_what_comes_next(desk: Desk) -> None:
    desk.takes(inbox={"closed": {"reply": "new"}}, message_id="first@customer.example")
    desk.close()
    desk.submit(mail(extra=REPLY))
    assert [(link.kind, link.other_id) for link in desk.rows(IssueLink)] == [("follows", desk.rows(Issue)[0].id)]
    assert desk.rows(LogRow)[-1].reason == "thread.closed"
    with desk.database.session() as session:
        view = issue_view(session, "SUP-1")
    assert view is not None
    assert view["links"] == [{"kind": "followed-by", "key": "SUP-2"}]
    (again,) = desk.submit(mail(extra=REPLY))
    assert "SUP-2 commented" in again


@pytest.mark.setting("inbox.closed.within_days", "inbox.closed.later")
@pytest.mark.parametrize(
    ("ago", "told"), [(timedelta(days=7), "SUP-1 commented"), (timedelta(days=7, seconds=1), "SUP-2 created")]
)
def test_how_long_a_closed_issue_takes_replies(desk: Desk, ago: timedelta, told: str) -> None:
    closed = {"reply": "comment", "within_days": 7, "later": "new"}
    desk.takes(inbox={"closed": closed}, message_id="first@customer.example")
    desk.close(make.NOW - ago)
    (heard,) = desk.submit(mail(extra=REPLY))
    assert told in heard


# ---- who is refused ------------------------------------------------------------------------------------------------


@pytest.mark.setting("inbox.denied_domains")
@pytest.mark.parametrize(
    ("author", "reply"),
    [
        ("cara@spam.example", "550 5.7.1 sender.domain"),
        ("cara@a.junk.example", "550 5.7.1 sender.domain"),
        ("cara@junk.example", "250"),
    ],
)
def test_denied_domains(desk: Desk, author: str, reply: str) -> None:
    desk.has(denied_domains=["Spam.example", "*.junk.example"], allowed_domains=["spam.example", "*.example"])
    (told,) = desk.submit(mail(author=author))
    assert told.startswith(reply)


@pytest.mark.setting("inbox.max_size")
def test_a_mail_that_is_too_large_for_its_inbox(desk: Desk) -> None:
    desk.has(max_size="1 KiB")
    replies = desk.submit(mail(body="x" * 60 + "\r\n"), mail(body=("x" * 60 + "\r\n") * 20))
    assert [reply[:3] for reply in replies] == ["250", "552"]
    assert replies[1].startswith("552 5.3.4 rcpt.size")
