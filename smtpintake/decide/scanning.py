"""What scanners say of a mail, for the trace, and what the inbox's policy makes of it.

Contract: pure. `observations` rule nothing. `harmless` rules by the verdict that costs the most: what is refused need
not come again, and what must come again is not held, since nobody has looked at it yet.
"""

from collections.abc import Iterator
from typing import Final

from smtpintake.decide.decision import Decision, Defer, Hold, Reject, Ruling, ruled
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.policy import Cost, Policy, Scanning
from smtpintake.decide.scan import Scan, Verdict
from smtpintake.mail.reason import Reason

_REASONS: Final[dict[Verdict, Reason]] = {
    Verdict.VIRUS: Reason.SCAN_VIRUS,
    Verdict.SPAM: Reason.SCAN_SPAM,
    Verdict.SUSPECT: Reason.SCAN_SUSPECT,
    Verdict.LATER: Reason.SCAN_LATER,
    Verdict.OVERSIZE: Reason.SCAN_OVERSIZE,
    Verdict.FAILED: Reason.SCAN_FAILED,
}
_DEAREST_FIRST: Final = (Cost.REJECT, Cost.DEFER, Cost.HOLD)


def observations(facts: Facts) -> Iterator[Finding]:
    """A finding for each scanner that was asked."""
    for scan in facts.scans:
        yield Finding(scan.scanner, scan.verdict, _evidence(scan))


def harmless(facts: Facts, _: Policy) -> Finding | Ruling:
    """No scanner says anything that costs the mail more than a mark."""
    if not facts.scans:
        return Finding("scan", "none")
    policy = facts.inbox.scan
    told = [(scan, _verdict(scan, policy)) for scan in facts.scans]
    for wanted in _DEAREST_FIRST:
        for scan, verdict in told:
            if _cost(verdict, policy) is wanted:
                detail = f"{scan.scanner}: {_evidence(scan)}"
                return ruled(f"scan.{verdict}", wanted, _decision(wanted, _REASONS[verdict]), detail)
    marks = [f"{verdict} by {scan.scanner}" for scan, verdict in told if verdict is not Verdict.CLEAN]
    return Finding("scan", "mark", ", ".join(marks)) if marks else Finding("scan", "clean")


def _verdict(scan: Scan, policy: Scanning) -> Verdict:
    """The scanner's own, or the worse one that the inbox's scores give."""
    if scan.score is None or scan.verdict not in (Verdict.CLEAN, Verdict.SUSPECT):
        return scan.verdict
    if policy.spam_score is not None and scan.score >= policy.spam_score:
        return Verdict.SPAM
    if policy.suspect_score is not None and scan.score >= policy.suspect_score:
        return Verdict.SUSPECT
    return scan.verdict


def _cost(verdict: Verdict, policy: Scanning) -> Cost:
    match verdict:
        case Verdict.CLEAN:
            return Cost.MARK
        case Verdict.VIRUS:
            return policy.virus
        case Verdict.SPAM:
            return policy.spam
        case Verdict.SUSPECT:
            return policy.suspect
        case Verdict.LATER:
            return policy.later
        case Verdict.OVERSIZE:
            return policy.oversize
        case Verdict.FAILED:
            return policy.failed


def _decision(cost: Cost, reason: Reason) -> Decision:
    if cost is Cost.HOLD:
        return Hold(reason)
    return Defer(reason) if cost is Cost.DEFER else Reject(reason)


def _evidence(scan: Scan) -> str:
    score = f"score {scan.score:g}" if scan.score is not None else ""
    return "; ".join(filter(None, (score, scan.detail)))
