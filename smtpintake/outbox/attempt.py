"""What an attempt to send a mail came to: sent, to be tried again and when, or given up, with a note for its issue.

Contract: pure. Only a 5yz to this very mail, or days in which nobody took it, fail it; whoever works on the issue is
told then.
"""

from datetime import datetime

from smtpintake.net.smtpclient import Deferred, Failed, Result, Sent
from smtpintake.outbox.pace import Pace
from smtpintake.store.outbox import Claimed, Remark, Settled, State


def settled(mail: Claimed, result: Result, now: datetime, pace: Pace, chance: float) -> Settled:
    """What becomes of `mail` after `result`; `chance` (0 to 1) spreads the attempts."""
    match result:
        case Sent(note):
            return Settled(mail.id, State.SENT, note)
        case Failed(note):
            return _failed(mail, note)
        case Deferred(note) if now - mail.created_at >= pace.give_up:
            return _failed(mail, f"gave up after {pace.give_up.days} days: {note}")
        case Deferred(note, unreachable):
            wait = pace.retry_after(mail.attempts + 1, chance)
            wait = min(wait, pace.longest_outage) if unreachable else wait
            return Settled(mail.id, State.DEFERRED, note, now + wait)


def _failed(mail: Claimed, note: str) -> Settled:
    text = (
        f"A mail to {mail.rcpt_to} was not sent.\n\n"
        f"Subject: {mail.subject}\n{note}\n\n"
        f"To try again: smtpintake outbox retry {mail.id}"
    )
    remark = Remark(mail.issue_id, text) if mail.issue_id is not None else None
    return Settled(mail.id, State.FAILED, note, remark=remark)
