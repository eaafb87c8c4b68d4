"""One issue for several inboxes: where `[[pair]]` says so, a mail that would make an issue in each makes one.

Contract: pure. The first inbox that the pairs name among those that would create makes the issue, as it was judged
there; the others share it, and say so in their own log rows. Asked after the recipients' outcomes are reconciled: what
an inbox refuses, holds or comments on is its own affair, and where one inbox alone would create, it creates. A mail
that comes in two transactions (its sender's server may split it) shares what the first of them made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from smtpintake.decide.decision import CreateIssue, Judgement, ShareIssue
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.policy import Policy

CHECK = "pair"


def share(judged: Sequence[tuple[Facts, Judgement]], policy: Policy) -> tuple[Judgement, ...]:
    """The judgements of one mail, in order, with one that creates for all that share an issue."""
    if not policy.sharing:
        return tuple(judgement for _, judgement in judged)
    decided = ((facts.inbox.name, judgement.decision) for facts, judgement in judged)
    creating = {inbox: decision for inbox, decision in decided if isinstance(decision, CreateIssue)}
    return tuple(_shared(facts, judgement, policy, creating) for facts, judgement in judged)


def _shared(facts: Facts, judgement: Judgement, policy: Policy, creating: Mapping[str, CreateIssue]) -> Judgement:
    inbox, decision = facts.inbox.name, judgement.decision
    if not isinstance(decision, CreateIssue) or inbox not in policy.sharing:
        return judgement
    if facts.shared is not None:
        found = Finding(CHECK, "one", f"{facts.shared.issue_key} was made of this mail before")
        return _with(judgement, ShareIssue(decision.reason, inbox, decision.fields.project, facts.shared), found)
    first = next(name for name in policy.sharing[inbox] if name in creating)
    if first == inbox:
        return judgement
    project = creating[first].fields.project
    return _with(
        judgement, ShareIssue(decision.reason, first, project), Finding(CHECK, "one", f"the issue of inbox {first}")
    )


def _with(judgement: Judgement, decision: ShareIssue, finding: Finding) -> Judgement:
    return replace(judgement, decision=decision, findings=(*judgement.findings, finding))
