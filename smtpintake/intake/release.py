"""A held mail on its way again: read anew from its octets, judged as it came, recorded once.

Contract: everything that was is as it was: the octets, the envelope, the moment of receipt, and what was verified then.
What is now is now: the policy, the people, the issues. A release is one transaction with all that follows from it; a
mail that would not be accepted stays held, and nothing is written.
"""

import time
from dataclasses import replace
from datetime import datetime

from smtpintake.decide.analysis import Analysis
from smtpintake.decide.facts import Finding
from smtpintake.decide.pastfacts import PastFacts, read_past
from smtpintake.decide.policy import Policy
from smtpintake.decide.routing import separators
from smtpintake.intake.analysis import Task
from smtpintake.intake.record import JudgedMail, Recorder, Released
from smtpintake.intake.submission import Raw, Release, Submission
from smtpintake.mail.address import Mailbox
from smtpintake.store.blobs import Blobs
from smtpintake.store.database import Database
from smtpintake.store.held import Held, claim, link
from smtpintake.store.pastfacts import envelope_of

CHECK = "release"


def reading(held: Held, blobs: Blobs, policy: Policy) -> Task:
    """What an analyser needs to read the mail again. What was verified is not verified again. May block, where the
    blobs are not on this machine.
    """
    path = blobs.path(held.raw.blob) if held.raw.blob is not None else None
    lines, null = separators(policy, _recipients(held)), not held.rows[0].mail_from
    return Task(held.raw.octets, path, held.raw.sha256, lines, null_reverse_path=null)


def by_operator(held: Held, *, as_new: bool) -> Release:
    """An operator overrules the check that held the mail."""
    why = f"{_since(held)}; {held.check} is waived"
    return Release(held.ids, Finding(CHECK, "by an operator", why), held.check, as_new)


def by_itself(held: Held) -> Release:
    """The cause may have gone away: the mail must pass as any other."""
    return Release(held.ids, Finding(CHECK, "by itself", f"{_since(held)}; the policy or the people changed"))


def resubmitted(held: Held, analysis: Analysis, release: Release) -> Submission:
    """The mail as it was submitted, with `analysis` made anew from its octets. Raises ValueError where what was known
    of it cannot be read.
    """
    past, raw = _past(held), held.raw
    # To those for whom it is held; whoever let it go hears one answer, also where it came by LMTP.
    envelope = replace(envelope_of(held.rows[0], past), rcpt_to=_recipients(held), lmtp=False)
    verified = replace(analysis, auth=past.auth, scans=past.scans)
    return Submission(
        envelope, Raw(raw.size, raw.sha256, raw.octets, raw.blob), verified, None, time.monotonic(), release
    )


def judge_again(database: Database, recorder: Recorder, policy: Policy, mail: Submission, now: datetime) -> JudgedMail:
    """What would become of the mail. Only reads."""
    with database.engine.connect() as connection:
        return recorder.judge(connection, policy, [mail], now)[mail.transaction_id]


def release(database: Database, recorder: Recorder, held: Held, mail: Submission) -> Released | None:
    """Let `mail` go, in one transaction. None where it waits no longer: somebody else was faster."""
    with database.write() as connection:
        savepoint = connection.begin_nested()
        if not claim(connection, held):
            savepoint.rollback()
            return None
        released = recorder.release(connection, mail)
        if released.log_ids:
            link(connection, held, released.log_ids[0])
            savepoint.commit()
        else:
            savepoint.rollback()
        return released


def _past(held: Held) -> PastFacts:
    return read_past(held.past) if held.past else PastFacts(())


def _recipients(held: Held) -> tuple[Mailbox, ...]:
    return tuple(Mailbox.parse(row.rcpt_to) for row in held.rows if row.rcpt_to is not None)


def _since(held: Held) -> str:
    row = held.rows[0]
    return f"held since {row.received_at:%Y-%m-%d %H:%M} UTC for {row.reason}, log {row.id}"
