"""What a reply does besides being a comment: to the issue's status, where the issue was closed before, and where its
author had left it.

Contract: pure. It is asked once the author's right to write to the issue is settled (`decide.threading`). The settings
are those of the inbox that the reply came to; the statuses are those of the issue's project. Automatic answers, agents
and managers change nothing: the first must not reopen what was settled (osTicket#1744), the others say what they want.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from smtpintake.decide.decision import AddComment, Extent, Judgement
from smtpintake.decide.facts import Candidate, Facts, Finding
from smtpintake.decide.policy import KEEP, ClosedReply, Inbox, Policy
from smtpintake.mail.message import Origin

_PEOPLE: Final = frozenset((Origin.HUMAN, Origin.LIST))


def closed_reply(facts: Facts, candidate: Candidate) -> tuple[ClosedReply, str]:
    """What a customer's reply to the closed `candidate` does, and why."""
    assert candidate.closed_at is not None
    closed = facts.inbox.closed
    since = f"closed since {candidate.closed_at:%Y-%m-%d}"
    if closed.within_days is None:
        return closed.reply, since
    in_time = facts.envelope.received_at - candidate.closed_at <= timedelta(days=closed.within_days)
    return (closed.reply if in_time else closed.later), f"{since}, {closed.within_days} days count"


def status_after(inbox: Inbox, policy: Policy, candidate: Candidate) -> str:
    """The status that a customer's reply gives to `candidate`; an empty string for as it is."""
    project, wanted = policy.projects.get(candidate.project_key), inbox.status_after_reply
    if project is None or wanted == KEEP:
        return ""
    if wanted in project.statuses:
        return wanted
    # A status of the inbox's own project means nothing in another: the reply is news all the same.
    return project.statuses[0] if candidate.closed_at is not None else ""


def extent(inbox: Inbox) -> Extent:
    """What `inbox` wants of a mail."""
    return Extent(inbox.save_attachments, inbox.sender_participates, inbox.cc_participate)


def come_back(facts: Facts, judgement: Judgement) -> Judgement:
    """`judgement` with its author hearing of the issue again, who had left it and wants an answer now. No machine
    brings anybody back, and no mail whose commands say otherwise.
    """
    decision = judgement.decision
    if not isinstance(decision, AddComment) or not decision.candidate.author_left or not decision.extent.author:
        return judgement
    if facts.message.origin not in _PEOPLE or decision.orders.watch is not None:
        return judgement
    author, key = facts.message.authors[0].mailbox.folded, decision.candidate.issue_key
    finding = Finding("watch", "back", f"{author} had left {key}, and wrote to it")
    decision = replace(decision, orders=replace(decision.orders, watch=True))
    return replace(judgement, decision=decision, findings=(*judgement.findings, finding))
