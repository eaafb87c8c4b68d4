"""What an attempt to send a mail came to: sent, to be tried again and when, or given up, with a note for its issue.

Contract: pure. Only a 5yz to this very mail, or days in which nobody took it, fail it; the issue is told then, and by
mail whoever wrote it, where that was an agent. A refusal as there is no such mailbox counts like a bounce that says so:
no more mail is sent there.
"""

import re
from datetime import datetime
from typing import Final

from smtpintake.decide.reports import severity_of
from smtpintake.decide.scores import Severity
from smtpintake.mail.report import Action, Reported
from smtpintake.net.smtpclient import Deferred, Failed, Result, Sent
from smtpintake.outbox.pace import Pace
from smtpintake.store.outbox import Claimed, Remark, Settled, State

_STATUS: Final = re.compile(r"5\.\d{1,3}\.\d{1,3}\b")  # RFC 2034 s4


def settled(mail: Claimed, result: Result, now: datetime, pace: Pace, chance: float) -> Settled:
    """What becomes of `mail` after `result`; `chance` (0 to 1) spreads the attempts."""
    match result:
        case Sent(note):
            return Settled(mail.id, State.SENT, note)
        case Failed(note, refusal):
            return _failed(mail, note, gone=_is_gone(mail, refusal))
        case Deferred(note) if now - mail.created_at >= pace.give_up:
            return _failed(mail, f"gave up after {pace.give_up.days} days: {note}")
        case Deferred(note, unreachable):
            wait = pace.retry_after(mail.attempts + 1, chance)
            wait = min(wait, pace.longest_outage) if unreachable else wait
            return Settled(mail.id, State.DEFERRED, note, now + wait)


def _failed(mail: Claimed, note: str, *, gone: bool = False) -> Settled:
    text = f"A mail to {mail.rcpt_to} was not sent.\n\nSubject: {mail.subject}\n{note}\n\n"
    if gone:
        text += f"No more mail is sent there. To lift that: smtpintake outbox forgive {mail.rcpt_to}\n"
    text += f"To try again: smtpintake outbox retry {mail.id}"
    lost = None if mail.automatic else mail.id
    remark = Remark(mail.issue_id, text, lost) if mail.issue_id is not None else None
    return Settled(mail.id, State.FAILED, note, remark=remark, gone=mail.rcpt_to if gone else "")


def _is_gone(mail: Claimed, refusal: str) -> bool:
    """True where there is no such mailbox, as a bounce would say."""
    status = _STATUS.match(refusal)
    reported = Reported((mail.rcpt_to,), Action.FAILED, status[0] if status else "", refusal)
    return bool(refusal) and severity_of(reported) is Severity.HARD
