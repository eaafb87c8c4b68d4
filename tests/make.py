"""Values for tests, complete and plain, each field to be overridden by name."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from smtpintake.auth.results import UNVERIFIED
from smtpintake.convert.commands import CommandBlock, command_block
from smtpintake.convert.file import File
from smtpintake.convert.filename import safe_name
from smtpintake.decide.facts import Candidate, Earlier, Facts, Sender, Standing
from smtpintake.decide.issuefields import IssueFields, initial
from smtpintake.decide.policy import Policy, Role, read_document
from smtpintake.decide.routing import Route, route
from smtpintake.mail.address import Mailbox, ReversePath
from smtpintake.mail.envelope import Envelope, Hello, Peer
from smtpintake.mail.message import Attachment, Author, Message, Origin
from smtpintake.mail.reason import Reason

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def policy(version: int = 1, **inbox: Any) -> Policy:
    """A policy with project SUP, a second project OPS, and one inbox `support` with these settings."""
    support = {"name": "support", "addresses": ["support@example.org"], "project": "SUP", "unknown_senders": "create"}
    projects = [
        {
            "key": "SUP",
            "name": "Support",
            "issue_types": [{"name": "incident", "prefix": "IN"}, {"name": "task", "prefix": "TK"}],
        },
        {"key": "OPS", "name": "Operations", "issue_types": [{"name": "alert", "prefix": "AL"}]},
    ]
    return Policy(version, read_document({"project": projects, "inbox": [support | inbox]}))


def fields(subject: str = "Printer on fire", **values: Any) -> IssueFields:
    """What an issue of `policy()` is made with."""
    made = policy()
    return replace(initial(made, made.inboxes["support"], subject), **values)


def author(address: str = "cara@customer.example", name: str = "Cara") -> Author:
    return Author(Mailbox.parse(address), name)


def message(**values: Any) -> Message:
    base: dict[str, Any] = {
        "message_id": "m1@customer.example",
        "in_reply_to": (),
        "references": (),
        "from_fields": 1,
        "authors": (author(),),
        "reply_to": (),
        "to": (author("support@example.org", ""),),
        "cc": (),
        "subject": "Printer on fire",
        "date": NOW,
        "origin": Origin.HUMAN,
        "loop_marks": (),
        "received_count": 1,
        "header": (),
        "text": "Help!",
        "html": None,
        "attachments": (),
        "defects": (),
        "size": 500,
        "sha256": "0" * 64,
        "body_sha256": "1" * 64,
        "refusal": None,
    }
    return Message(**(base | values))


def envelope(*recipients: str, mail_from: str | None = "cara@customer.example", **values: Any) -> Envelope:
    base: dict[str, Any] = {
        "transaction_id": "0" * 16,
        "received_at": NOW,
        "listener": "127.0.0.1:2525",
        "peer": Peer("192.0.2.1", 4711),
        "hello": Hello("client.example"),
        "tls": None,
        "mail_from": ReversePath(Mailbox.parse(mail_from) if mail_from else None),
        "rcpt_to": tuple(Mailbox.parse(recipient) for recipient in recipients or ("support@example.org",)),
    }
    return Envelope(**(base | values))


def sender(role: Role | None = None, *, active: bool = True, registered: bool = True) -> Sender:
    return Sender(7, "Cara", {"SUP": role} if role else {}, active=active, registered=registered)


def candidate(how: Reason = Reason.THREAD_REFERENCE, *, participates: bool = True, **values: Any) -> Candidate:
    base: dict[str, Any] = {
        "how": how,
        "evidence": "evidence",
        "issue_id": 3,
        "issue_key": "SUP-3",
        "project_key": "SUP",
        "author_participates": participates,
        "issue_type": "incident",
    }
    return Candidate(**(base | values))


def block(*lines: str, text: str = "Hello", html: str | None = None) -> CommandBlock:
    """The commands of a mail that begins with `lines`."""
    found = command_block("\n".join([*lines, "", text]), html)
    assert found is not None
    return found


def standing(**values: Any) -> Standing:
    base: dict[str, Any] = {
        "status": "open",
        "priority": "normal",
        "issue_type": "incident",
        "assignee": "",
        "assignee_id": 0,
        "tags": (),
    }
    return Standing(**(base | values))


def earlier() -> Earlier:
    return Earlier("0123456789abcdef", "created", 3, "SUP-3", None)


def file(name: str, declared: str, detected: str = "", size: int = 1) -> File:
    part = Attachment(name, declared, 0, size, "base64", size, "0" * 64)
    return File(part, safe_name(name), detected or declared)


def facts(rules: Policy, **values: Any) -> Facts:
    recipient = Mailbox.parse("support@example.org")
    found = route(rules, recipient)
    base: dict[str, Any] = {
        "envelope": envelope(),
        "message": message(),
        "recipients": (recipient,),
        "route": found if isinstance(found, Route) else Route("support", "exact", recipient.folded),
        "inbox": rules.inboxes["support"],
        "sender": None,
        "candidates": (),
        "earlier": None,
        "delivery_key": "k",
        "auth": UNVERIFIED,
        "returned": False,
        "now": NOW,
    }
    return Facts(**(base | values))
