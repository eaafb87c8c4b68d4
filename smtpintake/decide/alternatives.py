"""What would have changed the outcome: one setting of the inbox, one rule, one thing about the person at a time.

Contract: pure. Each is flipped by itself and the mail judged again with the same facts; what comes out otherwise is an
`Alternative`. Nearest first: the setting that decided, then rules, then the inbox's other settings in the order of the
policy file, then the person. Bounded: lists give their first `_MOST` entries, rules the first few that held.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Final

from pydantic import ValidationError

from smtpintake.decide.decision import AddComment, Decision, NoteReport, Outcome, Repeat
from smtpintake.decide.facts import Facts, Sender
from smtpintake.decide.judge import judge
from smtpintake.decide.outcome import outcome_of
from smtpintake.decide.policy import (
    AllowedDomain,
    Attachments,
    Cost,
    Inbox,
    OnUnwanted,
    Policy,
    Role,
    Scanning,
    UnknownSenders,
)
from smtpintake.decide.prose import deciding, would
from smtpintake.decide.rules import CHECK as RULE
from smtpintake.decide.rules import asked
from smtpintake.decide.scan import Verdict
from smtpintake.mail.reason import Reason

SHOWN: Final = 8

_MOST: Final = 200
_RULES: Final = 5
_SENDER: Final = "sender"


@dataclass(frozen=True, slots=True)
class Alternative:
    """`setting` is a key of the inbox, `rule` or `sender`; `change` says what would be otherwise, and `outcome`,
    `reason` and `issue`, an existing one, what that would make of the mail.
    """

    setting: str
    change: str
    outcome: Outcome
    reason: Reason
    issue: str | None = None

    def __str__(self) -> str:
        return f"With {self.change} {would(self.outcome, self.reason, self.issue)}."


@dataclass(frozen=True, slots=True)
class _Flip:
    setting: str
    change: str
    facts: Facts
    policy: Policy


def alternatives(facts: Facts, policy: Policy) -> tuple[Alternative, ...]:
    """The nearest of them, at most `SHOWN`."""
    judgement = judge(facts, policy)
    as_it_is, _, belongs = _what(judgement.decision)
    decided = deciding(judgement.findings).check
    found: list[Alternative] = []
    for flip in _flips(facts, policy):
        outcome, reason, issue = _what(judge(flip.facts, flip.policy).decision)
        # Refused for another reason is refused.
        if (outcome, issue) != (as_it_is, belongs):
            found.append(Alternative(flip.setting, flip.change, outcome, reason, issue))
    # A stable sort: otherwise they stay in the order of the policy file.
    found.sort(key=lambda one: one.setting != decided)
    return tuple(found[:SHOWN])


def _what(decision: Decision) -> tuple[Outcome, Reason, str | None]:
    match decision:
        case AddComment(candidate=candidate):
            issue: str | None = candidate.issue_key
        case Repeat(earlier=earlier):
            issue = earlier.issue_key
        case NoteReport(sent=sent):
            issue = sent.issue_key
        case _:
            issue = None
    return outcome_of(decision), decision.reason, issue


def _flips(facts: Facts, policy: Policy) -> Iterator[_Flip]:
    yield from _without_rules(facts, policy)
    for setting, change, inbox in _inboxes(facts):
        # What `judge` knows of the inbox it knows from the facts.
        yield _Flip(setting, change, replace(facts, inbox=inbox), policy)
    for change, sender in _senders(facts):
        yield _Flip(_SENDER, change, replace(facts, sender=sender), policy)


def _without_rules(facts: Facts, policy: Policy) -> Iterator[_Flip]:
    for met in asked(facts, policy).rules[:_RULES]:
        rules = tuple(rule for rule in policy.document.rule if rule is not met)
        document = policy.document.model_copy(update={"rule": rules})
        yield _Flip(RULE, f"the rule {met.name!r} switched off,", facts, Policy(policy.version, document))


def _inboxes(facts: Facts) -> Iterator[tuple[str, str, Inbox]]:
    """The inbox with one setting flipped, the setting's name, and the flip in words."""
    inbox = facts.inbox
    for name, value in inbox:
        match value:
            case bool() if name != "active":  # an inactive inbox is never asked
                yield from _valid(inbox, name, not value, f"{name} = {str(not value).lower()}")
            case StrEnum():
                for other in type(value):
                    # To import a mail takes somebody to import it as.
                    if other is not value and (other is not UnknownSenders.IMPORT or inbox.import_as):
                        yield from _valid(inbox, name, other, f"{name} = {other.value!r}")
            case tuple() if name not in ("addresses", "separators"):
                for entry in islice(value, _MOST):
                    rest = tuple(one for one in value if one != entry)
                    yield from _valid(inbox, name, rest, f"{name} without {str(entry)!r}")
            case Scanning():
                yield from _of_verdicts(facts, value)
            case Attachments() if facts.files:
                yield from _of_attachments(inbox, value)
            case _:
                pass
    yield from _with_more(facts)


def _of_verdicts(facts: Facts, scan: Scanning) -> Iterator[tuple[str, str, Inbox]]:
    """What the verdicts that the mail has might cost instead."""
    for verdict in dict.fromkeys(one.verdict for one in facts.scans if one.verdict is not Verdict.CLEAN):
        for cost in Cost:
            changed = scan.model_copy(update={verdict: cost})
            for _, change, inbox in _valid(facts.inbox, "scan", changed, f"scan.{verdict} = {cost.value!r}"):
                yield f"scan.{verdict}", change, inbox


def _of_attachments(inbox: Inbox, rules: Attachments) -> Iterator[tuple[str, str, Inbox]]:
    """What attachments that are not taken might cost instead, and each of the lists shorter by one."""
    name = "attachments"
    for other in OnUnwanted:
        if other is not rules.on_unwanted:
            changed = rules.model_copy(update={"on_unwanted": other})
            yield from _valid(inbox, name, changed, f"{name}.on_unwanted = {other.value!r}")
    for kind in rules.denied[:_MOST]:
        changed = rules.model_copy(update={"denied": tuple(one for one in rules.denied if one != kind)})
        yield from _valid(inbox, name, changed, f"{name}.denied without {kind!r}")


def _with_more(facts: Facts) -> Iterator[tuple[str, str, Inbox]]:
    """Entries that this mail would meet, in the lists that let mail in."""
    inbox, author, sealer = facts.inbox, facts.message.author, facts.auth.arc.sealer
    if author is not None and inbox.allowed_domains:
        domain = author.mailbox.folded_domain
        entries = (*(one for one in inbox.allowed_domains if one.domain != domain), AllowedDomain(domain=domain))
        yield from _valid(inbox, "allowed_domains", entries, f"{domain!r} among the allowed_domains")
    if sealer:
        sealers = (*inbox.trusted_sealers, sealer)
        yield from _valid(inbox, "trusted_sealers", sealers, f"{sealer!r} among the trusted_sealers")


def _valid(inbox: Inbox, name: str, value: object, change: str) -> Iterator[tuple[str, str, Inbox]]:
    """Nothing where the other settings do not allow it: nobody could write that."""
    try:
        flipped = Inbox.model_validate(inbox.model_copy(update={name: value}).model_dump())
    except ValidationError:
        return
    yield name, change, flipped


def _senders(facts: Facts) -> Iterator[tuple[str, Sender]]:
    """The author as somebody who is known, or known otherwise."""
    author, sender = facts.message.author, facts.sender
    if author is None:
        return
    known = sender or Sender(0, author.name, {})
    if not known.active:
        yield "the author active again,", replace(known, active=True)
    registered = replace(known, registered=True)
    if registered != sender:
        yield "the author registered as a person,", registered
    for project in dict.fromkeys((*(one.project_key for one in facts.candidates), facts.inbox.project)):
        if known.roles.get(project) is not Role.AGENT:
            roles = {**known.roles, project: Role.AGENT}
            yield f"the author as an agent of {project},", replace(registered, roles=roles)
