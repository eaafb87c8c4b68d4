"""An operator's work on an issue: a comment, and new values for its fields.

Contract: takes a session in a writing transaction and commits nothing. What cannot be done raises EditError with a line
that says what is allowed; nothing is changed then.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, get_args

from sqlalchemy import select
from sqlmodel import Session, col

from smtpintake.decide import policy
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.store.directory import load_policy
from smtpintake.store.events import Happened, note
from smtpintake.store.rows import Rows
from smtpintake.store.schema import Comment, Issue, IssueType, Participant, Person, PersonAddress, Project
from smtpintake.store.tracker import find_issue, people_by_id
from smtpintake.store.watching import Watching, watch

PRIORITIES: Final[tuple[str, ...]] = get_args(policy.Defaults.model_fields["priority"].annotation)
MAX_TITLE: Final = 300
MAX_TAG: Final = 60


class EditError(ValueError):
    """The change is not possible; the message says why, in one line."""


def add_comment(
    session: Session, key: str, text: str, *, author: str, operator: str, internal: bool, now: datetime
) -> int:
    """A comment on the issue `key`, and its id. `author` is the address of somebody in the directory; where it is
    empty, `operator` is the name that the comment carries.
    """
    issue = _issue(session, key)
    if not text.strip():
        raise EditError("a comment needs some text")
    if "\0" in text:  # SQLite would keep it; PostgreSQL could not, nor take it over (`store.moving`)
        raise EditError("a comment is text, and has no NUL")
    person = _person(session, author) if author else None
    comment = Comment(
        issue_id=issue.id or 0,
        author_id=person.id if person else None,
        author_address=_folded(author) if author else "",
        author_name=person.name if person else operator,
        created_at=now,
        body_text=text,
        internal=internal,
    )
    session.add(comment)
    issue.updated_at = now
    session.add(issue)
    if person is not None and not internal:
        _take_part(session, issue, person, comment.author_address, now)
    session.flush()
    assert comment.id is not None
    _note(
        session,
        Happened(
            comment.issue_id,
            policy.Happening.COMMENT,
            now,
            comment.id,
            author_id=comment.author_id,
            author_address=comment.author_address,
            by_staff=True,
        ),
        issue,
    )
    return comment.id


def watch_issue(session: Session, key: str, address: str, now: datetime, *, hears: bool) -> bool:
    """Have `address` follow the issue `key`, or leave it; False where that is so already."""
    issue = _issue(session, key)
    return watch(session.connection(), Watching(issue.id or 0, _folded(address), hears, now))


def edit_issue(
    session: Session, key: str, values: Iterable[tuple[str, str]], now: datetime, *, author: str = ""
) -> list[str]:
    """Set fields of the issue `key`: a line for each that changed. See `FIELDS`; others are `fields.NAME`. `author` is
    the address of somebody in the directory, who is not told of it; where it is empty, an operator does it.
    """
    issue = _issue(session, key)
    person = _person(session, author) if author else None
    lines: list[str] = []
    status, assignee = issue.status, issue.assignee_id
    for name, value in values:
        before = _read(session, issue, name)
        custom = name.removeprefix("fields.")
        if name in FIELDS:
            FIELDS[name](session, issue, value)
        elif custom and custom != name:
            if value and (fault := _project(session, issue).field_fault(custom, value)):
                raise EditError(fault)
            issue.fields = _with_field(issue.fields, custom, value)
        else:
            raise EditError(f"{name!r} cannot be set; there are {', '.join(FIELDS)}, fields.NAME")
        if (after := _read(session, issue, name)) != before:
            lines.append(f"{issue.key}: {name} {before!r} -> {after!r}")
    if lines:
        closed = issue.status in _project(session, issue).closed_statuses
        issue.updated_at, issue.closed_at = now, (issue.closed_at or now) if closed else None
        session.add(issue)
        session.flush()
    for kind, before, after in (
        (policy.Happening.STATUS, status, issue.status),
        (policy.Happening.ASSIGNMENT, assignee, issue.assignee_id),
    ):
        if before != after:
            told = Happened(
                issue.id or 0,
                kind,
                now,
                before=str(before or ""),
                after=str(after or ""),
                author_id=person.id if person else None,
                author_address=_folded(author) if author else "",
                by_staff=True,
            )
            _note(session, told, issue)
    return lines


def _note(session: Session, happened: Happened, issue: Issue) -> None:
    """Let those hear of it who have to do with the issue."""
    rows = Rows()
    note(rows, happened, _project(session, issue))
    rows.insert(session.connection())


def _issue(session: Session, key: str) -> Issue:
    if (issue := find_issue(session, key)) is None:
        raise EditError(f"there is no issue {key}")
    return issue


def _project(session: Session, issue: Issue) -> policy.Project:
    """What the issue's project is like; a retired one is as if nothing were said of it."""
    row = session.get_one(Project, issue.project_id)
    return load_policy(session).projects.get(row.key) or policy.Project(key=row.key, name=row.name)


def _folded(address: str) -> str:
    try:
        return Mailbox.parse(address).folded
    except AddressError as error:
        raise EditError(f"{address!r} is not an address: {error}") from error


def _person(session: Session, address: str) -> Person:
    found = session.scalars(
        select(Person)
        .join(PersonAddress, col(PersonAddress.person_id) == col(Person.id))
        .where(col(PersonAddress.address) == _folded(address), col(Person.active))
    ).first()
    if found is None:
        raise EditError(f"nobody in the directory has the address {address}")
    return found


def _take_part(session: Session, issue: Issue, person: Person, address: str, now: datetime) -> None:
    """Whoever had left the issue is back, as with a mail."""
    known = select(Participant).where(col(Participant.issue_id) == issue.id, col(Participant.address) == address)
    if session.scalars(known).first() is None:
        session.add(
            Participant(issue_id=issue.id or 0, address=address, name=person.name, role="author", person_id=person.id)
        )
        session.flush()
    watch(session.connection(), Watching(issue.id or 0, address, hears=True, moment=now))


def _with_field(fields: Mapping[str, object], name: str, value: str) -> dict[str, object]:
    """A new dict, so that the change is noticed; an empty value takes the field away."""
    rest = {key: kept for key, kept in fields.items() if key != name}
    return rest | {name: value} if value else rest


def _read(session: Session, issue: Issue, name: str) -> object:
    match name.partition("."):
        case ("assignee", "", ""):
            return next((who["address"] for who in people_by_id(session, [issue.assignee_id]).values()), "")
        case ("fields", ".", custom):
            return issue.fields.get(custom)
        case _:
            return getattr(issue, name, None)


def _set_title(_: Session, issue: Issue, value: str) -> None:
    title = " ".join(value.split())
    if not title or len(title) > MAX_TITLE:
        raise EditError(f"a title has 1 to {MAX_TITLE} characters")
    issue.title = title


def _set_status(session: Session, issue: Issue, value: str) -> None:
    issue.status = _one_of("status", value, _project(session, issue).statuses)


def _set_priority(_: Session, issue: Issue, value: str) -> None:
    issue.priority = _one_of("priority", value, PRIORITIES)


def _set_type(session: Session, issue: Issue, value: str) -> None:
    types = session.scalars(
        select(col(IssueType.name)).where(col(IssueType.project_id) == issue.project_id, col(IssueType.active))
    )
    issue.type = _one_of("type", value, tuple(types))


def _set_assignee(session: Session, issue: Issue, value: str) -> None:
    issue.assignee_id = _person(session, value).id if value else None


def _set_tags(_: Session, issue: Issue, value: str) -> None:
    """`a, b` replaces; `+a` and `-b` add and take away."""
    words = value.replace(",", " ").split()
    relative = bool(words) and all(word[0] in "+-" for word in words)
    tags = list(issue.tags) if relative else []
    for word in words:
        tag = word.lstrip("+-") if relative else word
        if not tag or len(tag) > MAX_TAG:
            raise EditError(f"a tag has 1 to {MAX_TAG} characters")
        if relative and word[0] == "-":
            tags = [kept for kept in tags if kept != tag]
        elif tag not in tags:
            tags.append(tag)
    issue.tags = tags


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise EditError(f"{what} {value!r} is not possible; allowed are {', '.join(allowed)}")
    return value


FIELDS: Final[dict[str, Callable[[Session, Issue, str], None]]] = {
    "title": _set_title,
    "status": _set_status,
    "priority": _set_priority,
    "type": _set_type,
    "assignee": _set_assignee,
    "tags": _set_tags,
}
