"""Issues, to be looked at: one with all that belongs to it, or many in brief.

Contract: reads only; takes an open session. A body is read where one issue is asked for, never for a list.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import Row, Select, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from smtpintake.store.dispatches import dispatches
from smtpintake.store.events import untold
from smtpintake.store.schema import (
    Attachment,
    Comment,
    Issue,
    IssueLink,
    Organisation,
    Participant,
    Person,
    PersonAddress,
    Project,
)
from smtpintake.store.views import (
    AttachmentView,
    CommentView,
    DispatchView,
    IssueSummary,
    IssueView,
    LinkView,
    ParticipantView,
    Who,
    moment,
)

# What is read of each issue in a list.
_SUMMARIES: Final[Select[*tuple[object, ...]]] = select(
    *(
        col(Issue.key),
        col(Project.key).label("project"),
        col(Issue.type),
        col(Issue.title),
        col(Issue.status),
        col(Issue.priority),
        col(Issue.assignee_id),
        col(Issue.reporter_name),
        col(Issue.reporter_address),
        col(Issue.tags),
        col(Issue.created_at),
        col(Issue.updated_at),
    )
).join_from(Issue, Project, col(Issue.project_id) == col(Project.id))


def find_issue(session: Session, key: str) -> Issue | None:
    """The issue `SUP-12`, in whatever case it is asked for."""
    return session.scalars(select(Issue).where(col(Issue.key) == key.upper())).first()


def issue_list(
    session: Session,
    *,
    project: str | None = None,
    status: str | None = None,
    part: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
) -> list[IssueSummary]:
    """The issues that changed last, newest first; `part` is of the title, or of the reporter's name or address, `since`
    and `until` when it changed last.
    """
    wanted = _SUMMARIES
    if project is not None:
        wanted = wanted.where(col(Project.key) == project.upper())
    if status is not None:
        wanted = wanted.where(col(Issue.status) == status)
    if part is not None:
        searched = (Issue.title, Issue.reporter_name, Issue.reporter_address)
        wanted = wanted.where(or_(*(col(column).icontains(part, autoescape=True) for column in searched)))
    if since is not None:
        wanted = wanted.where(col(Issue.updated_at) >= since)
    if until is not None:
        wanted = wanted.where(col(Issue.updated_at) < until)
    return _summaries(session, wanted.order_by(col(Issue.updated_at).desc(), col(Issue.id).desc()).limit(limit))


def issues_of(session: Session, person_id: int, limit: int = 20) -> list[IssueSummary]:
    """The newest issues that the person reported."""
    wanted = _SUMMARIES.where(col(Issue.reporter_id) == person_id)
    return _summaries(session, wanted.order_by(col(Issue.id).desc()).limit(limit))


def issue_view(session: Session, key: str) -> IssueView | None:
    """An issue with its comments in the order of receipt, its attachments, participants and links."""
    issue = find_issue(session, key)
    if issue is None or issue.id is None:
        return None
    summary = _summaries(session, _SUMMARIES.where(col(Issue.id) == issue.id))[0]
    attachments = _attachments(session, issue.id)
    mails, left_out = dispatches(session, issue.id), untold(session.connection(), issue.id)
    return {
        **summary,
        "organisation": session.scalar(
            select(col(Organisation.name)).where(col(Organisation.id) == issue.organisation_id)
        ),
        "language": issue.language,
        "fields": issue.fields,
        "body_text": issue.body_text,
        "body_html": issue.body_html,
        "hidden_text": issue.hidden_text,
        "quoted": issue.quoted,
        "blocked_images": issue.blocked_images,
        "proof": issue.proof,
        "sent_at": moment(issue.sent_at) if issue.sent_at else None,
        "attachments": attachments[None],
        "mails": mails[None],
        "untold": left_out[None],
        "participants": _participants(session, issue.id),
        "comments": _comments(session, issue.id, attachments, mails, left_out),
        "links": _links(session, issue.id),
        "log_id": issue.log_id,
    }


def people_by_id(session: Session, ids: Iterable[int | None]) -> dict[int, Who]:
    """Name and first address of each person."""
    wanted = {person_id for person_id in ids if person_id is not None}
    found: dict[int, Who] = {}
    if not wanted:
        return found
    rows = session.execute(
        select(col(Person.id), col(Person.name), col(PersonAddress.address))
        .join_from(Person, PersonAddress, col(PersonAddress.person_id) == col(Person.id), isouter=True)
        .where(col(Person.id).in_(wanted))
        .order_by(col(PersonAddress.id))
    )
    for person_id, name, address in rows:
        found.setdefault(person_id, {"name": name, "address": address or ""})
    return found


def _summaries(session: Session, wanted: Select[*tuple[object, ...]]) -> list[IssueSummary]:
    rows = session.execute(wanted).all()
    people = people_by_id(session, (row.assignee_id for row in rows))
    return [_summary(row, people) for row in rows]


def _summary(row: Row[*tuple[object, ...]], people: dict[int, Who]) -> IssueSummary:
    return {
        "key": row.key,
        "project": row.project,
        "type": row.type,
        "title": row.title,
        "status": row.status,
        "priority": row.priority,
        "assignee": people.get(row.assignee_id),
        "reporter": {"name": row.reporter_name, "address": row.reporter_address},
        "tags": row.tags,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
    }


def _attachments(session: Session, issue_id: int) -> dict[int | None, list[AttachmentView]]:
    """By comment; those of the issue itself under None."""
    found: dict[int | None, list[AttachmentView]] = defaultdict(list)
    seen: set[str] = set()
    rows = select(Attachment).where(col(Attachment.issue_id) == issue_id).order_by(col(Attachment.id))
    for row in session.scalars(rows):
        found[row.comment_id].append(
            {
                "id": row.id or 0,
                "name": row.name,
                "original_name": row.original_name,
                "content_type": row.content_type,
                "detected_type": row.detected_type,
                "size": row.size,
                "sha256": row.sha256,
                "inline": row.inline,
                "content_id": row.content_id,
                "repeated": row.inline and row.sha256 in seen,
            }
        )
        seen.add(row.sha256)
    return found


def _comments(
    session: Session,
    issue_id: int,
    attachments: dict[int | None, list[AttachmentView]],
    mails: dict[int | None, list[DispatchView]],
    left_out: dict[int | None, list[str]],
) -> list[CommentView]:
    rows = select(Comment).where(col(Comment.issue_id) == issue_id).order_by(col(Comment.created_at), col(Comment.id))
    return [
        {
            "id": row.id or 0,
            "author": {"name": row.author_name, "address": row.author_address},
            "created_at": moment(row.created_at),
            "body_text": row.body_text,
            "body_html": row.body_html,
            "hidden_text": row.hidden_text,
            "quoted": row.quoted,
            "blocked_images": row.blocked_images,
            "internal": row.internal,
            "attachments": attachments[row.id],
            "mails": mails[row.id],
            "untold": left_out[row.id],
            "proof": row.proof,
            "log_id": row.log_id,
        }
        for row in session.scalars(rows)
    ]


def _participants(session: Session, issue_id: int) -> list[ParticipantView]:
    rows = select(Participant).where(col(Participant.issue_id) == issue_id).order_by(col(Participant.id))
    return [
        {"address": row.address, "name": row.name, "role": row.role, "hears": row.left_at is None}
        for row in session.scalars(rows)
    ]


def _links(session: Session, issue_id: int) -> list[LinkView]:
    """Read from both sides: an issue that is mentioned knows of it."""
    this, other = aliased(Issue), aliased(Issue)
    rows = session.execute(
        select(col(IssueLink.kind), col(IssueLink.issue_id), col(this.key), col(other.key))
        .join_from(IssueLink, this, col(IssueLink.issue_id) == col(this.id))
        .join(other, col(IssueLink.other_id) == col(other.id))
        .where(or_(col(IssueLink.issue_id) == issue_id, col(IssueLink.other_id) == issue_id))
        .order_by(col(IssueLink.id))
    )
    return [
        {"kind": kind, "key": far} if source == issue_id else {"kind": _INVERSE.get(kind, kind), "key": near}
        for kind, source, near, far in rows
    ]


_INVERSE: Final = {"mentions": "mentioned-by", "follows": "followed-by"}
