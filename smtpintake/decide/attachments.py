"""Which attachments of a mail its inbox does not take, and what that costs.

Contract: pure. An attachment inside another (an archive, an attached mail) is not looked for, but in a mail that is
passed on: its attachments would become the issue's.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from smtpintake.convert.file import File
from smtpintake.decide.decision import Hold, Reject, Ruling, ruled
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.policy import Attachments, OnUnwanted, Policy
from smtpintake.mail.reason import Reason

_CHECK: Final = "attachments"
# Of a finding.
_MAX_OBJECTIONS: Final = 5
_MAX_NAMES: Final = 50


def wanted_attachments(facts: Facts, _: Policy) -> Finding | Ruling:
    """The check: what the inbox does with a mail whose attachments it does not all take."""
    unwanted = tuple(_unwanted(facts.inbox.attachments, facts.files))
    if not unwanted:
        return Finding(_CHECK, "wanted", str(len(facts.files)))
    detail = _listed([f"{file.name}: {why}" for file, why in unwanted], _MAX_OBJECTIONS)
    match facts.inbox.attachments.on_unwanted:
        case OnUnwanted.REJECT:
            return ruled(_CHECK, "reject", Reject(Reason.ATTACHMENT_UNWANTED), detail)
        case OnUnwanted.HOLD:
            return ruled(_CHECK, "hold", Hold(Reason.ATTACHMENT_UNWANTED), detail)
        case OnUnwanted.DROP:
            return Finding(_CHECK, "dropped", detail)


def dropped(facts: Facts) -> frozenset[File]:
    """The attachments that an issue or comment does not get."""
    rules = facts.inbox.attachments
    if rules.on_unwanted is not OnUnwanted.DROP:
        return frozenset()
    return frozenset(file for file, _ in _unwanted(rules, facts.files))


def left_in_mail(facts: Facts) -> tuple[Finding, ...]:
    """Which attachments the raw mail alone has, as the inbox saves none; nothing where it does, or there are none."""
    if facts.inbox.save_attachments or not facts.files:
        return ()
    names = _listed([file.name for file in facts.files], _MAX_NAMES)
    return (Finding(_CHECK, "not saved", f"{names}; inbox {facts.inbox.name} says save_attachments = false"),)


def _listed(items: Sequence[str], most: int) -> str:
    more = len(items) - most
    return "; ".join((*items[:most], *((f"and {more} more",) if more > 0 else ())))


def _unwanted(rules: Attachments, files: Sequence[File]) -> Iterator[tuple[File, str]]:
    """Each attachment that is not taken, and why."""
    taken = 0
    for file in files:
        why = _objection(rules, file)
        if not why and rules.max_count is not None and taken >= rules.max_count:
            why = f"{rules.max_count} attachments are taken"
        if why:
            yield file, why
        else:
            taken += 1


def _objection(rules: Attachments, file: File) -> str:
    if denied := next((kind for kind in rules.denied if kind in file.kinds), None):
        return f"{denied} is denied"
    if rules.allowed and file.shown_kinds.isdisjoint(rules.allowed):
        return f"{file.detected_type} is not allowed"
    if rules.max_size is not None and file.part.size > rules.max_size:
        return f"{file.part.size} octets, {rules.max_size} are taken"
    return ""
