"""`LogRows`: the email log's rows of an attempt, its trace, the raw mail, and the reply that names them.

Contract: one row a recipient, also where nothing came of it; the rows of a transaction share its id. The raw mail is
kept where something was stored, held or set aside; a refused one too while it is small, so that an operator can see
what was refused.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from smtpintake.auth.authres import render
from smtpintake.decide.analysis import Analysis
from smtpintake.decide.decision import Outcome
from smtpintake.decide.delivery import Unroutable
from smtpintake.decide.facts import Finding
from smtpintake.decide.outcome import is_accepted, most_done, reply_to
from smtpintake.decide.pastfacts import remember, written
from smtpintake.intake.place import Place
from smtpintake.intake.submission import Refusal, Submission
from smtpintake.mail.envelope import Login, Relay
from smtpintake.mail.ids import new_id
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS, Replies, Reply
from smtpintake.store.rows import Rows
from smtpintake.store.schema import LogRow, PastFacts, RawMail, Trace
from smtpintake.store.snapshot import Snapshot

MAX_LOGGED: Final = 1000  # characters of a subject or an author in the log

_KEEPS_RAW: Final = frozenset((Outcome.CREATED, Outcome.COMMENTED, Outcome.HELD, Outcome.DISCARDED))


@dataclass(frozen=True, slots=True)
class _Line:
    """What the rows of one recipient, or of one inbox's recipients, have of their own."""

    log_id: str
    recipients: tuple[str | None, ...]
    outcome: Outcome
    reason: Reason
    findings: tuple[Finding, ...]
    reply: Reply
    place: Place | None = None


class LogRows:
    """Adds to `rows`; `now` is the moment of recording. `authserv_id` is who verifies here (RFC 8601 s2.5)."""

    def __init__(self, rows: Rows, snapshot: Snapshot, now: datetime, authserv_id: str) -> None:
        self._rows = rows
        self._snapshot = snapshot
        self._now = now
        self._authserv_id = authserv_id

    def mail(
        self, submission: Submission, analysis: Analysis, places: Sequence[Place], lost: Sequence[Unroutable]
    ) -> Replies:
        """The rows of a mail that was read and judged. Where one reply serves all, it is that of the recipient for whom
        most was done.
        """
        lines = [_placed(place) for place in places]
        lmtp = submission.envelope.lmtp
        accepted = not lmtp and any(is_accepted(line.outcome) for line in lines)
        lines += [self._lost(unroutable, accepted) for unroutable in lost]
        chosen = lines[most_done([line.outcome for line in lines])]
        keeps = any(line.outcome in _KEEPS_RAW for line in lines)
        refused_small = submission.raw.octets is not None and any(line.outcome is Outcome.REJECTED for line in lines)
        raw_id = self._keep(submission) if keeps or refused_small else None
        past = remember(submission.envelope, analysis.auth, analysis.scans, [place.facts for place in places])
        self._rows.add(PastFacts, transaction_id=submission.transaction_id, facts=written(past))
        about = _about_mail(submission) | _about_analysis(analysis) | {"raw_id": raw_id}
        if not lmtp:
            return (self._write(about, lines, chosen.reply.logged(chosen.log_id)),)
        said = self._write_each(about, lines)
        return tuple(said[str(recipient)] for recipient in submission.envelope.rcpt_to)

    def unread(self, submission: Submission, kept_before: str | None) -> Reply:
        """The rows of a mail that no analyser could read. `kept_before` is the raw mail of an earlier try, if any."""
        failure = submission.failure
        if failure is None:
            raise ValueError("a mail without an analysis says why")
        raw_id = kept_before or self._keep(submission)
        line = self._deferred(submission, failure.reason, failure.finding)
        return self._write(_about_mail(submission) | {"raw_id": raw_id}, [line], line.reply.logged(line.log_id))

    def fault(self, job: Submission | Refusal, reason: Reason, detail: str) -> Reply:
        """The rows of an attempt that we failed to record: the mail stays with its sender."""
        if isinstance(job, Refusal):
            return self.refusal(replace(job, reason=reason, detail=detail, subject="", greylisted=None))
        line = self._deferred(job, reason, Finding("record", "fault", detail))
        return self._write(_about_mail(job) | {"raw_id": None}, [line], line.reply.logged(line.log_id))

    def refusal(self, refusal: Refusal) -> Reply:
        """The row of an attempt that was refused before there was a message."""
        reply = refusal.reply
        outcome = Outcome.DEFERRED if reply.code < 500 else Outcome.REJECTED
        finding = Finding("session", refusal.reason, refusal.detail)
        log_id = new_id(self._now)
        line = _Line(log_id, (refusal.rcpt_to,), outcome, refusal.reason, (finding,), reply)
        about: dict[str, object] = {
            "transaction_id": refusal.transaction_id,
            "received_at": refusal.received_at,
            "listener": refusal.listener,
            "peer_ip": refusal.peer.ip,
            "helo": refusal.hello.name if refusal.hello else "",
            "tls": refusal.tls,
            "relay": _relay(refusal.relay),
            "login": _login(refusal.login),
            "mail_from": refusal.mail_from,
            "size": refusal.size,
            "duration_ms": 0,
        }
        return self._write(about, [line], reply.logged(log_id))

    def _write(self, about: dict[str, object], lines: Sequence[_Line], reply: Reply) -> Reply:
        """One log row and one trace a recipient, all with the one reply."""
        for line in lines:
            for log_id, recipient in self._named(line):
                self._row(about, line, log_id, recipient, reply)
        return reply

    def _write_each(self, about: dict[str, object], lines: Sequence[_Line]) -> dict[str | None, Reply]:
        """One log row and one trace a recipient, each with a reply that names it."""
        said: dict[str | None, Reply] = {}
        for line in lines:
            for log_id, recipient in self._named(line):
                said[recipient] = line.reply.logged(log_id)
                self._row(about, line, log_id, recipient, said[recipient])
        return said

    def _named(self, line: _Line) -> Iterator[tuple[str, str | None]]:
        """The line's recipients, each with the id of its row; the first one's is the line's."""
        for i, recipient in enumerate(line.recipients):
            yield line.log_id if i == 0 else new_id(self._now), recipient

    def _row(self, about: dict[str, object], line: _Line, log_id: str, recipient: str | None, reply: Reply) -> None:
        self._rows.add(
            LogRow,
            **(_BLANK | about),
            id=log_id,
            rcpt_to=recipient,
            outcome=line.outcome,
            reason=line.reason,
            reply_code=reply.code,
            reply_status=reply.enhanced,
            reply_text=reply.text,
            policy_version=self._snapshot.policy.version,
            **_whereabouts(line, first=log_id == line.log_id),
        )
        findings = [{"check": f.check, "result": f.result, "detail": f.detail} for f in line.findings]
        self._rows.add(Trace, log_id=log_id, findings=findings)

    def _lost(self, unroutable: Unroutable, accepted: bool) -> _Line:
        finding = Finding("route", unroutable.reason, "the policy changed between RCPT and DATA")
        outcome = Outcome.HELD if accepted else Outcome.REJECTED
        reply = REFUSALS[unroutable.reason]
        return _Line(new_id(self._now), (str(unroutable.recipient),), outcome, unroutable.reason, (finding,), reply)

    def _deferred(self, submission: Submission, reason: Reason, finding: Finding) -> _Line:
        recipients = tuple(str(recipient) for recipient in submission.envelope.rcpt_to)
        return _Line(new_id(self._now), recipients, Outcome.DEFERRED, reason, (finding,), REFUSALS[reason])

    def _keep(self, submission: Submission) -> str:
        raw, envelope = submission.raw, submission.envelope
        if submission.release is not None:
            return envelope.transaction_id  # since it was held
        self._rows.add(
            RawMail,
            id=envelope.transaction_id,
            received_at=envelope.received_at,
            size=raw.size,
            sha256=raw.sha256,
            octets=raw.octets,
            blob=raw.blob,
            unread=raw.sha256 if submission.analysis is None else None,
            auth_results=self._auth_results(submission),
        )
        return envelope.transaction_id

    def _auth_results(self, submission: Submission) -> str | None:
        """The value of the field that says what was verified; None where the mail was not read."""
        if submission.analysis is None:
            return None
        envelope = submission.envelope
        return render(
            self._authserv_id,
            submission.analysis.auth,
            mail_from=str(envelope.mail_from),
            helo=envelope.hello.name,
            login=_login(envelope.login),
        )


def _placed(place: Place) -> _Line:
    decision = place.judgement.decision
    return _Line(
        place.log_id,
        tuple(str(recipient) for recipient in place.facts.recipients),
        place.outcome,
        decision.reason,
        place.judgement.findings,
        reply_to(decision, place.issue_key),
        place,
    )


def _whereabouts(line: _Line, first: bool) -> dict[str, object]:
    """Where the line's mail ended. The delivery is named once, by the first row, and only where it was accepted as
    new.
    """
    if line.place is None:
        return {"inbox": None, "issue_id": None, "comment_id": None, "duplicate_of": None, "delivery_key": None}
    return {
        "inbox": line.place.facts.inbox.name,
        "issue_id": line.place.issue_id,
        "comment_id": line.place.comment_id,
        "duplicate_of": line.place.duplicate_of,
        "delivery_key": line.place.facts.delivery_key if first and line.outcome in _KEEPS_RAW else None,
    }


def _about_mail(submission: Submission) -> dict[str, object]:
    envelope = submission.envelope
    return {
        "transaction_id": envelope.transaction_id,
        "received_at": envelope.received_at,
        "listener": envelope.listener,
        "peer_ip": envelope.peer.ip,
        "helo": envelope.hello.name,
        "tls": envelope.tls,
        "relay": _relay(envelope.relay),
        "login": _login(envelope.login),
        "mail_from": str(envelope.mail_from),
        "size": submission.raw.size,
        "duration_ms": round((time.monotonic() - submission.started) * 1000),
    }


def _about_analysis(analysis: Analysis) -> dict[str, object]:
    message, auth = analysis.message, analysis.auth
    authors = ", ".join(str(author.mailbox) for author in message.authors)
    return {
        "author": authors[:MAX_LOGGED] or None,
        "subject": message.subject[:MAX_LOGGED],
        "message_id": message.message_id,
        "spf": auth.spf.result,
        "dkim": [{"domain": each.domain, "selector": each.selector, "result": each.result} for each in auth.dkim],
        "dmarc": {"domain": auth.dmarc.domain, "result": auth.dmarc.result, "policy": auth.dmarc.policy},
        "arc": auth.arc.result,
    }


def _relay(relay: Relay | None) -> dict[str, str]:
    return {"ip": relay.ip, "told_by": relay.told_by} if relay else {}


def _login(login: Login | None) -> str | None:
    return login.name if login else None


# Multi-row inserts want every row to have every column.
_BLANK: Final[dict[str, object]] = {
    "author": None,
    "subject": None,
    "message_id": None,
    "raw_id": None,
    "spf": None,
    "dkim": [],
    "dmarc": {},
    "arc": None,
}
