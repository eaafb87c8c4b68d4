"""From mail to rows, on SQLite and on PostgreSQL: judged and recorded in one transaction, exactly once."""

import base64
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlmodel import Session
from structlog.testing import capture_logs

from smtpintake.auth.answers import Answer, Found
from smtpintake.auth.results import UNVERIFIED, AuthVerdict
from smtpintake.compose.budget import Budget
from smtpintake.decide.analysis import Analysis
from smtpintake.decide.facts import Finding
from smtpintake.decide.policy import read_document
from smtpintake.intake.analysis import drawn
from smtpintake.intake.answer import Answerer
from smtpintake.intake.explain import explain
from smtpintake.intake.record import Recorder, independent
from smtpintake.intake.submission import Failure, Raw, Refusal, Submission
from smtpintake.mail import transfer
from smtpintake.mail.envelope import Login, Relay, ToldBy
from smtpintake.mail.ids import new_id
from smtpintake.mail.parse import read
from smtpintake.mail.reason import Reason
from smtpintake.store.configure import apply
from smtpintake.store.database import Database
from smtpintake.store.edit import edit_issue
from smtpintake.store.schema import (
    Attachment,
    Comment,
    Issue,
    IssueLink,
    LogRow,
    OutboxMail,
    Participant,
    Person,
    RawMail,
    ThreadKey,
    Trace,
)
from smtpintake.store.snapshot import Snapshots
from smtpintake.wiring import load_templates
from tests import make
from tests.databases import configured, new_sqlite, put_in_force
from tests.decide.verdicts import verdict
from tests.postgres import Restored, new_database

SECRET = b"s" * 32
# None of these mails is authenticated: whoever From names is believed, and answered.
BELIEVED = {"require": "none", "auto_reply": {"least_proof": "none"}}
POLICY = {
    "project": [
        {"key": "SUP", "name": "Support", "issue_types": [{"name": "incident", "prefix": "IN"}]},
        {"key": "OPS", "name": "Operations", "issue_types": [{"name": "alert", "prefix": "AL"}]},
    ],
    "inbox": [
        {
            "name": "support",
            "addresses": ["support@example.org", "help@example.org"],
            "project": "SUP",
            "unknown_senders": "create",
            "defaults": {"priority": "high", "tags": ["mail"]},
            **BELIEVED,
        },
        {
            "name": "ops",
            "addresses": ["ops@example.org"],
            "project": "OPS",
            "unknown_senders": "create",
            **BELIEVED,
        },
        {
            "name": "partners",
            "addresses": ["partners@example.org"],
            "project": "SUP",
            "unknown_senders": "reject",
            **BELIEVED,
        },
        {"name": "strict", "addresses": ["strict@example.org"], "project": "SUP", "unknown_senders": "create"},
    ],
    "person": [{"name": "Ana", "addresses": ["ana@example.org"], "roles": {"SUP": "agent"}}],
}


# People write again at once here.
IMPATIENT = Budget(pause=timedelta())


class World:
    """A recorder that takes whole mails, on the database at `url`, or a new one in memory."""

    def __init__(self, url: str = "", budget: Budget = IMPATIENT) -> None:
        self.database = Database(url) if url else new_sqlite()
        self.snapshots = Snapshots(self.database)
        answerer = Answerer(SECRET, load_templates(), budget)
        self.recorder = Recorder(self.snapshots, answerer, "mx.example.org")

    def submit(self, *jobs: Submission | Refusal) -> list[str]:
        with self.database.write() as connection:
            return [str(replies[0]) for replies in self.recorder.record(connection, jobs)]

    def rows(self, model: type) -> list[Any]:
        with Session(self.database.engine) as session:
            return list(session.scalars(select(model).order_by(*model.__table__.primary_key)))

    def count(self, model: type) -> int:
        with Session(self.database.engine) as session:
            return session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture(scope="module")
def postgres_configured(postgres_admin: Engine, postgres_schema: str) -> Iterator[Restored]:
    """A database with POLICY in force, for one test after the other."""
    for url in new_database(postgres_admin, postgres_schema):
        database = Database(url)
        put_in_force(database, POLICY)
        database.close()
        restored = Restored(url)
        yield restored
        restored.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """With POLICY in force."""
    if request.param == "sqlite":
        urls = iter([configured(f"sqlite:///{tmp_path}/test.db", POLICY)])
    else:
        urls = request.getfixturevalue("postgres_configured").used()
    for url in urls:
        world = World(url)
        yield world
        world.database.close()


def mail(
    *recipients: str,
    author: str = "Cara <cara@customer.example>",
    subject: str = "Printer on fire",
    message_id: str | None = None,
    extra: str = "",
    body: str = "Help!\r\n",
    mail_from: str | None = "cara@customer.example",
    auth: AuthVerdict = UNVERIFIED,
    **envelope: Any,
) -> Submission:
    message_id = message_id or f"{uuid.uuid4().hex}@customer.example"
    raw = (
        f"From: {author}\r\nTo: support@example.org\r\nSubject: {subject}\r\n"
        f"Message-ID: <{message_id}>\r\n{extra}\r\n{body}"
    ).encode()
    message = read(raw)
    given = make.envelope(*recipients, mail_from=mail_from, transaction_id=new_id(make.NOW), **envelope)
    separators = ("-- reply above this line --",)
    drafted = None if message.refusal else drawn(raw, message, separators)
    analysis = Analysis(message, drafted, auth)
    return Submission(given, Raw(len(raw), message.sha256, raw), analysis, None, 0.0)


MIXED = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
PDF = (
    "--x\r\nContent-Type: text/plain\r\n\r\nSee the log.\r\n--x\r\nContent-Type: application/pdf\r\n"
    "Content-Disposition: attachment; filename=log.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "aGVsbG8gd29ybGQ=\r\n--x--\r\n"
)


def test_a_mail_becomes_an_issue_with_all_that_belongs_to_it(world: World) -> None:
    extra = "Date: Fri, 27 Feb 2026 10:00:00 +0100\r\nCc: Dora <dora@customer.example>, help@example.org\r\n"
    (reply,) = world.submit(mail(extra=extra))
    assert reply.startswith("250 2.0.0 SUP-1 created; log ")
    (issue,) = world.rows(Issue)
    assert (issue.key, issue.number, issue.type, issue.title) == ("SUP-1", 1, "incident", "Printer on fire")
    assert (issue.priority, issue.tags, issue.status, issue.body_text) == ("high", ["mail"], "open", "Help!")
    assert issue.reporter_address == "cara@customer.example"
    assert issue.sent_at == datetime(2026, 2, 27, 9, tzinfo=UTC)
    (row,) = world.rows(LogRow)
    assert (row.outcome, row.reason, row.issue_id, row.inbox) == ("created", "thread.new", issue.id, "support")
    assert issue.log_id == row.id
    assert reply.endswith(row.id)
    (person,) = [person for person in world.rows(Person) if person.origin == "mail"]
    assert (person.name, issue.reporter_id) == ("Cara", person.id)
    assert {(p.address, p.role) for p in world.rows(Participant)} == {
        ("cara@customer.example", "reporter"),
        ("dora@customer.example", "cc"),
    }
    (answer,) = world.rows(OutboxMail)
    assert (answer.rcpt_to, answer.mail_from, answer.issue_id, answer.log_id) == (
        "cara@customer.example",
        "",
        issue.id,
        row.id,
    )
    (raw,) = world.rows(RawMail)
    assert raw.id == row.raw_id == row.transaction_id
    (trace,) = world.rows(Trace)
    assert trace.findings[0]["check"] == "route"
    assert trace.findings[-1] == {"check": "auto_reply", "result": "queued", "detail": "to cara@customer.example"}


def test_an_attachment_is_a_view_of_the_raw_mail(world: World) -> None:
    world.submit(mail(extra=MIXED, body=PDF))
    (view,), (raw,) = world.rows(Attachment), world.rows(RawMail)
    assert (view.name, view.size, view.raw_id) == ("log.pdf", 11, raw.id)
    assert raw.octets[view.offset : view.offset + view.length].strip() == b"aGVsbG8gd29ybGQ="


def test_a_file_inside_another_part_is_opened_from_the_raw_mail(world: World) -> None:
    """Here: in a text that is PGP-signed and has a note that nobody verified it."""
    signed = (
        "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nIt burns.\r\n"
        "-----BEGIN PGP SIGNATURE-----\r\n\r\niQEz\r\n-----END PGP SIGNATURE-----\r\n"
    )
    world.submit(
        mail(extra="Content-Transfer-Encoding: base64\r\n", body=base64.b64encode(signed.encode()).decode() + "\r\n")
    )
    (issue,), (view,), (raw,), (trace,) = (world.rows(table) for table in (Issue, Attachment, RawMail, Trace))
    assert issue.body_text == "It burns.\n\n(signature unverified)"
    opened = b"".join(transfer.decoded(raw.octets, view.offset, view.length, view.encoding))
    assert (view.name, opened.split()[-1], len(opened)) == ("signature.asc", b"SIGNATURE-----", view.size)
    assert {"check": "content", "result": "noted", "detail": "(signature unverified)"} in trace.findings


def test_numbers_run_without_gaps_and_by_project(world: World) -> None:
    world.submit(mail(), mail("ops@example.org"), mail(), mail("partners@example.org"), mail())
    world.submit(mail(), mail("ops@example.org"))
    assert sorted(issue.key for issue in world.rows(Issue)) == ["OPS-1", "OPS-2", "SUP-1", "SUP-2", "SUP-3", "SUP-4"]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_reply_becomes_a_comment(world: World, together: bool) -> None:
    first = mail(message_id="first@customer.example")
    second = mail(subject="Re: Printer", extra="In-Reply-To: <first@customer.example>\r\n", body="It burns.\r\n")
    replies = world.submit(first, second) if together else world.submit(first) + world.submit(second)
    assert replies[1].startswith("250 2.0.0 SUP-1 commented; log ")
    (comment,), (issue,) = world.rows(Comment), world.rows(Issue)
    assert (comment.issue_id, comment.body_text) == (issue.id, "It burns.")
    assert [row.reason for row in world.rows(LogRow)] == ["thread.new", "thread.reference"]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_second_delivery_is_answered_as_the_first_and_adds_nothing(world: World, together: bool) -> None:
    first, again = mail(message_id="same@customer.example"), mail(message_id="same@customer.example")
    replies = world.submit(first, again) if together else world.submit(first) + world.submit(again)
    assert [reply.partition(";")[0] for reply in replies] == ["250 2.0.0 SUP-1 created"] * 2
    assert world.count(Issue) == world.count(RawMail) == world.count(OutboxMail) == 1
    rows = world.rows(LogRow)
    assert [row.outcome for row in rows] == ["created", "duplicate"]
    assert rows[1].duplicate_of == rows[0].id
    assert rows[1].issue_id == rows[0].issue_id


def test_two_replies_to_a_mail_that_we_never_saw_are_one_issue(world: World) -> None:
    unseen = "References: <unseen@customer.example>\r\n"
    replies = world.submit(mail(extra=unseen), mail(subject="Re: Printer", extra=unseen))
    assert [reply.split()[3].rstrip(";") for reply in replies] == ["created", "commented"]


def reply_address(world: World) -> str:
    (key,) = [key.value for key in world.rows(ThreadKey) if key.kind == "reply-key"]
    return f"support+{key}@example.org"


def test_the_keyed_reply_address_finds_the_issue_without_any_header(world: World) -> None:
    world.submit(mail())
    (reply,) = world.submit(mail(reply_address(world).upper(), subject="something else"))
    assert "SUP-1 commented" in reply
    (comment,) = world.rows(Comment)
    assert comment.proof == "key"
    assert world.rows(LogRow)[-1].reason == "thread.key"


def test_the_keyed_reply_address_is_of_no_use_to_a_stranger(world: World) -> None:
    world.submit(mail())
    (reply,) = world.submit(mail(reply_address(world), author="eve@evil.example", mail_from="eve@evil.example"))
    assert "SUP-2 created" in reply
    assert [(link.kind, link.other_id) for link in world.rows(IssueLink)] == [("mentions", world.rows(Issue)[0].id)]


@pytest.mark.parametrize("token", ["[SUP-1]", "[IN:000001]", "#1"])
def test_a_token_in_the_subject_serves_who_takes_part_and_nobody_else(world: World, token: str) -> None:
    world.submit(mail())
    (own,) = world.submit(mail(subject=f"Re: {token} Printer"))
    (agents,) = world.submit(mail(subject=f"Re: {token} Printer", author="ana@example.org"))
    (strangers,) = world.submit(mail(subject=f"Re: {token} Printer", author="eve@evil.example"))
    assert "SUP-1 commented" in own
    assert "SUP-1 commented" in agents
    assert "SUP-2 created" in strangers


def test_a_stranger_who_refers_to_an_issue_does_not_capture_its_thread(world: World) -> None:
    world.submit(mail(message_id="first@customer.example"))
    reference = "References: <first@customer.example>\r\n"
    world.submit(mail(author="eve@evil.example", extra=reference))
    (reply,) = world.submit(mail(extra=reference))
    assert "SUP-1 commented" in reply


def test_a_reply_to_our_answer_finds_the_issue(world: World) -> None:
    world.submit(mail())
    (answer,) = world.rows(OutboxMail)
    (reply,) = world.submit(mail(extra=f"In-Reply-To: <{answer.message_id}>\r\n"))
    assert "SUP-1 commented" in reply


def test_our_own_mail_come_back_is_set_aside(world: World) -> None:
    world.submit(mail())
    (answer,) = world.rows(OutboxMail)
    mark = next(line for line in answer.octets.decode().split("\r\n") if line.startswith("X-Smtpintake-Loop"))
    (reply,) = world.submit(mail(extra=f"{mark}\r\n"))
    assert reply.startswith("250 2.0.0 accepted, not processed")
    assert [row.reason for row in world.rows(LogRow)] == ["thread.new", "loop.own"]


def test_one_mail_to_two_inboxes_is_two_linked_issues_and_a_row_each(world: World) -> None:
    (reply,) = world.submit(mail("support@example.org", "ops@example.org", "help@example.org"))
    assert "SUP-1 created" in reply
    rows = world.rows(LogRow)
    keys = {issue.id: issue.key for issue in world.rows(Issue)}
    assert {(row.rcpt_to, row.outcome, keys[row.issue_id]) for row in rows} == {
        ("support@example.org", "created", "SUP-1"),
        ("help@example.org", "created", "SUP-1"),
        ("ops@example.org", "created", "OPS-1"),
    }
    assert len({row.transaction_id for row in rows}) == 1
    assert [link.kind for link in world.rows(IssueLink)] == ["same-mail"]
    assert world.count(RawMail) == 1


def test_where_one_inbox_accepts_the_refusal_of_the_other_is_held(world: World) -> None:
    (reply,) = world.submit(mail("partners@example.org", "ops@example.org"))
    assert "OPS-1 created" in reply
    rows = {row.inbox: (row.outcome, row.reason) for row in world.rows(LogRow)}
    assert rows == {"partners": ("held", "sender.unknown"), "ops": ("created", "thread.new")}


def test_an_answer_to_a_mail_in_two_inboxes_goes_where_it_is_sent(world: World) -> None:
    world.submit(mail("support@example.org", "ops@example.org", message_id="both@customer.example"))
    (reply,) = world.submit(mail("ops@example.org", extra="In-Reply-To: <both@customer.example>\r\n"))
    assert "OPS-1 commented" in reply


def test_one_answer_to_two_inboxes_of_one_issue_is_one_comment(world: World) -> None:
    world.submit(mail(message_id="first@customer.example"))
    (reply,) = world.submit(
        mail("support@example.org", "ops@example.org", extra="In-Reply-To: <first@customer.example>\r\n")
    )
    assert "SUP-1 commented" in reply
    assert world.count(Comment) == 1
    assert [row.outcome for row in world.rows(LogRow)] == ["created", "commented", "commented"]


def test_a_stranger_is_refused_and_the_refusal_is_logged_with_its_octets(world: World) -> None:
    (reply,) = world.submit(mail("partners@example.org"))
    assert reply.startswith("550 5.7.1 sender.unknown: ")
    (row,) = world.rows(LogRow)
    assert (row.outcome, row.author, row.subject) == ("rejected", "cara@customer.example", "Printer on fire")
    assert (row.reply_code, row.reply_status, row.delivery_key) == (550, "5.7.1", None)
    assert reply == f"{row.reply_code} {row.reply_status} {row.reply_text}"
    assert world.rows(RawMail)[0].id == row.raw_id
    assert world.count(Issue) == 0


def test_an_inbox_that_takes_anybody_does_not_open_the_one_that_does_not(world: World) -> None:
    world.submit(mail("support@example.org"))
    (reply,) = world.submit(mail("partners@example.org"))
    assert reply.startswith("550 5.7.1 sender.unknown: ")
    added = {"person": [{"name": "Cara", "addresses": ["cara@customer.example"]}]}
    with world.database.writing() as session:
        apply(session, read_document(POLICY | added), "test", prune=False, now=make.NOW)
    (reply,) = world.submit(mail("partners@example.org"))
    assert "SUP-2 created" in reply


def test_a_refused_mail_is_judged_anew_when_it_comes_again(world: World) -> None:
    again = {"message_id": "same@customer.example"}
    world.submit(mail("partners@example.org", **again))
    added = {"person": [{"name": "Cara", "addresses": ["cara@customer.example"]}]}
    with world.database.writing() as session:
        apply(session, read_document(POLICY | added), "test", prune=False, now=make.NOW)
    (reply,) = world.submit(mail("partners@example.org", **again))
    assert "SUP-1 created" in reply


def test_the_policy_of_the_moment_judges_and_the_log_names_it(world: World) -> None:
    world.submit(mail())
    inboxes = [inbox | {"unmatched": "hold"} for inbox in POLICY["inbox"]]
    with world.database.writing() as session:
        apply(session, read_document(POLICY | {"inbox": inboxes}), "test", prune=False, now=make.NOW)
    (reply,) = world.submit(mail())
    assert "held for review" in reply
    assert [row.policy_version for row in world.rows(LogRow)] == [1, 2]


def test_a_policy_in_force_is_worked_out_before_a_mail_needs_it(world: World) -> None:
    world.snapshots.look()
    policy = world.snapshots.newest.policy
    kept = {name for name, value in vars(type(policy)).items() if isinstance(value, cached_property)}
    assert "rulebook" in kept
    assert kept <= vars(policy).keys()


def test_a_recipient_that_the_policy_lost_after_rcpt_is_refused_or_held(world: World) -> None:
    (alone,) = world.submit(mail("gone@example.org"))
    assert alone.startswith("550 5.1.1 rcpt.unknown")
    world.submit(mail("gone@example.org", "support@example.org"))
    assert sorted(row.outcome for row in world.rows(LogRow)) == ["created", "held", "rejected"]


def test_a_closed_issue_is_opened_by_a_reply_and_not_by_an_absence_note(world: World) -> None:
    world.submit(mail(message_id="first@customer.example"))
    close(world)
    reference = "In-Reply-To: <first@customer.example>\r\n"
    world.submit(mail(extra=reference + "Auto-Submitted: auto-replied\r\n"))
    assert [issue.status for issue in world.rows(Issue)] == ["closed"]
    world.submit(mail(extra=reference))
    assert [issue.status for issue in world.rows(Issue)] == ["open"]


def close(world: World) -> None:
    with world.database.writing() as session:
        edit_issue(session, "SUP-1", [("status", "closed")], make.NOW)


def test_answers_to_one_author_fall_silent(world: World) -> None:
    world.submit(*(mail() for _ in range(7)))
    world.submit(*(mail() for _ in range(7)))
    assert world.count(Issue) == 14
    assert world.count(OutboxMail) == 10
    assert _why_silent(world) == {"cara@customer.example was sent 10 answers within 3 h"}


def test_who_was_just_answered_is_not_answered_again(world: World) -> None:
    world.recorder = Recorder(world.snapshots, Answerer(SECRET, load_templates()), "mx.example.org")
    world.submit(mail(), mail())
    world.submit(mail(), mail(author="Ben <ben@customer.example>", mail_from="ben@customer.example"))
    assert [row.rcpt_to for row in world.rows(OutboxMail)] == ["cara@customer.example", "ben@customer.example"]


def test_a_mail_that_makes_two_issues_is_answered_once(world: World) -> None:
    world.submit(mail("support@example.org", "ops@example.org"))
    assert world.count(Issue) == 2
    assert world.count(OutboxMail) == 1
    assert _why_silent(world) == {"this mail has been answered from another inbox"}


def test_an_own_template_that_fails_costs_no_answer_and_is_told(world: World, tmp_path: Path) -> None:
    (tmp_path / "autoreply.txt").write_text("{{ 1 / (issue_key|length - 5) }}")  # the sample is SUP-12, this one SUP-1
    templates = load_templates(tmp_path)
    assert not templates.faults
    world.recorder = Recorder(world.snapshots, Answerer(SECRET, templates), "mx.example.org")
    with capture_logs() as journal:
        world.submit(mail(extra="Content-Language: de\r\n"))
    (answer,), (trace,), (issue,) = (world.rows(table) for table in (OutboxMail, Trace, Issue))
    assert "wir haben Ihre Nachricht erhalten" in answer.text
    assert issue.language == "de"
    fault = "autoreply.txt: cannot be rendered in de: division by zero"
    assert trace.findings[-1]["detail"] == f"to cara@customer.example, by the built-in templates: {fault}"
    assert [(event["log_level"], event["fault"]) for event in journal if "fault" in event] == [("error", fault)]


def _why_silent(world: World) -> set[str]:
    findings = (finding for trace in world.rows(Trace) for finding in trace.findings)
    return {each["detail"] for each in findings if (each["check"], each["result"]) == ("auto_reply", "none")}


def test_what_no_analyser_could_read_is_deferred_and_its_octets_kept_once(world: World) -> None:
    failure = Failure(Reason.FAULT_ANALYSIS, Finding("analysis", "killed", "at its deadline"))

    def unreadable() -> Submission:
        return Submission(make.envelope(transaction_id=new_id(make.NOW)), Raw(4, "a" * 64, b"evil"), None, failure, 0.0)

    replies = world.submit(unreadable()) + world.submit(unreadable())
    assert all(reply.startswith("451 4.3.0 fault.analysis: ") for reply in replies)
    rows = world.rows(LogRow)
    assert [(row.outcome, row.reason) for row in rows] == [("deferred", "fault.analysis")] * 2
    assert world.count(RawMail) == 1
    assert {row.raw_id for row in rows} == {world.rows(RawMail)[0].id}


def test_a_refusal_before_data_is_a_row_too(world: World) -> None:
    envelope = make.envelope()
    refusal = Refusal(
        reason=Reason.RCPT_UNKNOWN,
        transaction_id=new_id(make.NOW),
        received_at=make.NOW,
        listener=envelope.listener,
        peer=envelope.peer,
        hello=envelope.hello,
        tls=None,
        mail_from="",
        rcpt_to="nobody@example.org",
        size=None,
        detail="",
        relay=Relay("198.51.100.9", ToldBy.PROXY),
        login=Login("printer", ()),
    )
    (reply,) = world.submit(refusal)
    (row,) = world.rows(LogRow)
    assert (row.relay, row.login) == ({"ip": "198.51.100.9", "told_by": "proxy"}, "printer")
    assert (row.spf, row.dkim, row.dmarc, row.arc) == (None, [], {}, None)
    assert reply == f"550 5.1.1 rcpt.unknown: no such recipient here, check the address; log {row.id}"
    assert (row.outcome, row.rcpt_to, row.peer_ip) == ("rejected", "nobody@example.org", "192.0.2.1")


PROVED = verdict("pass", "pass,fail list.example", "reject", aligned="spf dkim")
FORGED = verdict("pass evil.example", "", "reject")


def test_what_was_verified_is_in_the_log_and_beside_the_octets(world: World) -> None:
    relay = Relay("198.51.100.9", ToldBy.XCLIENT)
    world.submit(mail("strict@example.org", auth=PROVED, relay=relay, login=Login("cara", ())))
    (row,) = world.rows(LogRow)
    assert (row.spf, row.arc) == ("pass", "none")
    assert row.dkim == [
        {"domain": "customer.example", "selector": "s1", "result": "pass"},
        {"domain": "list.example", "selector": "s1", "result": "fail"},
    ]
    assert row.dmarc == {"domain": "customer.example", "result": "pass", "policy": "reject"}
    assert (row.relay, row.login) == ({"ip": "198.51.100.9", "told_by": "xclient"}, "cara")
    (raw,) = world.rows(RawMail)
    assert raw.auth_results.split()[:3] == ["mx.example.org;", "auth=pass", "smtp.auth=cara;"]
    assert "spf=pass smtp.mailfrom=cara@customer.example" in raw.auth_results
    (issue,) = world.rows(Issue)
    assert issue.proof == "aligned"


def test_a_refused_forgery_has_its_verdict_in_the_log(world: World) -> None:
    (reply,) = world.submit(mail("strict@example.org", auth=FORGED))
    (row,) = world.rows(LogRow)
    assert reply.startswith("550 5.7.26 auth.dmarc: ")
    assert (row.outcome, row.reason, row.spf, row.dkim) == ("rejected", "auth.dmarc", "pass", [])
    assert row.dmarc == {"domain": "customer.example", "result": "fail", "policy": "reject"}
    assert world.rows(RawMail)[0].auth_results.endswith("arc=none")


def test_what_dns_could_not_tell_yet_is_deferred_and_taken_when_it_can(world: World) -> None:
    undecided = verdict("fail", "temperror", "reject", undecided=True)
    (first,) = world.submit(mail("strict@example.org", auth=undecided, message_id="m@customer.example"))
    (second,) = world.submit(mail("strict@example.org", auth=PROVED, message_id="m@customer.example"))
    assert first.startswith("451 4.4.3 auth.temperror: ")
    assert second.startswith("250 2.0.0 SUP-1 created")
    assert {row.outcome for row in world.rows(LogRow)} == {"deferred", "created"}


def test_an_explanation_has_the_verdict_and_every_look_up(world: World) -> None:
    asked = (Answer("_dmarc.customer.example", "TXT", Found.RECORDS, ("v=DMARC1; p=reject",)),)
    submission = mail("strict@example.org", "nobody@example.org", auth=FORGED)
    assert submission.analysis is not None
    world.snapshots.look()
    policy = world.snapshots.newest.policy
    told = explain(world.database, world.recorder, policy, submission.envelope, submission.analysis, lookups=asked)
    assert [(each.inbox, each.reason) for each in told] == [("strict", "auth.dmarc"), (None, "rcpt.unknown")]
    assert all((each.auth, each.lookups) == (FORGED, asked) for each in told)
    assert world.count(LogRow) == 0


def test_only_a_proved_author_is_answered_by_default_and_then_with_their_title(world: World) -> None:
    world.submit(mail("strict@example.org"), mail("strict@example.org", auth=PROVED))
    told = {trace.findings[-1]["detail"] for trace in world.rows(Trace)}
    assert told == {
        "right to auto_reply in SUP (everybody) takes proof aligned, this is none",
        "to cara@customer.example",
    }
    (answer,) = world.rows(OutboxMail)
    assert b"    Printer on fire" in answer.octets


def test_an_unproved_author_is_not_told_what_a_forger_may_have_written(world: World) -> None:
    world.submit(mail())
    (answer,) = world.rows(OutboxMail)
    assert b"Printer on fire" not in answer.octets


@pytest.mark.parametrize(("auth", "outcome"), [(PROVED, "commented"), (UNVERIFIED, "created")])
def test_an_agents_role_is_worth_something_with_proof(world: World, auth: AuthVerdict, outcome: str) -> None:
    world.submit(mail(auth=PROVED))
    world.submit(mail("strict@example.org", author="ana@example.org", subject="[SUP-1]", auth=auth))
    assert [row.outcome for row in world.rows(LogRow) if row.author == "ana@example.org"] == [outcome]


def test_two_first_mails_of_one_author_make_one_person(world: World) -> None:
    world.submit(mail(), mail())
    people = [person for person in world.rows(Person) if person.origin == "mail"]
    assert len(people) == 1
    assert {issue.reporter_id for issue in world.rows(Issue)} == {people[0].id}


def test_order_is_by_receipt_whatever_the_date_field_says(world: World) -> None:
    world.submit(mail(extra="Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"))
    assert world.rows(Issue)[0].created_at - make.NOW < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("make_jobs", "sizes"),
    [
        (lambda: [mail(), mail(), mail()], [3]),
        (lambda: [mail(message_id="a@x"), mail(message_id="a@x"), mail()], [1, 2]),
        (lambda: [mail(message_id="a@x"), mail(), mail(extra="References: <a@x>\r\n"), mail()], [2, 2]),
        (list, []),
    ],
)
def test_mails_that_depend_on_each_other_are_never_in_one_group(
    make_jobs: Callable[[], list[Submission]], sizes: list[int]
) -> None:
    assert [len(group) for group in independent(make_jobs())] == sizes


def test_commands_change_the_issue_each_after_the_other(world: World) -> None:
    world.submit(mail())
    proved = {"author": "Ana <ana@example.org>", "subject": "Re: [SUP-1]", "auth": verdict("pass", aligned="spf")}
    world.submit(
        mail(body="#tag one\r\n#assign me\r\n#status closed\r\n\r\nDone.\r\n", **proved),
        mail(body="#tag two\r\n#nonsense\r\n", **proved),
        mail(body="#assign nobody\r\n#priority low\r\n\r\nOr so.\r\n", **proved),
    )
    (issue,) = world.rows(Issue)
    assert (issue.tags, issue.status, issue.priority) == (["mail", "one", "two"], "closed", "low")
    assert issue.assignee_id is None
    assert issue.closed_at is not None
    assert [(comment.body_text, comment.internal) for comment in world.rows(Comment)] == [
        ("Done.", False),
        ("status: open -> closed\ntags: mail -> mail one\nassignee: nobody -> ana@example.org", True),
        ("#nonsense", False),
        ("tags: mail one -> mail one two", True),
        ("Or so.", False),
        ("priority: high -> low\nassignee: ana@example.org -> nobody", True),
    ]
    (report,) = [row for row in world.rows(OutboxMail) if row.kind == "commands"]
    assert (report.rcpt_to, report.issue_id) == ("ana@example.org", issue.id)


def test_a_mail_is_sent_on_once_to_each_and_never_back_to_us(world: World) -> None:
    world.submit(mail())
    forward = "#forward expert@partner.example\r\n#forward ops@example.org\r\n\r\nHere.\r\n"
    sent = mail(
        author="Ana <ana@example.org>", subject="Re: [SUP-1]", body=forward, auth=verdict("pass", aligned="spf")
    )
    world.submit(sent)
    world.submit(sent)
    assert [row.rcpt_to for row in world.rows(OutboxMail) if row.kind == "forward"] == ["expert@partner.example"]
