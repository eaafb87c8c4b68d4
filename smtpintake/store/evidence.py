"""The facts of many deliveries at once: one query a kind of fact, however many mails wait.

Contract: takes an open connection, inside the transaction that will record what is judged from it, so that nothing can
change in between. Every look-up goes through an index; none reads a body or a raw mail.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import Connection, select

from smtpintake.convert.commands import CommandBlock
from smtpintake.decide.commands import named_people
from smtpintake.decide.decision import Outcome
from smtpintake.decide.delivery import Delivery, delivery_key
from smtpintake.decide.facts import Candidate, Earlier, Facts, Sender
from smtpintake.decide.policy import Policy, Role
from smtpintake.decide.threading import TokenTarget, token_targets
from smtpintake.mail.reason import Reason
from smtpintake.mail.threadkeys import subject_tokens
from smtpintake.store.addresses import sent_mails, stopped
from smtpintake.store.changing import standings
from smtpintake.store.directory import BY_MAIL, permissions_in
from smtpintake.store.known import author_of, directories, original_of
from smtpintake.store.prepared import Prepared, among, asked
from smtpintake.store.schema import (
    Inbox,
    Issue,
    LogRow,
    Organisation,
    Participant,
    Person,
    PersonAddress,
    PersonRole,
    Project,
    ThreadKey,
)
from smtpintake.store.schema.tracker import INTERNAL_ID, INTERNAL_KEY, MESSAGE_ID, REPLY_KEY
from smtpintake.store.types import stored_moment

_issue, _project, _log = Issue.__table__.c, Project.__table__.c, LogRow.__table__.c
_inbox, _key, _participant = Inbox.__table__.c, ThreadKey.__table__.c, Participant.__table__.c
_organisation = Organisation.__table__.c
_person, _address, _role = Person.__table__.c, PersonAddress.__table__.c, PersonRole.__table__.c

_EARLIER: Final = Prepared(
    select(_log.delivery_key, _log.id, _log.outcome, _log.issue_id, _issue.key, _log.comment_id)
    .join_from(LogRow.__table__, Issue.__table__, _log.issue_id == _issue.id, isouter=True)
    .where(among(_log.delivery_key, "wanted"))
)
_SENDERS: Final = Prepared(
    select(
        _address.address,
        _person.id,
        _person.name,
        _person.organisation_id,
        _organisation.name,
        _person.active,
        _person.origin,
        _person.language,
        _project.key,
        _role.role,
        _role.permissions,
    )
    .join_from(PersonAddress.__table__, Person.__table__, _address.person_id == _person.id)
    .join(PersonRole.__table__, _role.person_id == _person.id, isouter=True)
    .join(Project.__table__, _role.project_id == _project.id, isouter=True)
    .join(Organisation.__table__, _person.organisation_id == _organisation.id, isouter=True)
    .where(among(_address.address, "wanted"))
)
_FOUND: Final = (
    _issue.id,
    _issue.key,
    _issue.type,
    _issue.closed_at,
    _issue.status,
    _issue.assignee_id,
    _project.key.label("project"),
    _inbox.name.label("inbox"),
)
_KEYED: Final = Prepared(
    select(_key.kind, _key.value, _key.owner, *_FOUND)
    .join_from(ThreadKey.__table__, Issue.__table__, _key.issue_id == _issue.id)
    .join(Project.__table__, _issue.project_id == _project.id)
    .join(Inbox.__table__, _issue.inbox_id == _inbox.id, isouter=True)
    .where(among(_key.value, "wanted"))
    .order_by(_issue.id)
)
_NUMBERED: Final = Prepared(
    select(*_FOUND)
    .join_from(Issue.__table__, Project.__table__, _issue.project_id == _project.id)
    .join(Inbox.__table__, _issue.inbox_id == _inbox.id, isouter=True)
    .where(among(_issue.key, "wanted"))
)
_TAKES_PART: Final = Prepared(
    select(_participant.issue_id, _participant.address).where(
        among(_participant.issue_id, "issues"), among(_participant.address, "wanted")
    )
)
_other: Final = PersonAddress.__table__.alias("other").c
_HAS_LEFT: Final = Prepared(
    select(_participant.issue_id, _participant.address)
    .where(
        among(_participant.issue_id, "issues"),
        among(_participant.address, "wanted"),
        _participant.left_at.is_not(None),
    )
    .union_all(  # with another address of theirs
        select(_participant.issue_id, _address.address)
        .join_from(PersonAddress.__table__, _other.address.table, _other.person_id == _address.person_id)
        .join(Participant.__table__, _participant.address == _other.address)
        .where(
            among(_participant.issue_id, "issues"),
            among(_address.address, "wanted"),
            _participant.left_at.is_not(None),
        )
    )
)

# What each kind of key is, internal or not. An answer makes a known Message-ID known once more, as any other.
_KINDS: Final = {MESSAGE_ID: MESSAGE_ID, REPLY_KEY: REPLY_KEY, INTERNAL_ID: MESSAGE_ID, INTERNAL_KEY: REPLY_KEY}


@dataclass(frozen=True, slots=True)
class _Found:
    """An issue that a key or a number leads to; `internal` where that is of a mail that told of something internal."""

    issue_id: int
    issue_key: str
    issue_type: str
    closed_at: datetime | None
    status: str
    assignee_id: int | None
    project_key: str
    inbox: str | None
    owner: str | None = None
    internal: bool = False

    @classmethod
    def of(cls, row: Sequence[Any], owner: str | None = None, *, internal: bool = False) -> Self:
        """From a row of `_FOUND`."""
        issue_id, key, issue_type, closed_at, status, assignee_id, project, inbox = row
        closed_at = stored_moment(closed_at)
        return cls(issue_id, key, issue_type, closed_at, status, assignee_id, project, inbox, owner, internal)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Who takes part in which issue, and who has left it, as pairs of issue id and folded address."""

    taken: set[tuple[int, str]]
    left: set[tuple[int, str]]

    @classmethod
    def of(cls, connection: Connection, issues: set[int], authors: set[str], originals: set[str]) -> Self:
        """Those of `issues` that the authors of mails, and of what they pass on, have a part in."""
        if not issues:
            return cls(set(), set())
        several = list(issues)
        taken = asked(_TAKES_PART, connection, authors | originals, issues=several)
        left = asked(_HAS_LEFT, connection, authors, issues=several)
        return cls({(issue, address) for issue, address in taken}, {(issue, address) for issue, address in left})


def gather(
    connection: Connection,
    deliveries: Sequence[Delivery],
    policy: Policy,
    returned: Callable[[Delivery], bool],
    now: datetime,
) -> list[Facts]:
    """The Facts of each delivery, in order. `returned` tells whether a mail is one of our own come back."""
    authors = {author_of(delivery) for delivery in deliveries} - {""}
    originals = {original_of(delivery) for delivery in deliveries} - {""}
    targets = [_token_targets(delivery, policy) for delivery in deliveries]
    elsewhere = [_keys_elsewhere(delivery, policy) for delivery in deliveries]
    keys = {key for delivery, others in zip(deliveries, elsewhere, strict=True) for key in (delivery.key, *others)}
    earlier = _earlier(connection, keys)
    named = {address for delivery in deliveries for address in _named(delivery)}
    named.update(*(policy.named_people.get(name, ()) for name in {delivery.inbox.name for delivery in deliveries}))
    senders = _senders(connection, authors | originals | named)
    keyed = _keyed(connection, deliveries)
    numbered = _numbered(connection, {target.issue_key for of_one in targets for target in of_one})
    issues = {found.issue_id for several in keyed.values() for found in several}
    issues.update(found.issue_id for found in numbered.values())
    parts = _Parts.of(connection, issues, authors, originals)
    commanded = any(_commands(delivery) for delivery in deliveries)
    standing = standings(connection, issues) if commanded and issues else {}
    silenced = stopped(connection, authors, now)
    return [
        Facts(
            envelope=delivery.envelope,
            message=delivery.analysis.message,
            recipients=delivery.recipients,
            route=delivery.route,
            inbox=delivery.inbox,
            sender=senders.get(author_of(delivery)),
            candidates=tuple(_candidates(delivery, of_one, keyed, numbered, parts)),
            earlier=earlier.get(delivery.key),
            delivery_key=delivery.key,
            auth=delivery.analysis.auth,
            returned=returned(delivery),
            now=now,
            scans=delivery.analysis.scans,
            shared=_shared(others, earlier),
            text=delivery.analysis.draft.body_text if delivery.analysis.draft else "",
            files=delivery.analysis.draft.all_files if delivery.analysis.draft else (),
            commands=_commands(delivery),
            assignees={address: senders[address] for address in _named(delivery) if address in senders},
            standing=standing if _commands(delivery) else {},
            directory=directory,
            forwarded=delivery.analysis.draft.forwarded if delivery.analysis.draft else None,
            sent=sent,
            stopped=silenced.get(author_of(delivery), ""),
        )
        for delivery, of_one, others, directory, sent in zip(
            deliveries,
            targets,
            elsewhere,
            directories(connection, deliveries, policy, senders),
            sent_mails(connection, deliveries),
            strict=True,
        )
    ]


def _commands(delivery: Delivery) -> CommandBlock | None:
    draft = delivery.analysis.draft
    return draft.commands if draft is not None else None


def _named(delivery: Delivery) -> tuple[str, ...]:
    """The folded addresses of those whom the mail's commands may name: its author may mean themselves."""
    block = _commands(delivery)
    return (*named_people(block.commands), author_of(delivery)) if block is not None else ()


def _token_targets(delivery: Delivery, policy: Policy) -> tuple[TokenTarget, ...]:
    return token_targets(subject_tokens(delivery.analysis.message.subject), policy, delivery.inbox)


def _earlier(connection: Connection, keys: Iterable[str]) -> dict[str, Earlier]:
    return {key: Earlier(*committed) for key, *committed in _EARLIER.rows(connection, wanted=list(keys))}


def _keys_elsewhere(delivery: Delivery, policy: Policy) -> tuple[str, ...]:
    """The names that the same mail has in the inboxes that share their issues with this one."""
    inboxes = policy.sharing.get(delivery.inbox.name, ())
    message = delivery.analysis.message
    return tuple(delivery_key(delivery.envelope, message, name) for name in inboxes if name != delivery.inbox.name)


def _shared(keys: Iterable[str], earlier: dict[str, Earlier]) -> Earlier | None:
    """The issue that the mail made in another inbox."""
    found = (earlier[key] for key in keys if key in earlier)
    return next((one for one in found if one.outcome == Outcome.CREATED and one.issue_id is not None), None)


def _senders(connection: Connection, addresses: Iterable[str]) -> dict[str, Sender]:
    senders: dict[str, Sender] = {}
    for address, *person, project, role, permissions in asked(_SENDERS, connection, addresses):
        person_id, name, organisation_id, organisation, active, origin, language = person
        sender = Sender(
            person_id,
            name,
            {},
            organisation_id,
            organisation or "",
            bool(active),
            registered=origin != BY_MAIL,
            language=language,
        )
        sender = senders.setdefault(address, sender)
        if project is not None:
            sender.permissions[project] = frozenset(permissions_in(permissions))
            if role:
                sender.roles[project] = Role(role)
    return senders


def _keyed(connection: Connection, deliveries: Sequence[Delivery]) -> dict[tuple[str, str], list[_Found]]:
    wanted = {value for delivery in deliveries for value in delivery.analysis.message.thread_ids}
    wanted.update(key for delivery in deliveries if (key := delivery.route.reply_key))
    found: dict[tuple[str, str], list[_Found]] = defaultdict(list)
    for kind, value, owner, *issue in asked(_KEYED, connection, wanted):
        found[_KINDS[kind], value].append(_Found.of(issue, owner, internal=kind != _KINDS[kind]))
    return found


def _numbered(connection: Connection, keys: Iterable[str]) -> dict[str, _Found]:
    found = (_Found.of(issue) for issue in asked(_NUMBERED, connection, keys))
    return {issue.issue_key: issue for issue in found}


def _candidates(
    delivery: Delivery,
    targets: tuple[TokenTarget, ...],
    keyed: dict[tuple[str, str], list[_Found]],
    numbered: dict[str, _Found],
    parts: "_Parts",
) -> Iterator[Candidate]:
    """In the order in which `decide.threading` trusts them; an issue that is found twice the same way counts once."""
    author, original = author_of(delivery), original_of(delivery)
    seen: set[tuple[Reason, int]] = set()
    for how, evidence, found in _leads(delivery, targets, keyed, numbered):
        if (how, found.issue_id) not in seen:
            seen.add((how, found.issue_id))
            takes_part = (found.issue_id, author) in parts.taken
            yield Candidate(
                how,
                evidence,
                found.issue_id,
                found.issue_key,
                found.project_key,
                takes_part,
                found.owner,
                found.closed_at,
                found.issue_type,
                bool(original) and (found.issue_id, original) in parts.taken,
                found.status,
                found.assignee_id,
                found.internal,
                (found.issue_id, author) in parts.left,
            )


def _leads(
    delivery: Delivery,
    targets: tuple[TokenTarget, ...],
    keyed: dict[tuple[str, str], list[_Found]],
    numbered: dict[str, _Found],
) -> Iterator[tuple[Reason, str, _Found]]:
    """How, by what evidence, and which issue: reply key, then Message-IDs nearest first, then subject tokens."""
    if key := delivery.route.reply_key:
        for found in keyed.get((REPLY_KEY, key), ()):
            yield Reason.THREAD_KEY, key, found
    for message_id in delivery.analysis.message.thread_ids:
        # One mail to two inboxes is two issues with one Message-ID: an answer belongs to the inbox it is sent to.
        found_here = keyed.get((MESSAGE_ID, message_id), ())
        for found in sorted(found_here, key=lambda issue: (issue.inbox != delivery.inbox.name, not issue.internal)):
            yield Reason.THREAD_REFERENCE, message_id, found
    for target in targets:
        named = numbered.get(target.issue_key)
        if named is not None and target.issue_type in (None, named.issue_type):
            yield Reason.THREAD_TOKEN, target.token, named
