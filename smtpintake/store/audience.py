"""What a mail about an issue is made of: the issue, what was said, who may hear of it, and what they had before.

Contract: reads only; takes an open connection. Everything is of one issue, through an index; at most `MAX_PEOPLE`
people and `MAX_MAILS` mails are looked at, the newest first.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, or_, select, union_all

from smtpintake.decide.policy import Policy, Proof, Right, Role
from smtpintake.decide.policy.rights import BUNDLES, PERMISSIONS
from smtpintake.decide.recipients import Person
from smtpintake.decide.routing import is_ours
from smtpintake.mail.address import Mailbox
from smtpintake.store.addresses import stopped
from smtpintake.store.directory import BY_MAIL, permissions_in
from smtpintake.store.schema import (
    Attachment,
    Comment,
    Inbox,
    Issue,
    LogRow,
    OutboxMail,
    Participant,
    PersonAddress,
    PersonRole,
    Project,
)
from smtpintake.store.schema import Person as PersonRow

MAX_PEOPLE: Final = 10_000
MAX_MAILS: Final = 500
FAILED: Final = "failed"

_issue, _project, _inbox = Issue.__table__.c, Project.__table__.c, Inbox.__table__.c
_comment, _log, _outbox = Comment.__table__.c, LogRow.__table__.c, OutboxMail.__table__.c
_part, _person = Participant.__table__.c, PersonRow.__table__.c
_attachment = Attachment.__table__.c
_address, _role = PersonAddress.__table__.c, PersonRole.__table__.c

_GIVEN: Final = (_role.role, _role.permissions)
_ISSUE: Final = (
    select(
        _issue.id,
        _issue.key,
        _issue.title,
        _project.id.label("project_id"),
        _project.key.label("project"),
        _inbox.name.label("inbox"),
        _issue.language,
        _issue.assignee_id,
        _log.message_id.label("root"),
        _log.rcpt_to,
        _issue.reporter_name,
        _issue.reporter_address,
        _issue.body_text,
        _issue.body_html,
    )
    .join_from(Issue.__table__, Project.__table__, _issue.project_id == _project.id)
    .join(Inbox.__table__, _issue.inbox_id == _inbox.id, isouter=True)
    .join(LogRow.__table__, _issue.log_id == _log.id, isouter=True)
)


@dataclass(frozen=True, slots=True)
class Said:
    """A comment, or what the issue itself says."""

    author_name: str
    author_address: str
    text: str
    html: str | None
    internal: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    """An attachment: its id, the name that is safe, what it is, and how many octets. `content_id` is empty without a
    place in the HTML.
    """

    id: int
    name: str
    content_type: str
    size: int
    content_id: str


@dataclass(frozen=True, slots=True)
class About:
    """The issue that is told of. `inbox` is None where it came in by none; `root` is the Message-ID of its
    mail, and `rcpt_to` where that went."""

    id: int
    key: str
    title: str
    project_id: int
    project: str
    inbox: str | None
    language: str
    assignee_id: int | None
    root: str | None
    rcpt_to: str | None
    said: Said
    comments: Mapping[int, Said]

    def what_was_said(self, comment_id: int | None) -> Said:
        """In that comment, or in the issue itself."""
        return self.comments[comment_id] if comment_id is not None else self.said


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A mail to `address` that did not arrive, with a comment that the person `sender_id` wrote. `how` is `failed`, or
    the severity that a report of it has.
    """

    sender_id: int | None
    address: str
    how: str


def about(connection: Connection, issue_id: int, comments: Collection[int]) -> About:
    """The issue, with those of its comments."""
    row = connection.execute(_ISSUE.where(_issue.id == issue_id)).one()
    said = ("id", "author_name", "author_address", "body_text", "body_html", "internal")
    wanted = select(*(_comment[name] for name in said)).where(_comment.id.in_(comments))
    return About(
        row.id,
        row.key,
        row.title,
        row.project_id,
        row.project,
        row.inbox,
        row.language,
        row.assignee_id,
        row.root,
        row.rcpt_to,
        Said(row.reporter_name, row.reporter_address, row.body_text, row.body_html, internal=False),
        {comment_id: Said(*words) for comment_id, *words in connection.execute(wanted)},
    )


def files(connection: Connection, issue_id: int, comments: Collection[int]) -> dict[int | None, list[FileRow]]:
    """The attachments of those comments, and under None those of the issue itself."""
    rows = connection.execute(
        select(*(_attachment[name] for name in ("id", "comment_id", "name", "detected_type", "size", "content_id")))
        .where(
            _attachment.issue_id == issue_id,
            or_(_attachment.comment_id.is_(None), _attachment.comment_id.in_(comments)),
        )
        .order_by(_attachment.id)
    )
    found: dict[int | None, list[FileRow]] = defaultdict(list)
    for attachment_id, comment_id, *described in rows:
        found[comment_id].append(FileRow(attachment_id, *described))
    return found


def names(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """What the people with these ids are called."""
    rows = connection.execute(select(_person.id, _person.name).where(_person.id.in_(ids)))
    return {row.id: row.name for row in rows}


def undelivered(connection: Connection, mails: Collection[int]) -> dict[int, Undelivered]:
    """By the id of the outgoing mail, what became of those that did not arrive."""
    rows = connection.execute(
        select(_outbox.id, _comment.author_id, _outbox.rcpt_to, _outbox.bounced)
        .join_from(OutboxMail.__table__, Comment.__table__, _outbox.comment_id == _comment.id, isouter=True)
        .where(_outbox.id.in_(mails))
    )
    return {row.id: Undelivered(row.author_id, row.rcpt_to, row.bounced or FAILED) for row in rows}


def last_mails(connection: Connection, issue_id: int) -> dict[str, str]:
    """By address, the Message-ID of the last mail about the issue that went to it or came from it."""
    sent = select(_outbox.created_at, _outbox.rcpt_to, _outbox.message_id).where(_outbox.issue_id == issue_id)
    came = select(_log.received_at, _log.author, _log.message_id).where(
        _log.issue_id == issue_id, _log.author.is_not(None), _log.message_id.is_not(None)
    )
    both = union_all(sent, came).subquery()
    moment, address, message_id = both.c
    rows = connection.execute(select(address, message_id).order_by(moment.desc()).limit(MAX_MAILS)).all()
    return {row[0]: row[1] for row in reversed(rows)}


# ---- who may hear of it ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Known:
    """Somebody in the directory, who is concerned by the issue."""

    name: str
    active: bool
    registered: bool
    role: Role | None
    works: bool
    language: str = ""
    addresses: list[str] = field(default_factory=list)


def people(connection: Connection, issue: About, policy: Policy, now: datetime) -> tuple[Person, ...]:
    """Those who take part, whoever is assigned, and those who have a role in the project: each of the directory once,
    at the address with which they take part, or at their first.
    """
    parts = connection.execute(
        select(_part.address, _part.name, _part.left_at)
        .where(_part.issue_id == issue.id)
        .order_by(_part.id)
        .limit(MAX_PEOPLE)
    ).all()
    known = _directory(connection, issue, [row.address for row in parts])
    owners = {address: person_id for person_id, one in known.items() for address in one.addresses}
    places: dict[int | str, tuple[str, str, bool]] = {}
    left = {owners.get(row.address, row.address) for row in parts if row.left_at is not None}
    for address, name, _ in parts:
        places.setdefault(owners.get(address, address), (address, name, True))
    for person_id, one in known.items():
        places.setdefault(person_id, (one.addresses[0], one.name, False))
    proofs, silenced = _proofs(connection, issue.id), stopped(connection, {a for a, _, _ in places.values()}, now)
    found = []
    for address, name, takes_part in places.values():
        owner = owners.get(address)
        one = known[owner] if owner is not None else _Known(name, True, False, None, False, addresses=[address])
        found.append(
            Person(
                address,
                one.name,
                owner,
                frozenset(one.addresses),
                one.role,
                one.works,
                one.registered,
                takes_part,
                owner is not None and owner == issue.assignee_id,
                max((proofs[each] for each in one.addresses if each in proofs), key=_rank, default=None),
                _why_barred(address, one, policy, silenced),
                left=(address if owner is None else owner) in left,
                language=one.language,
            )
        )
    return tuple(found)


def _why_barred(address: str, known: _Known, policy: Policy, silenced: Mapping[str, str]) -> str:
    if not known.active:
        return "retired"
    mailbox = Mailbox.parse(address)
    # In the domain of a catch-all people may have addresses: whom we know to be one, has.
    if is_ours(policy, mailbox) or (not known.registered and f"@{mailbox.folded_domain}" in policy.addresses):
        return "one of our own addresses"
    return silenced.get(address, "")


def _directory(connection: Connection, issue: About, parts: Collection[str]) -> dict[int, _Known]:
    """By id, those of the directory who take part, are assigned or have a role in the project, in order."""
    here = and_(_role.person_id == _person.id, _role.project_id == issue.project_id)
    rows = connection.execute(
        select(_person.id, _person.name, _person.active, _person.origin, _person.language, *_GIVEN)
        .join_from(PersonRow.__table__, PersonRole.__table__, here, isouter=True)
        .where(
            or_(
                _person.id == issue.assignee_id,
                _person.id.in_(select(_address.person_id).where(_address.address.in_(parts))),
                # Customers, who may be thousands, are concerned by what they take part in alone.
                and_(_role.id.is_not(None), or_(_role.role != Role.CUSTOMER, _role.permissions != "")),
            )
        )
        .order_by(_person.id)
        .limit(MAX_PEOPLE)
    ).all()
    known = {
        row.id: _Known(row.name, row.active, row.origin != BY_MAIL, *_standing(row.role, row.permissions), row.language)
        for row in rows
    }
    theirs = select(_address.person_id, _address.address).where(_address.person_id.in_(known)).order_by(_address.id)
    for person_id, address in connection.execute(theirs):
        known[person_id].addresses.append(address)
    return {person_id: one for person_id, one in known.items() if one.addresses}


def _standing(role: str | None, permissions: str | None) -> tuple[Role | None, bool]:
    """Somebody's role in the project, and whether they may act as its agents."""
    named = Role(role) if role else None
    given = {*permissions_in(permissions or ""), *(BUNDLES[named] if named else ())}
    return named, any(Right.AGENT in PERMISSIONS[each] for each in given if each in PERMISSIONS)


def _proofs(connection: Connection, issue_id: int) -> dict[str, Proof]:
    """By address, the best proof of whoever wrote something of the issue."""
    first = select(_issue.reporter_address, _issue.proof).where(_issue.id == issue_id)
    others = select(_comment.author_address, _comment.proof).where(_comment.issue_id == issue_id).distinct()
    found: dict[str, Proof] = {}
    for address, proof in connection.execute(first.union_all(others)):
        found[address] = max(found.get(address, Proof.FAILED), Proof(proof), key=_rank)
    return found


def _rank(proof: Proof) -> int:
    return proof.rank
