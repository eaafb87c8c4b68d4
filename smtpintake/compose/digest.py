"""The operators' daily digest: what came, what waits, and what of our own mail did not get away.

Contract: pure. It goes from the null reverse-path and carries our loop mark; numbers only, and the commands to look at
what they count. Nothing that a stranger wrote is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from typing import Final

from smtpintake.compose import mime
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.ownmail import boundary, notice_fields
from smtpintake.compose.render import Templates
from smtpintake.compose.replyaddress import message_id
from smtpintake.mail.address import Mailbox

KIND: Final = "digest"
LONG: Final = timedelta(hours=4)  # mail of ours that waits no longer may be greylisted


@dataclass(frozen=True, slots=True)
class Tally:
    """What there is to say of the time from `since` to `until`: log rows by outcome and reason, in their order; mail of
    ours that was given up and that came back. And what waits now: held mail, and for `LONG` mail of ours.
    """

    since: datetime
    until: datetime
    came: tuple[tuple[str, str, int], ...] = ()
    held: int = 0
    held_since: datetime | None = None
    failed: int = 0
    bounced: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing needs an operator."""
        return not (self.held or self.failed or self.bounced or self.waiting)


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest to be sent to `recipient`, the `number`-th of them. Moments are written in the `zone`."""

    recipient: Mailbox
    sender: Mailbox
    host: str
    language: str
    tally: Tally
    day: str
    number: int
    zone: tzinfo
    now: datetime


def compose_digest(digest: Digest, templates: Templates, secret: bytes) -> Outgoing:
    """The mail, ready for the outbox."""
    sender = f"{digest.sender.localpart}@{digest.sender.folded_domain}"
    own_id = message_id(secret, KIND, "day", f"{digest.day}-{digest.number}", digest.sender.folded_domain)
    rendered = templates.render(KIND, digest.language, _values(digest))
    subject = mime.one_line(rendered.subject)
    fields = notice_fields(
        mime.mailbox(digest.host, sender), digest.recipient, rendered, now=digest.now, own_id=own_id, secret=secret
    )
    return Outgoing(
        kind=KIND,
        mail_from="",
        rcpt_to=digest.recipient.folded,
        subject=subject,
        message_id=own_id,
        octets=mime.alternative(fields, rendered.text, rendered.html, boundary(own_id)),
        reply_key=None,
        text=rendered.text,
        fault=str(rendered.fault or ""),
    )


def _values(digest: Digest) -> dict[str, object]:
    tally = digest.tally

    def local(moment: datetime | None) -> datetime | str:
        return moment.astimezone(digest.zone) if moment is not None else ""

    return {
        "host": mime.one_line(digest.host),
        "quiet": "yes" if tally.is_quiet else "",
        "since": local(tally.since),
        "until": local(tally.until),
        "came": sum(count for _, _, count in tally.came),
        "outcomes": [_outcome(name, list(rows)) for name, rows in groupby(tally.came, lambda row: row[0])],
        "held": tally.held,
        "held_since": local(tally.held_since),
        "failed": tally.failed,
        "bounced": tally.bounced,
        "waiting": tally.waiting,
        "waiting_since": local(tally.waiting_since),
        "hours": LONG // timedelta(hours=1),
    }


def _outcome(name: str, rows: Sequence[tuple[str, str, int]]) -> dict[str, object]:
    reasons = [{"reason": reason, "count": count} for _, reason, count in rows]
    return {"outcome": name, "count": sum(count for *_, count in rows), "reasons": reasons}
