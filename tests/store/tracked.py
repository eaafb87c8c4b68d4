"""A tracker with one of everything: an issue with a comment, attachments, links, its log rows and its outgoing mail."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from smtpintake.decide.policy import read_document
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.configure import apply
from smtpintake.store.database import Database
from smtpintake.store.schema import (
    Attachment,
    Comment,
    Issue,
    IssueLink,
    LogRow,
    OutboxMail,
    Participant,
    RawMail,
    Trace,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SMALL = b"Subject: Printer on fire\r\n\r\nHelp!\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"x" * 300_000
POLICY = {
    "project": [
        {
            "key": "SUP",
            "name": "Support",
            "issue_types": [{"name": "incident", "prefix": "IN"}, {"name": "task", "prefix": "TK"}],
            "fields": [{"name": "room"}],
        }
    ],
    "inbox": [{"name": "support", "addresses": ["support@example.org"], "project": "SUP"}],
    "organisation": [{"name": "Acme"}],
    "person": [
        {"name": "Ana Ruiz", "addresses": ["ana@example.org", "ar@example.org"], "roles": {"SUP": "agent"}},
        {"name": "Cara", "addresses": ["cara@customer.example"], "organisation": "Acme"},
    ],
}
AUTH_RESULTS = "mx.example.org; spf=pass smtp.mailfrom=cara@customer.example"
PROVED = {
    "relay": {"ip": "198.51.100.9", "told_by": "xclient"},
    "login": "printer",
    "spf": "pass",
    "dkim": [{"domain": "customer.example", "selector": "s1", "result": "pass"}],
    "dmarc": {"domain": "customer.example", "result": "pass", "policy": "reject"},
    "arc": "none",
}
CREATED, REFUSED, HELD = "06abc00000000001", "06abc00000000002", "06xyz00000000003"


def fill(database: Database, blobs: FileBlobs, tmp_path: Path) -> None:
    """People 1 Ana and 2 Cara; issues SUP-1 (with everything) and SUP-2 (which mentions SUP-1)."""
    with database.writing() as session:
        apply(session, read_document(POLICY), "test", prune=False, now=NOW)
        session.add(
            RawMail(id="t1", received_at=NOW, size=len(SMALL), sha256="0" * 64, octets=SMALL, auth_results=AUTH_RESULTS)
        )
        file = tmp_path / "large.eml"
        file.write_bytes(LARGE)
        blobs.adopt(file, "t3blob")
        session.add(RawMail(id="t3", received_at=NOW, size=len(LARGE), sha256="1" * 64, blob="t3blob"))
        for number, title in ((1, "Printer on fire"), (2, "Another \x1b[2Jmatter\u202e")):
            session.add(issue(number, title))
        session.flush()
        comment = Comment(
            issue_id=1,
            author_id=1,
            author_address="ana@example.org",
            author_name="Ana Ruiz",
            created_at=NOW + timedelta(minutes=5),
            body_text="Use the extinguisher.",
            hidden_text="Use the extinguisher.\n> Help!",
        )
        session.add(comment)
        session.flush()
        session.add_all(attachment(name, of) for name, of in (("fire.png", None), ("manual.pdf", comment.id)))
        session.add(IssueLink(issue_id=2, other_id=1, kind="mentions"))
        session.add(Participant(issue_id=1, address="cara@customer.example", name="Cara", person_id=2))
        session.add(log_row(CREATED, "t1", outcome="created", reason="thread.new", issue_id=1, raw_id="t1", **PROVED))
        session.add(
            log_row(REFUSED, "t2", outcome="rejected", reason="rcpt.unknown", author=None, rcpt_to="no_one@example.org")
        )
        session.add(log_row(HELD, "t3", outcome="held", reason="sender.unknown", mail_from="", raw_id="t3"))
        session.flush()
        session.add(Trace(log_id=CREATED, findings=[{"check": "sender", "result": "known", "detail": "Cara"}]))
        session.add(outgoing())


def issue(number: int, title: str) -> Issue:
    return Issue(
        id=number,
        project_id=1,
        number=number,
        key=f"SUP-{number}",
        inbox_id=1,
        type="incident",
        title=title,
        reporter_id=2,
        reporter_address="cara@customer.example",
        reporter_name="Cara",
        organisation_id=1,
        assignee_id=1 if number == 1 else None,
        tags=["mail"],
        body_text="Help!",
        created_at=NOW,
        updated_at=NOW + timedelta(minutes=number),
        log_id=CREATED if number == 1 else None,
    )


def attachment(name: str, comment_id: int | None) -> Attachment:
    return Attachment(
        issue_id=1,
        comment_id=comment_id,
        raw_id="t1",
        name=name,
        original_name=f"C:\\{name}",
        content_type="application/octet-stream",
        detected_type="text/plain",
        offset=0,
        length=4,
        encoding="7bit",
        size=4,
        sha256="2" * 64,
    )


def log_row(log_id: str, transaction: str, **values: object) -> LogRow:
    base: dict[str, object] = {
        "received_at": NOW + timedelta(seconds=int(log_id[-1])),
        "listener": "127.0.0.1:2525",
        "peer_ip": "192.0.2.1",
        "helo": "client.example",
        "mail_from": "cara@customer.example",
        "rcpt_to": "support@example.org",
        "author": "cara@customer.example",
        "subject": "Printer on fire",
        "message_id": f"{transaction}@customer.example",
        "size": 500,
        "reply_code": 250,
        "reply_status": "2.0.0",
        "reply_text": "OK",
        "inbox": "support",
        "policy_version": 1,
    }
    return LogRow(id=log_id, transaction_id=transaction, **(base | values))


def outgoing() -> OutboxMail:
    return OutboxMail(
        kind="autoreply",
        issue_id=1,
        log_id=CREATED,
        mail_from="",
        rcpt_to="cara@customer.example",
        domain="customer.example",
        subject="[SUP-1] We have received your message",
        message_id="o1@example.org",
        octets=b"Subject: [SUP-1] We have received your message\r\n\r\nThanks.\r\n",
        created_at=NOW,
        next_attempt_at=NOW + timedelta(hours=1),
        note="no smarthost configured",
    )
