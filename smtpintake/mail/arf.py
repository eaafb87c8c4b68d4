"""Feedback reports (RFC 5965): somebody pressed the button that says "spam".

Contract: total. Providers leave out who it was (RFC 6590); then the original mail's To says whom it was sent to.
"""

from collections.abc import Sequence
from typing import Final

from smtpintake.mail import dsn
from smtpintake.mail.report import MAX_RECIPIENTS, Action, Reported
from smtpintake.mail.reportparts import Group, folded

TYPES: Final = frozenset(("message/feedback-report",))

# RFC 5965 s3.1 and s7.3. A provider that says `not-spam`, or that a signature failed (RFC 6591), wants nothing to stop.
_COMPLAINTS: Final = frozenset(("abuse", "fraud", "virus", "other", "opt-out", "opt-out-list"))


def recipients(groups: Sequence[Group], written_to: Sequence[str]) -> tuple[Reported, ...]:
    """Who complains, and of what; `written_to` are the addresses in To of the original mail, folded."""
    kind = dsn.of_mail(groups, "feedback-type").strip().lower()
    if not kind:
        return ()
    stated = (dsn.of_mail(groups, name) for name in ("original-rcpt-to", "removal-recipient"))
    named = tuple(dict.fromkeys(address for value in stated if (address := folded(dsn.after_type(value)))))
    action = Action.COMPLAINED if kind in _COMPLAINTS else Action.NOTED
    return (Reported((named or tuple(written_to))[:MAX_RECIPIENTS], action, "", kind[:60]),)
