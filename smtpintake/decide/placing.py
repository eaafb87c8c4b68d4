"""Where a mail belongs that no check refused: on an issue, in a new one, or what its inbox does with the rest.

Contract: pure. `placed` is asked by `decide.judge`, once the thread is known; each ruling says on what grounds.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from smtpintake.decide.attachments import dropped, left_in_mail
from smtpintake.decide.authenticity import unproved
from smtpintake.decide.commands import is_leaving
from smtpintake.decide.decision import (
    AddComment,
    CreateIssue,
    Discard,
    Extent,
    Hold,
    Reject,
    Ruling,
    ruled,
)
from smtpintake.decide.facts import Candidate, Facts, Finding
from smtpintake.decide.fieldsof import fields_of, in_project
from smtpintake.decide.forwards import observation, passed_on
from smtpintake.decide.issuefields import IssueFields, initial
from smtpintake.decide.policy import ClosedReply, Policy, Right, Unentitled, UnknownSenders, Unmatched
from smtpintake.decide.replying import closed_reply, extent, status_after
from smtpintake.decide.rights import Answer, is_unknown, may, may_on, stand_in
from smtpintake.decide.threading import Thread, find_thread
from smtpintake.mail.message import Origin
from smtpintake.mail.reason import Reason

_TOKEN: Final = Reason.THREAD_TOKEN
_UNKNOWN: Final = "unknown_senders"
_CREATE: Final = "create"
_MACHINE_ANSWERS: Final = frozenset((Origin.BOUNCE, Origin.AUTO_REPLY))


def placed(facts: Facts, policy: Policy, thread: Thread, *, imported: bool) -> Ruling:
    """The ruling for a mail that no check refused: a comment, an issue, or what the inbox does with the rest.

    Whom the inbox does not let in is told so before anything else about issues; what it does with a mail of its own
    comes before the right to make one, which only matters where one is to be made.
    """
    automatic = facts.message.origin in _MACHINE_ANSWERS
    if thread.match is not None:
        # Who unsubscribes says nothing, which no closed issue refuses.
        news = not automatic and not thread.by_staff and not is_leaving(facts, thread.match)
        return _reply(facts, policy, thread, thread.match, news=news)
    if automatic:
        return ruled("decision", "discard", Discard(Reason.ORIGIN_AUTOMATIC), "an automatic answer to nothing we know")
    let_in = imported or facts.waived == _UNKNOWN
    if is_unknown(facts) and not let_in and (ruling := _unknown_sender(facts)) is not None:
        return ruling
    if thread.mentions and facts.inbox.unentitled is Unentitled.HOLD and passed_on(facts, policy) is None:
        keys = ", ".join(issue.issue_key for issue in thread.mentions)
        return ruled("unentitled", "hold", Hold(Reason.THREAD_RIGHT), f"no right to write to {keys}")
    return _unmatched(facts, policy, thread, asked_for=not let_in)


def _reply(facts: Facts, policy: Policy, thread: Thread, match: Candidate, *, news: bool) -> Ruling:
    """The ruling for a mail that belongs to `match`. `news` is False for what has no bearing on the status."""
    action, why = ClosedReply.REOPEN, ""
    if news and match.closed_at is not None:
        action, why = closed_reply(facts, match)
    before = (Finding("closed", action, f"{match.issue_key} {why}"),) if why else ()
    if action is ClosedReply.REJECT:
        return ruled("closed", action, Reject(Reason.THREAD_CLOSED), f"{match.issue_key} {why}")
    if action is ClosedReply.NEW:
        # The new issue may be there already: it claims the Message-IDs that made the author's mail find the closed one.
        open_ones = tuple(each for each in facts.candidates if each.closed_at is None and each.how is not _TOKEN)
        if (other := find_thread(replace(facts, candidates=open_ones), policy)).match is not None:
            return replace(_reply(facts, policy, other, other.match, news=news), before=(*before, *other.findings))
        return _created(facts, policy, Reason.THREAD_CLOSED, "decision", "create", follows=match, before=before)
    reopen = may_on(facts, policy, Right.REOPEN, match)
    allowed = match.closed_at is None or reopen
    status = status_after(facts.inbox, policy, match) if news and allowed and action is ClosedReply.REOPEN else ""
    comment = AddComment(
        match.how,
        match,
        thread.proof,
        _makes_person(facts) and thread.proof.rank >= facts.inbox.unknown_least_proof.rank,
        status=status,
        extent=_extent(facts, may_on(facts, policy, Right.PARTICIPANTS, match)),
    )
    on = f"on {match.issue_key}" + (f", now {status}" if status else "") + ("" if allowed else f"; {reopen.why}")
    return replace(ruled("decision", "comment", comment, on), before=(*before, *left_in_mail(facts)))


def _makes_person(facts: Facts) -> bool:
    # Whoever was let in by an operator, and not by the inbox, is nobody whom we know.
    return facts.sender is None and facts.inbox.unknown_senders is UnknownSenders.CREATE


def _unknown_sender(facts: Facts) -> Ruling | None:
    """What the inbox does with an author who is not registered, unless it lets them in."""
    says, least = facts.inbox.unknown_senders, facts.inbox.unknown_least_proof
    detail = f"{facts.message.authors[0].mailbox.folded} is not registered; inbox {facts.inbox.name} says {says}"
    match says:
        case UnknownSenders.REJECT:
            return ruled(_UNKNOWN, "reject", Reject(Reason.SENDER_UNKNOWN), detail)
        case UnknownSenders.HOLD:
            return ruled(_UNKNOWN, "hold", Hold(Reason.SENDER_UNKNOWN), detail)
        case UnknownSenders.IMPORT if stand_in(facts) is None:
            nobody = f"{detail} as {facts.inbox.import_as}, who is nobody"
            return ruled(_UNKNOWN, "hold", Hold(Reason.SENDER_UNKNOWN), nobody)
    if facts.proof.rank < least.rank:
        return ruled(_UNKNOWN, "unproved", unproved(facts), f"{detail} with proof {least}; this is {facts.proof}")
    return None


def _unmatched(facts: Facts, policy: Policy, thread: Thread, *, asked_for: bool) -> Ruling:
    unmatched = facts.inbox.unmatched
    where = f"inbox {facts.inbox.name}, project {facts.inbox.project}"
    match unmatched:
        case Unmatched.CREATE:
            return new_issue(facts, policy, thread, asked_for=asked_for)
        case Unmatched.REJECT:
            return ruled("unmatched", unmatched, Reject(Reason.THREAD_UNMATCHED), where)
        case Unmatched.HOLD:
            return ruled("unmatched", unmatched, Hold(Reason.THREAD_UNMATCHED), where)
        case Unmatched.DISCARD:
            return ruled("unmatched", unmatched, Discard(Reason.THREAD_UNMATCHED), where)


def new_issue(facts: Facts, policy: Policy, thread: Thread, *, asked_for: bool = True) -> Ruling:
    made = partial(_created, facts, policy, Reason.THREAD_NEW, "unmatched", Unmatched.CREATE)
    return made(mentions=thread.mentions, asked_for=asked_for)


def _created(
    facts: Facts,
    policy: Policy,
    reason: Reason,
    check: str,
    result: str,
    *,
    mentions: tuple[Candidate, ...] = (),
    follows: Candidate | None = None,
    before: tuple[Finding, ...] = (),
    asked_for: bool = True,
) -> Ruling:
    """The ruling for a mail that becomes an issue, with how its fields came about. An operator's word, or a rule that
    imports the mail, stands for the right to make one.
    """
    fields, found = fields_of(facts, policy)
    found = (*observation(facts, policy), *found)
    original = passed_on(facts, policy)
    if asked_for:
        place, answers = _allowed_place(facts, policy, fields)
        why = "; ".join(answer.why for answer in answers)
        if place is None:
            decision = unproved(facts) if answers[-1].missing else Reject(Reason.SENDER_RIGHT)
            return replace(ruled(_CREATE, "no right", decision, why), before=(*before, *found))
        fields, found = place, (*found, Finding(_CREATE, "allowed", why))
    copied = may(facts, policy, Right.PARTICIPANTS, fields.project)
    issue = CreateIssue(
        reason,
        _makes_person(facts),
        fields,
        mentions,
        follows=follows,
        extent=_extent(facts, copied),
        owner=original.author if original else None,
    )
    where = f"inbox {facts.inbox.name}, project {fields.project}"
    return replace(ruled(check, result, issue, where), before=(*before, *found, *left_in_mail(facts)))


def _allowed_place(facts: Facts, policy: Policy, fields: IssueFields) -> tuple[IssueFields | None, list[Answer]]:
    """`fields` where the author may make an issue: as they are, or else of the inbox's own project and type."""
    own = initial(policy, facts.inbox, "")
    answers = [may(facts, policy, Right.CREATE, fields.project, fields.issue_type)]
    if answers[0]:
        return fields, answers
    if (own.project, own.issue_type) != (fields.project, fields.issue_type):
        answers.append(may(facts, policy, Right.CREATE, own.project, own.issue_type))
        if answers[1]:
            return in_project(facts, policy, fields, own.project, own.issue_type), answers
    return None, answers


def _extent(facts: Facts, copied: Answer) -> Extent:
    wanted = extent(facts.inbox)
    return replace(wanted, copied=wanted.copied and copied.allowed, dropped=dropped(facts))
