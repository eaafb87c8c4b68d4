"""`PastFacts`: what `judge` was told of one mail and cannot be read from its octets again.

Contract: pure. `remember` takes it from the Facts of a mail's deliveries; `written` and `read_past` turn it into
compact JSON and back. What is as it would be anyway is not written, so a field that is added later must have a
default, and no default may change: then every older text can still be read. One that cannot be is a ValueError for
the reader to report, never a guess. What follows from the policy (route, inbox, proof) is not kept, since it is what
another policy would change. What the log row says already (client, reverse-path, relay, TLS) is not kept twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter

from smtpintake.auth.results import UNVERIFIED, AuthVerdict
from smtpintake.decide.facts import NOBODY, Candidate, Directory, Earlier, Facts, Sender, SentMail, Standing
from smtpintake.decide.scan import Scan
from smtpintake.mail.envelope import Envelope, Listing, Login


@dataclass(frozen=True, slots=True)
class PastDelivery:
    """What was known of the mail for one inbox besides; `directory` has whom that policy named."""

    candidates: tuple[Candidate, ...] = ()
    earlier: Earlier | None = None
    shared: Earlier | None = None
    assignees: Mapping[str, Sender] = field(default_factory=dict)
    standing: Mapping[int, Standing] = field(default_factory=dict)
    directory: Directory = NOBODY
    sent: SentMail | None = None


@dataclass(frozen=True, slots=True)
class PastFacts:
    """`rcpt_to` are the recipients of DATA, in the order of RCPT. `inboxes` is by name; where it is empty, no inbox
    took the mail, and nobody was asked about its sender.
    """

    rcpt_to: tuple[str, ...]
    login: Login | None = None
    lmtp: bool = False
    smtputf8: bool = False
    listings: tuple[Listing, ...] = ()
    auth: AuthVerdict = UNVERIFIED
    scans: tuple[Scan, ...] = ()
    sender: Sender | None = None
    returned: bool = False
    stopped: str = ""
    inboxes: dict[str, PastDelivery] = field(default_factory=dict)


_JSON: Final = TypeAdapter(PastFacts)


def remember(envelope: Envelope, auth: AuthVerdict, scans: tuple[Scan, ...], deliveries: Sequence[Facts]) -> PastFacts:
    """The PastFacts of one mail. Who wrote it is the same for all of its `deliveries`."""
    first = deliveries[0] if deliveries else None
    return PastFacts(
        rcpt_to=tuple(map(str, envelope.rcpt_to)),
        login=envelope.login,
        lmtp=envelope.lmtp,
        smtputf8=envelope.smtputf8,
        listings=envelope.listings,
        auth=auth,
        scans=scans,
        sender=first.sender if first else None,
        returned=first.returned if first else False,
        stopped=first.stopped if first else "",
        inboxes={facts.inbox.name: _delivery(facts) for facts in deliveries},
    )


def _delivery(facts: Facts) -> PastDelivery:
    return PastDelivery(
        facts.candidates, facts.earlier, facts.shared, facts.assignees, facts.standing, facts.directory, facts.sent
    )


def written(past: PastFacts) -> str:
    """`past` as JSON."""
    return _JSON.dump_json(past, exclude_defaults=True).decode()


def read_past(text: str) -> PastFacts:
    """What `written` wrote, now or in an earlier version. Raises ValueError with what is wrong with it."""
    return _JSON.validate_json(text)
