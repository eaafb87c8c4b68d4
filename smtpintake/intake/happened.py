"""What a mail did to an issue, for those who may hear of it.

Contract: pure. What is told of it, and to whom, is found out later and elsewhere (`outbox.notifier`).
"""

from collections.abc import Iterator
from typing import Final

from smtpintake.decide.decision import AddComment, CreateIssue
from smtpintake.decide.facts import Facts
from smtpintake.decide.policy import Happening, Policy, Right
from smtpintake.decide.rights import may, may_on
from smtpintake.intake.place import Place
from smtpintake.mail.message import Origin
from smtpintake.store.events import Happened

MAX_COPIED: Final = 100
_ANSWERS_OF_MACHINES: Final = frozenset((Origin.AUTO_REPLY, Origin.BOUNCE))


def of_new(place: Place, decision: CreateIssue, policy: Policy, author_id: int | None) -> Happened:
    """A mail made the place's issue."""
    by_staff = may(place.facts, policy, Right.AGENT, decision.fields.project).allowed
    return _happened(Happening.CREATED, place, author_id, by_staff=by_staff)


def of_comment(
    place: Place, decision: AddComment, policy: Policy, author_id: int | None, columns: dict[str, object]
) -> Iterator[Happened]:
    """A mail became the place's comment, and gave the issue's `columns` new values. A comment is no news that only
    notes what the mail's commands did, or that a machine answered to us: no robot is to be heard by another.
    """
    by_staff = may_on(place.facts, policy, Right.AGENT, decision.candidate).allowed
    by_machine = place.facts.message.origin in _ANSWERS_OF_MACHINES
    if not by_machine and not (decision.orders.alone and decision.orders.note):
        yield _happened(Happening.COMMENT, place, author_id, by_staff=by_staff)
    before = decision.candidate
    if columns.get("status", before.status) != before.status:
        status = str(columns["status"])
        yield _happened(Happening.STATUS, place, author_id, by_staff=by_staff, before=before.status, after=status)
    if "assignee_id" in columns and columns["assignee_id"] != before.assignee_id:
        was, now = (str(person_id or "") for person_id in (before.assignee_id, columns["assignee_id"]))
        yield _happened(Happening.ASSIGNMENT, place, author_id, by_staff=by_staff, before=was, after=now)


def _happened(
    kind: Happening, place: Place, author_id: int | None, *, by_staff: bool, before: str = "", after: str = ""
) -> Happened:
    assert place.issue_id is not None, "an issue that something happened to"
    return Happened(
        place.issue_id,
        kind,
        place.facts.envelope.received_at,
        place.comment_id,
        before,
        after,
        author_id,
        place.facts.message.authors[0].mailbox.folded,
        by_staff,
        _copied(place.facts),
        place.log_id,
    )


def _copied(facts: Facts) -> tuple[str, ...]:
    """To whom the mail went besides us, by its own word."""
    named = (*facts.message.to, *facts.message.cc)
    return tuple(dict.fromkeys(each.mailbox.folded for each in named))[:MAX_COPIED]
