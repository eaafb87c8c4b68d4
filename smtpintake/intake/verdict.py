"""What was known of a held mail's client and verified of its sender, kept so that it can be judged again.

Contract: `verdict_of` gives what `restored` takes, as JSON has it. Keys and DNS records change, so a mail that is
released days later is judged by what was verified when it came, not by what would be verified then.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from smtpintake.auth.results import UNVERIFIED, AuthVerdict
from smtpintake.intake.submission import Submission
from smtpintake.mail.envelope import Hello, Listing, Login, Peer, Relay


@dataclass(frozen=True, slots=True)
class Verdict:
    """`auth`, and of the envelope what the log does not keep whole."""

    auth: AuthVerdict
    peer: Peer
    hello: Hello
    relay: Relay | None
    login: Login | None
    listings: tuple[Listing, ...]
    smtputf8: bool


_ADAPTER: Final = TypeAdapter(Verdict)


def verdict_of(submission: Submission) -> dict[str, object]:
    """For a column of JSON."""
    envelope = submission.envelope
    verdict = Verdict(
        auth=submission.analysis.auth if submission.analysis is not None else UNVERIFIED,
        peer=envelope.peer,
        hello=envelope.hello,
        relay=envelope.relay,
        login=envelope.login,
        listings=envelope.listings,
        smtputf8=envelope.smtputf8,
    )
    return _ADAPTER.dump_python(verdict, mode="json")  # type: ignore[no-any-return]


def restored(verdict: dict[str, object]) -> Verdict:
    """Raises pydantic's ValidationError for what this version cannot read."""
    return _ADAPTER.validate_python(verdict)
