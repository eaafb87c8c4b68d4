"""The shapes in which records leave smtpintake: what `--json` prints, and later the API.

Contract: a key that stands here stays and keeps its meaning; adding one is free. Moments are RFC 3339 in UTC.
"""

from datetime import UTC, datetime
from typing import TypedDict


class Who(TypedDict):
    name: str
    address: str


class ParticipantView(TypedDict):
    """`hears` is False for who has left the issue."""

    address: str
    name: str
    role: str
    hears: bool


class AttachmentView(TypedDict):
    """`name` is safe to save under; `detected_type` is what to take it for. `content_id` is what `cid:` in the HTML of
    the same mail names. `repeated` is true for an inline image that an earlier mail of the issue brought, such as the
    logo of a signature: it need not be listed.
    """

    id: int
    name: str
    original_name: str
    content_type: str
    detected_type: str
    size: int
    sha256: str
    inline: bool
    content_id: str
    repeated: bool


class LinkView(TypedDict):
    kind: str
    key: str


class DispatchView(TypedDict):
    """A mail of ours to one recipient: `state` is where it is (`store.outbox.State`), `note` what was last said of it.
    `outbox show` has the rest.
    """

    id: int
    kind: str
    address: str
    state: str
    note: str
    sent_at: str | None


class CommentView(TypedDict):
    """`mails` are those that told people of it, `untold` says who was not told, and why."""

    id: int
    author: Who
    created_at: str
    body_text: str
    body_html: str | None
    hidden_text: str
    quoted: str
    blocked_images: int
    internal: bool
    attachments: list[AttachmentView]
    mails: list[DispatchView]
    untold: list[str]
    proof: str
    log_id: str | None


class IssueSummary(TypedDict):
    """An issue in a list: what needs no second table for each."""

    key: str
    project: str
    type: str
    title: str
    status: str
    priority: str
    assignee: Who | None
    reporter: Who
    tags: list[str]
    created_at: str
    updated_at: str


class IssueView(IssueSummary):
    """`mails` and `untold` are those that belong to no comment."""

    organisation: str | None
    language: str
    fields: dict[str, object]
    body_text: str
    body_html: str | None
    hidden_text: str
    quoted: str
    blocked_images: int
    proof: str
    sent_at: str | None
    attachments: list[AttachmentView]
    mails: list[DispatchView]
    untold: list[str]
    participants: list[ParticipantView]
    comments: list[CommentView]
    links: list[LinkView]
    log_id: str | None


class ReplyView(TypedDict):
    code: int
    status: str
    text: str


class LogView(TypedDict):
    """A row of the email log; `comment` is a comment's id, `raw` the id of the kept octets."""

    id: str
    transaction_id: str
    received_at: str
    listener: str
    peer_ip: str
    helo: str
    tls: str | None
    relay: dict[str, str]
    login: str | None
    mail_from: str | None
    rcpt_to: str | None
    author: str | None
    subject: str | None
    message_id: str | None
    size: int | None
    spf: str | None
    dkim: list[dict[str, str]]
    dmarc: dict[str, str]
    arc: str | None
    outcome: str
    reason: str
    reply: ReplyView
    inbox: str | None
    issue: str | None
    comment: int | None
    duplicate_of: str | None
    raw: str | None
    auth_results: str | None
    policy_version: int
    trace: list[dict[str, str]]
    duration_ms: int
    released_by: str | None


class HeldView(LogView):
    """A held mail: `check` is what held it, `age` in seconds; `recipients` are all that it is held for together."""

    check: str
    age: int
    recipients: list[str]


class OutboxView(TypedDict):
    id: int
    kind: str
    state: str
    mail_from: str
    rcpt_to: str
    subject: str
    message_id: str
    issue: str | None
    log_id: str | None
    created_at: str
    attempts: int
    next_attempt_at: str | None
    sent_at: str | None
    note: str
    bounced: str | None
    bounced_at: str | None
    bounce: str


class AddressView(TypedDict):
    address: str
    stopped: bool
    score: float
    reports: int
    last_at: str
    last: str


class PersonView(TypedDict):
    id: int
    name: str
    addresses: list[str]
    organisation: str | None
    language: str
    roles: dict[str, str]
    permissions: dict[str, list[str]]
    origin: str
    active: bool
    created_at: str


def moment(value: datetime) -> str:
    """`2026-03-01T12:00:00.250Z`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
