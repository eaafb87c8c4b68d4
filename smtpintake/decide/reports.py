"""What a report of a delivery, or a complaint, does: it marks our mail and its address, and leaves an internal note.

Contract: pure. Whatever the inbox's settings are, a report is never an issue and never answered. Anybody can write one,
so one counts only where it is proved: it names a mail that we sent, by its Message-ID or by the key of its
reverse-path, both of which are HMACs of ours, and the recipient whom we sent it to. A Message-ID is seen by everybody
who is sent an answer to that mail. So where the recipient has written in the issue since, their mailbox is alive, and a
report that has only the Message-ID to show stops no mail to them. One that says nothing worse than is known changes
nothing: no number of copies adds up.
"""

import re
from datetime import timedelta
from typing import Final

from smtpintake.decide.decision import Discard, NoteReport, Ruling, ruled
from smtpintake.decide.facts import Facts, Finding, SentMail
from smtpintake.decide.policy import Policy
from smtpintake.decide.scores import Severity
from smtpintake.mail.message import Origin
from smtpintake.mail.reason import Reason
from smtpintake.mail.report import Action, Report, Reported

CHECK: Final = "bounce"
# Five days in our queue and five in the next one (RFC 5321 s4.5.4.1), and some.
MAX_AGE: Final = timedelta(days=14)

# RFC 3463 s3.2 and s3.3, RFC 7505 s4: the mailbox or its domain is not there. Any other status is about this mail, or
# about this moment: full (5.2.2), too large (5.3.4), not routed (5.4.x), not wanted (5.7.x).
_DEAD: Final = frozenset(("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"))
# What stands beside a status that says no more than "failed" (RFC 3463 s3.1), as qmail's successors and Yahoo write it.
_NOBODY: Final = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|address|account)"
    r"|does(?:n't| not) (?:exist|have an?\b)|not listed in|invalid (?:recipient|mailbox|address)"
    r"|unknown (?:recipient|local part|address)"
    r"|(?:recipient|user|mailbox|address|account)(?: is| was)? (?:not found|disabled|unavailable|unknown|inactive)"
    r"|unrouteable address|no mailbox here|unbekannt",
    re.IGNORECASE,
)


def not_a_report(facts: Facts, _: Policy) -> Finding | Ruling:
    """The check. A mail without a reverse-path (RFC 5321 s4.5.5) to a bounce key is a report, whatever it looks like,
    unless it is an automatic answer, as some of those are sent so as well.
    """
    sent, origin = facts.sent, facts.message.origin
    returned = sent is not None and sent.by_key and facts.envelope.mail_from.is_null and origin is not Origin.AUTO_REPLY
    if origin is not Origin.BOUNCE and not returned:
        return Finding(CHECK, "none")
    report = facts.message.report or Report()
    if sent is None:
        names = ", ".join(report.message_ids[:5]) or "nothing"
        return _forged(f"it names no mail that we sent: {names}")
    reported = _about(report, sent)
    if reported is None:
        whom = ", ".join(address for one in report.recipients[:5] for address in one.addresses) or "nobody"
        return _forged(f"outgoing mail {sent.id} went to {sent.rcpt_to}, and it is about {whom}")
    if facts.now - sent.sent_at > MAX_AGE:
        return _forged(f"outgoing mail {sent.id} is of {sent.sent_at:%Y-%m-%d}, too old to come back")
    return _ruled(sent, reported)


def _ruled(sent: SentMail, reported: Reported) -> Ruling:
    severity = severity_of(reported)
    said = " ".join(filter(None, (reported.action, reported.status, reported.diagnostic)))
    detail = f"outgoing mail {sent.id} to {sent.rcpt_to}, {'by its bounce key' if sent.by_key else 'by its Message-ID'}"
    if severity is None:
        return ruled(CHECK, "nothing to do", Discard(Reason.ORIGIN_AUTOMATIC), f"{detail}: {said}")
    if severity is not Severity.SOFT and sent.heard_since and not sent.by_key:
        severity = Severity.SOFT
        detail = f"{detail}, whose recipient has written since"
    if sent.bounced is not None and severity.rank <= sent.bounced.rank:
        return ruled(CHECK, "known", Discard(Reason.ORIGIN_AUTOMATIC), f"{detail}: {sent.bounced} already; {said}")
    reason = Reason.REPORT_COMPLAINT if reported.action is Action.COMPLAINED else Reason.REPORT_BOUNCE
    return ruled(CHECK, severity, NoteReport(reason, sent, severity, said), f"{detail}: {said}")


def severity_of(reported: Reported) -> Severity | None:
    """What the report means for the address; None where the mail is still under way, or has arrived."""
    if reported.action is Action.COMPLAINED:
        return Severity.COMPLAINT
    if reported.action is not Action.FAILED:
        return None
    vague = reported.status in ("", "5.0.0") or reported.status.startswith("5.5.")
    gone = reported.status in _DEAD or (vague and _NOBODY.search(reported.diagnostic) is not None)
    return Severity.HARD if gone else Severity.SOFT


def _about(report: Report, sent: SentMail) -> Reported | None:
    """What the report says of the recipient of that mail. One that cannot be read says nothing of anybody; at a bounce
    key it is still about this one.
    """
    if not report.recipients and sent.by_key:
        return Reported((sent.rcpt_to,), Action.FAILED, "", "a report that cannot be read")
    return next((one for one in report.recipients if sent.rcpt_to in one.addresses), None)


def _forged(detail: str) -> Ruling:
    return ruled(CHECK, "unproved", Discard(Reason.REPORT_UNPROVED), detail)
