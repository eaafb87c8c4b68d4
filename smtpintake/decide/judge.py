"""`judge`: what becomes of one mail in one inbox, and the trace that says why.

Contract: pure, deterministic and total: any Facts and any Policy give exactly one Decision. `CHECKS` is the policy's
order, and the whole of it: the first check that rules decides, the ones before it have left their findings, the ones
after it are not asked. Nothing here knows the database or the clock, so the same code answers what to do, what would
happen, and what would change under other rules.
"""

from collections.abc import Callable, Iterator
from typing import Final

from smtpintake.decide.attachments import wanted_attachments
from smtpintake.decide.authenticity import obeyed_dmarc, required, unproved
from smtpintake.decide.authenticity import observations as authenticity
from smtpintake.decide.commands import obeyed
from smtpintake.decide.confidence import kept
from smtpintake.decide.decision import (
    Defer,
    Discard,
    Hold,
    Judgement,
    Reject,
    Repeat,
    Ruling,
    ruled,
)
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.fields import within
from smtpintake.decide.placing import new_issue, placed
from smtpintake.decide.policy import Policy
from smtpintake.decide.replying import come_back
from smtpintake.decide.reports import not_a_report
from smtpintake.decide.routing import is_ours
from smtpintake.decide.rules import asked
from smtpintake.decide.scanning import harmless
from smtpintake.decide.scanning import observations as scanning
from smtpintake.decide.threading import apart, find_thread
from smtpintake.mail.reason import Reason

_NEVER_WAIVED: Final = frozenset(("delivery", "message", "author"))


Check = Callable[[Facts, Policy], Finding | Ruling]


def judge(facts: Facts, policy: Policy) -> Judgement:
    """The Decision for `facts` under `policy`, with the findings of every check up to the one that ruled."""
    findings = list(_observations(facts))
    for check in CHECKS:
        result = check(facts, policy)
        if isinstance(result, Ruling) and not _is_waived(facts, result):
            return Judgement(result.decision, (*findings, result.finding))
        findings.append(_waived(result.finding) if isinstance(result, Ruling) else result)
    # After the sender is known and let in, so that a rule can ask who they are and never takes in what was refused;
    # before the mail is placed, so that it can say where, and settle replies too.
    rules = asked(facts, policy)
    findings += rules.findings
    if rules.ruling is not None:
        if not _is_waived(facts, rules.ruling):
            return _judged(rules.ruling, findings, rules.forward)
        findings.append(_waived(rules.ruling.finding))
    thread = find_thread(facts, policy)
    if facts.as_new:
        thread = apart(thread)
    findings += thread.findings
    ruling = placed(facts, policy, thread, imported=rules.is_import(facts))
    if _is_waived(facts, ruling):
        findings.append(_waived(ruling.finding))
        ruling = new_issue(facts, policy, thread, asked_for=False)
    judgement = obeyed(facts, policy, _judged(ruling, findings, rules.forward))
    return kept(facts, policy, come_back(facts, judgement))


def _judged(ruling: Ruling, findings: list[Finding], forward: tuple[str, ...]) -> Judgement:
    sent_back = isinstance(ruling.decision, Reject | Defer)
    return Judgement(ruling.decision, (*findings, *ruling.before, ruling.finding), () if sent_back else forward)


def _is_waived(facts: Facts, ruling: Ruling) -> bool:
    """True where an operator has overruled this check for this mail. What can't be read or has no author stays so."""
    return bool(facts.waived) and ruling.finding.check == facts.waived and facts.waived not in _NEVER_WAIVED


def _waived(finding: Finding) -> Finding:
    return Finding(finding.check, "waived", f"{finding.result}: {finding.detail}")


def _observations(facts: Facts) -> Iterator[Finding]:
    """What was seen and rules nothing by itself."""
    route, message = facts.route, facts.message
    yield Finding("route", route.how, f"{route.recipient} is inbox {route.inbox}")
    yield Finding("origin", message.origin, f"reverse-path <{facts.envelope.mail_from}>")
    for listing in facts.envelope.listings:
        yield Finding("dnsbl", "listed", f"by {listing.zone}: {', '.join(listing.codes)}")
    for defect in message.defects:
        yield Finding("defect", defect.what, defect.detail)
    for note in message.notes:
        yield Finding("content", "noted", note.partition("\n")[0])
    yield from authenticity(facts)
    yield from scanning(facts)


# ---- the checks, in the order of CHECKS ------------------------------------------------------------------------


def delivered_before(facts: Facts, _: Policy) -> Finding | Ruling:
    # RFC 1047: a client that missed our 250 sends the same mail again.
    if facts.earlier is None:
        return Finding("delivery", "first")
    detail = f"committed before, see log {facts.earlier.log_id}"
    return ruled("delivery", "duplicate", Repeat(Reason.DELIVERY_DUPLICATE, facts.earlier), detail)


def readable(facts: Facts, _: Policy) -> Finding | Ruling:
    refusal = facts.message.refusal
    if refusal is None:
        return Finding("message", "readable", f"{facts.message.size} octets")
    return ruled("message", "refused", Reject(refusal), "; ".join(defect.detail for defect in facts.message.defects))


def small_enough(facts: Facts, _: Policy) -> Finding | Ruling:
    """The recipient's own limit, which RCPT has asked before where the client declared the size (RFC 1870 s6)."""
    limit = facts.inbox.max_size
    if limit is None or facts.message.size <= limit:
        return Finding("max_size", "within", "no limit" if limit is None else f"{limit} octets")
    detail = f"{facts.message.size} octets, inbox {facts.inbox.name} takes {limit}"
    return ruled("max_size", "exceeded", Reject(Reason.RCPT_SIZE), detail)


def not_our_own(facts: Facts, policy: Policy) -> Finding | Ruling:
    if facts.returned:
        return ruled("loop", "own", Discard(Reason.LOOP_OWN), "the mail carries our own loop mark")
    author = facts.message.author
    if author is not None and is_ours(policy, author.mailbox):
        return ruled("loop", "own", Hold(Reason.LOOP_OWN), "From is the address of one of our inboxes")
    return Finding("loop", "none")


def one_author(facts: Facts, _: Policy) -> Finding | Ruling:
    """RFC 5322 s3.6.2 allows several authors; a right can be bound to one only, so we take exactly one."""
    message = facts.message
    if message.from_fields == 0:
        return ruled("author", "missing", Reject(Reason.AUTHOR_MISSING))
    if message.from_fields > 1 or len(message.authors) > 1:
        names = ", ".join(str(author.mailbox) for author in message.authors[:5])
        return ruled("author", "several", Reject(Reason.AUTHOR_SEVERAL), f"{message.from_fields} From fields: {names}")
    if not message.authors:
        return ruled("author", "invalid", Reject(Reason.AUTHOR_INVALID))
    return Finding("author", "one", str(message.authors[0].mailbox))


def not_ignored(facts: Facts, _: Policy) -> Finding | Ruling:
    pattern = _matching(facts, facts.inbox.ignored_senders)
    if pattern is None:
        return Finding("ignored_senders", "no match")
    return ruled("ignored_senders", "match", Discard(Reason.SENDER_IGNORED), f"{pattern!r} of inbox {facts.inbox.name}")


def not_denied(facts: Facts, _: Policy) -> Finding | Ruling:
    pattern = _matching(facts, facts.inbox.denied_senders)
    if pattern is None:
        return Finding("denied_senders", "no match")
    return ruled("denied_senders", "match", Reject(Reason.SENDER_DENIED), f"{pattern!r} of inbox {facts.inbox.name}")


def not_denied_domain(facts: Facts, _: Policy) -> Finding | Ruling:
    domain = _author_address(facts).rpartition("@")[2]
    entry = next((entry for entry in facts.inbox.denied_domains if within(domain, entry)), None)
    if entry is None:
        return Finding("denied_domains", "no match")
    return ruled("denied_domains", "match", Reject(Reason.SENDER_DOMAIN), f"{entry} of inbox {facts.inbox.name}")


def allowed_domain(facts: Facts, _: Policy) -> Finding | Ruling:
    if not facts.inbox.allowed_domains:
        return Finding("allowed_domains", "any")
    domain = _author_address(facts).rpartition("@")[2]
    named = [entry for entry in facts.inbox.allowed_domains if within(domain, entry.domain)]
    for entry in named:
        if facts.proof.rank >= entry.proof.rank:
            return Finding("allowed_domains", "match", f"{entry.domain}, proof {facts.proof}")
    if named:
        detail = f"{named[0].domain} counts with proof {named[0].proof}; this is {facts.proof}"
        return ruled("allowed_domains", "unproved", unproved(facts), detail)
    return ruled("allowed_domains", "no match", Reject(Reason.SENDER_DOMAIN), f"{domain} is not in the list")


def active_person(facts: Facts, _: Policy) -> Finding | Ruling:
    if facts.sender is None:
        return Finding("sender", "unknown")
    if not facts.sender.active:
        return ruled("sender", "inactive", Reject(Reason.SENDER_DENIED), f"{facts.sender.name} is deactivated")
    if not facts.sender.registered:
        return Finding("sender", "by mail", f"{facts.sender.name} has only ever come by mail")
    roles = ", ".join(f"{role} of {project}" for project, role in sorted(facts.sender.roles.items()))
    return Finding("sender", "known", f"{facts.sender.name}; {roles or 'no role'}")


CHECKS: Final[tuple[Check, ...]] = (
    delivered_before,
    readable,
    small_enough,
    not_a_report,
    not_our_own,
    one_author,
    not_ignored,
    not_denied,
    not_denied_domain,
    obeyed_dmarc,
    required,
    allowed_domain,
    active_person,
    harmless,
    wanted_attachments,
)


def _author_address(facts: Facts) -> str:
    """The folded author address. Only asked after `one_author` has passed."""
    return facts.message.authors[0].mailbox.folded


def _matching(facts: Facts, patterns: tuple[str, ...]) -> str | None:
    """The first pattern that the author address matches: whole address, `@domain` with its subdomains, or any
    fragment.
    """
    address = _author_address(facts)
    domain = address.rpartition("@")[2]
    for pattern in patterns:
        if pattern.startswith("@"):
            if domain == pattern[1:] or domain.endswith(f".{pattern[1:]}"):
                return pattern
        elif "@" in pattern[1:]:
            if address == pattern:
                return pattern
        elif pattern in address:
            return pattern
    return None
