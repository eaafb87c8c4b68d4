"""Reading the tracker, the log, the outbox and the people: every key of the contract, and an operator's edits."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from smtpintake.store.blobs import FileBlobs
from smtpintake.store.database import Database
from smtpintake.store.edit import EditError, add_comment, edit_issue
from smtpintake.store.logcount import Count, log_count
from smtpintake.store.maillog import (
    AmbiguousIdError,
    LogFilter,
    log_list,
    log_view,
    raw_mail,
)
from smtpintake.store.outbox import State
from smtpintake.store.outboxview import outbox_list, outbox_octets, outbox_view
from smtpintake.store.peopleview import person_list, person_view
from smtpintake.store.schema import LogRow
from smtpintake.store.tracker import issue_list, issue_view, issues_of
from tests.store.tracked import AUTH_RESULTS, CREATED, HELD, LARGE, NOW, REFUSED, SMALL, fill

LATER = NOW + timedelta(days=1)


@pytest.fixture
def blobs(tmp_path: Path) -> Iterator[FileBlobs]:
    blobs = FileBlobs(tmp_path / "blobs")
    yield blobs
    blobs.close()


@pytest.fixture
def database(database: Database, tmp_path: Path, blobs: FileBlobs) -> Database:
    fill(database, blobs, tmp_path)
    return database


def test_an_issue_has_every_key_of_the_contract(database: Database) -> None:
    with database.session() as session:
        view = issue_view(session, "sup-1")
    assert view == {
        "key": "SUP-1",
        "project": "SUP",
        "type": "incident",
        "title": "Printer on fire",
        "status": "open",
        "priority": "normal",
        "assignee": {"name": "Ana Ruiz", "address": "ana@example.org"},
        "reporter": {"name": "Cara", "address": "cara@customer.example"},
        "organisation": "Acme",
        "language": "en",
        "tags": ["mail"],
        "fields": {},
        "body_text": "Help!",
        "body_html": None,
        "hidden_text": "",
        "quoted": "",
        "blocked_images": 0,
        "proof": "none",
        "sent_at": None,
        "attachments": [
            {
                "id": 1,
                "name": "fire.png",
                "original_name": "C:\\fire.png",
                "content_type": "application/octet-stream",
                "detected_type": "text/plain",
                "size": 4,
                "sha256": "2" * 64,
                "inline": False,
                "content_id": "",
                "repeated": False,
            }
        ],
        "mails": [
            {
                "id": 1,
                "kind": "autoreply",
                "address": "cara@customer.example",
                "state": "queued",
                "note": "no smarthost configured",
                "sent_at": None,
            }
        ],
        "untold": [],
        "participants": [{"address": "cara@customer.example", "name": "Cara", "role": "reporter", "hears": True}],
        "comments": [
            {
                "id": 1,
                "author": {"name": "Ana Ruiz", "address": "ana@example.org"},
                "created_at": "2026-03-01T12:05:00.000Z",
                "body_text": "Use the extinguisher.",
                "body_html": None,
                "hidden_text": "Use the extinguisher.\n> Help!",
                "quoted": "",
                "blocked_images": 0,
                "internal": False,
                "attachments": [
                    {
                        "id": 2,
                        "name": "manual.pdf",
                        "original_name": "C:\\manual.pdf",
                        "content_type": "application/octet-stream",
                        "detected_type": "text/plain",
                        "size": 4,
                        "sha256": "2" * 64,
                        "inline": False,
                        "content_id": "",
                        "repeated": False,
                    }
                ],
                "mails": [],
                "untold": [],
                "proof": "none",
                "log_id": None,
            }
        ],
        "links": [{"kind": "mentioned-by", "key": "SUP-2"}],
        "created_at": "2026-03-01T12:00:00.000Z",
        "updated_at": "2026-03-01T12:01:00.000Z",
        "log_id": CREATED,
    }


def test_issues_are_listed_newest_change_first(database: Database) -> None:
    with database.session() as session:
        assert [one["key"] for one in issue_list(session)] == ["SUP-2", "SUP-1"]
        assert [one["key"] for one in issue_list(session, limit=1)] == ["SUP-2"]
        assert issue_list(session, project="OPS") == issue_list(session, status="closed") == []
        assert len(issue_list(session, project="sup", status="open")) == 2
        changed = datetime.fromisoformat(issue_list(session)[0]["updated_at"])
        assert [one["key"] for one in issue_list(session, since=changed)] == ["SUP-2"]
        assert [one["key"] for one in issue_list(session, until=changed)] == ["SUP-1"]
        title, reporter = issue_list(session)[1]["title"], issue_list(session)[1]["reporter"]["address"]
        assert [one["key"] for one in issue_list(session, part=title.upper())] == ["SUP-1"]
        assert "SUP-1" in [one["key"] for one in issue_list(session, part=reporter)]
        assert issue_list(session, part="%") == []
        assert [one["key"] for one in issues_of(session, 2)] == ["SUP-2", "SUP-1"]
        assert issue_view(session, "SUP-3") is None
        other = issue_view(session, "SUP-2")
    assert other is not None
    assert other["assignee"] is None
    assert other["links"] == [{"kind": "mentions", "key": "SUP-1"}]


def test_a_log_row_has_every_key_of_the_contract(database: Database) -> None:
    with database.session() as session:
        view = log_view(session, CREATED)
    assert view == {
        "id": CREATED,
        "transaction_id": "t1",
        "received_at": "2026-03-01T12:00:01.000Z",
        "listener": "127.0.0.1:2525",
        "peer_ip": "192.0.2.1",
        "helo": "client.example",
        "tls": None,
        "relay": {"ip": "198.51.100.9", "told_by": "xclient"},
        "login": "printer",
        "mail_from": "cara@customer.example",
        "rcpt_to": "support@example.org",
        "author": "cara@customer.example",
        "subject": "Printer on fire",
        "message_id": "t1@customer.example",
        "size": 500,
        "spf": "pass",
        "dkim": [{"domain": "customer.example", "selector": "s1", "result": "pass"}],
        "dmarc": {"domain": "customer.example", "result": "pass", "policy": "reject"},
        "arc": "none",
        "outcome": "created",
        "reason": "thread.new",
        "reply": {"code": 250, "status": "2.0.0", "text": "OK"},
        "inbox": "support",
        "issue": "SUP-1",
        "comment": None,
        "duplicate_of": None,
        "released_by": None,
        "raw": "t1",
        "auth_results": AUTH_RESULTS,
        "policy_version": 1,
        "trace": [{"check": "sender", "result": "known", "detail": "Cara"}],
        "duration_ms": 0,
    }


FILTERED = (
    (LogFilter(), [HELD, REFUSED, CREATED]),
    (LogFilter(outcome="held"), [HELD]),
    (LogFilter(reason="rcpt.unknown"), [REFUSED]),
    (LogFilter(issue="sup-1"), [CREATED]),
    (LogFilter(issue="SUP-9"), []),
    (LogFilter(transaction="t2"), [REFUSED]),
    (LogFilter(since=NOW + timedelta(seconds=2)), [HELD, REFUSED]),
    (LogFilter(until=NOW + timedelta(seconds=2)), [CREATED]),
    (LogFilter(client="192.0.2"), [HELD, REFUSED, CREATED]),
    (LogFilter(client="CLIENT.example"), [HELD, REFUSED, CREATED]),
    (LogFilter(client="198.51"), []),
    (LogFilter(message_id="<t1@customer.example>"), [CREATED]),
    (LogFilter(message_id="T1@"), [CREATED]),
    (LogFilter(sender="CARA@"), [HELD, REFUSED, CREATED]),
    (LogFilter(recipient="no_one"), [REFUSED]),
    (LogFilter(recipient="%"), []),
    (LogFilter(recipient="nonone"), []),
    (LogFilter(outcome="held", reason="rcpt.unknown"), []),
)


def test_the_log_is_narrowed_by_each_condition(database: Database) -> None:
    with database.session() as session:
        assert [(wanted, [row["id"] for row in log_list(session, wanted)]) for wanted, _ in FILTERED] == list(FILTERED)


COUNTED = (
    ("outcome", [("created", 1), ("held", 1), ("rejected", 1)]),
    ("reason", [("rcpt.unknown", 1), ("sender.unknown", 1), ("thread.new", 1)]),
    ("sender", [("Cara@customer.example", 1), ("cara@customer.example", 1), ("dora@other.example", 1)]),
    ("domain", [("customer.example", 2), ("other.example", 1)]),
    ("client", [("192.0.2.1", 3)]),
    ("recipient", [("support@example.org", 2), ("no_one@example.org", 1)]),
)


def test_the_log_is_counted_by_what_rows_have_in_common(database: Database) -> None:
    with database.writing() as session:
        held, refused = session.get(LogRow, HELD), session.get(LogRow, REFUSED)
        assert held is not None
        assert refused is not None
        held.author = "Cara@customer.example"
        refused.author, refused.mail_from = None, "dora@other.example"
    with database.session() as session:
        for group, expected in COUNTED:
            assert [(one.name, one.count) for one in log_count(session, LogFilter(), group)] == expected
        assert log_count(session, LogFilter(outcome="deferred"), "reason") == []
        everything = log_count(session, LogFilter(), "domain", limit=1)
    assert everything == [Count("customer.example", 2, NOW + timedelta(seconds=1), NOW + timedelta(seconds=3))]


def test_the_beginning_of_a_log_id_is_enough_where_it_names_one(database: Database) -> None:
    with database.session() as session:
        found = log_view(session, "06XY")
        assert found is not None
        assert found["id"] == HELD
        with pytest.raises(AmbiguousIdError, match="06ab is the beginning of several ids"):
            log_view(session, "06ab")
        for nobody in ("07", "0000000000000000", "", "%", "not an id", "06abc000000000011"):
            assert log_view(session, nobody) is None


def test_a_mail_is_given_as_it_came(database: Database, blobs: FileBlobs) -> None:
    with database.session() as session:
        assert raw_mail(session, blobs, "t1") == SMALL
        assert raw_mail(session, blobs, "t3") == LARGE
        assert raw_mail(session, blobs, "t9") is None
        blobs.delete("t3blob")
        with pytest.raises(FileNotFoundError):
            raw_mail(session, blobs, "t3")


def test_the_outbox_is_read(database: Database) -> None:
    with database.session() as session:
        (mail,) = outbox_list(session, state=State.QUEUED, issue="sup-1")
        assert mail == outbox_view(session, 1)
        written = datetime.fromisoformat(mail["created_at"])
        assert (outbox_list(session, since=written), outbox_list(session, until=written)) == ([mail], [])
        assert outbox_list(session, state=State.SENT) == outbox_list(session, issue="SUP-2") == []
        assert (outbox_octets(session, 1) or b"").endswith(b"Thanks.\r\n")
        assert outbox_view(session, 2) is outbox_octets(session, 2) is None
    assert mail == {
        "id": 1,
        "kind": "autoreply",
        "state": "queued",
        "mail_from": "",
        "rcpt_to": "cara@customer.example",
        "subject": "[SUP-1] We have received your message",
        "message_id": "o1@example.org",
        "issue": "SUP-1",
        "log_id": CREATED,
        "created_at": "2026-03-01T12:00:00.000Z",
        "attempts": 0,
        "next_attempt_at": "2026-03-01T13:00:00.000Z",
        "sent_at": None,
        "note": "no smarthost configured",
        "bounced": None,
        "bounced_at": None,
        "bounce": "",
    }


def test_people_are_found_by_address_id_and_part(database: Database) -> None:
    with database.session() as session:
        ana = person_view(session, "ar@example.org")
        assert ana == person_view(session, "1") == person_list(session, part="RUIZ")[0]
        assert [one["name"] for one in person_list(session)] == ["Cara", "Ana Ruiz"]
        assert [one["name"] for one in person_list(session, part="customer")] == ["Cara"]
        for nobody in ("x@example.org", "9", "9" * 30, "²", ""):
            assert person_view(session, nobody) is None
    assert ana == {
        "language": "",
        "id": 1,
        "name": "Ana Ruiz",
        "addresses": ["ana@example.org", "ar@example.org"],
        "organisation": None,
        "roles": {"SUP": "agent"},
        "permissions": {},
        "origin": "policy",
        "active": True,
        "created_at": "2026-03-01T12:00:00.000Z",
    }


def test_an_operator_comments(database: Database) -> None:
    with database.writing() as session:
        add_comment(session, "SUP-1", "By Ana", author="AR@example.org", operator="root", internal=False, now=LATER)
        add_comment(session, "SUP-1", "By root", author="", operator="root", internal=True, now=LATER)
    with database.session() as session:
        view = issue_view(session, "SUP-1")
    assert view is not None
    assert [(one["author"], one["internal"]) for one in view["comments"][1:]] == [
        ({"name": "Ana Ruiz", "address": "ar@example.org"}, False),
        ({"name": "root", "address": ""}, True),
    ]
    assert view["updated_at"].startswith("2026-03-02")
    assert [one["address"] for one in view["participants"]] == ["cara@customer.example", "ar@example.org"]


def test_an_operator_changes_fields(database: Database) -> None:
    values = [
        ("status", "closed"),
        ("priority", "normal"),
        ("type", "task"),
        ("assignee", "cara@customer.example"),
        ("tags", "+urgent -mail"),
        ("title", " Put\tout "),
        ("fields.room", "12"),
    ]
    with database.writing() as session:
        lines = edit_issue(session, "sup-1", values, LATER)
        assert edit_issue(session, "SUP-1", values, LATER) == []
    assert lines == [
        "SUP-1: status 'open' -> 'closed'",
        "SUP-1: type 'incident' -> 'task'",
        "SUP-1: assignee 'ana@example.org' -> 'cara@customer.example'",
        "SUP-1: tags ['mail'] -> ['urgent']",
        "SUP-1: title 'Printer on fire' -> 'Put out'",
        "SUP-1: fields.room None -> '12'",
    ]
    with database.writing() as session:
        edit_issue(session, "SUP-1", [("assignee", ""), ("fields.room", ""), ("tags", "a, b")], LATER)
    with database.session() as session:
        view = issue_view(session, "SUP-1")
    assert view is not None
    assert (view["assignee"], view["fields"], view["tags"]) == (None, {}, ["a", "b"])
    assert (view["status"], view["type"], view["title"]) == ("closed", "task", "Put out")


IMPOSSIBLE = (
    ("status", "done", "allowed are open, closed"),
    ("priority", "asap", "allowed are low, normal, high, urgent"),
    ("type", "alert", "allowed are incident, task"),
    ("assignee", "nobody@example.org", "nobody in the directory"),
    ("assignee", "nobody", "not an address"),
    ("title", "  ", "1 to 300 characters"),
    ("tags", "x" * 61, "1 to 60 characters"),
    ("key", "SUP-9", "'key' cannot be set; there are title, status"),
    ("fields.", "x", "cannot be set"),
)


def test_an_impossible_change_changes_nothing(database: Database) -> None:
    for name, value, what in IMPOSSIBLE:
        with pytest.raises(EditError, match=what), database.writing() as session:
            edit_issue(session, "SUP-1", [("priority", "high"), (name, value)], LATER)
    with database.session() as session:
        view = issue_view(session, "SUP-1")
    assert view is not None
    assert (view["priority"], view["updated_at"][:10]) == ("normal", "2026-03-01")


def test_what_is_not_there_cannot_be_worked_on(database: Database) -> None:
    with database.writing() as session:
        with pytest.raises(EditError, match="there is no issue SUP-9"):
            edit_issue(session, "SUP-9", [], LATER)
        with pytest.raises(EditError, match="needs some text"):
            add_comment(session, "SUP-1", " \n", author="", operator="root", internal=False, now=LATER)
        with pytest.raises(EditError, match="has no NUL"):
            add_comment(session, "SUP-1", "a\0b", author="", operator="root", internal=False, now=LATER)
