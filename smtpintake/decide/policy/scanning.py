"""What an inbox makes of what scanners say of a mail."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from smtpintake.decide.policy.section import Section

Score = Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]


class Cost(StrEnum):
    """What a verdict costs the mail. Nothing: it is taken, and the trace says so."""

    MARK = "mark"
    HOLD = "hold"
    DEFER = "defer"
    REJECT = "reject"


class Scanning(Section):
    """What the verdicts of scanners cost a mail."""

    virus: Literal[Cost.REJECT, Cost.HOLD] = Cost.REJECT
    """clamd found a virus: the mail is refused, `550 5.7.1 scan.virus`; or kept for an operator."""
    spam: Literal[Cost.REJECT, Cost.HOLD, Cost.MARK] = Cost.REJECT
    """rspamd's action is `reject`: the mail is refused, `550 5.7.1 scan.spam`; kept for an operator; or taken, and the
    trace says so.
    """
    suspect: Literal[Cost.REJECT, Cost.HOLD, Cost.MARK] = Cost.MARK
    """rspamd's action is `add header`, `rewrite subject` or `quarantine`."""
    later: Literal[Cost.DEFER, Cost.MARK] = Cost.DEFER
    """rspamd's action is `soft reject`: the sender is asked to come again, `451 4.7.1 scan.later`, which is how rspamd
    greylists and limits rates.
    """
    oversize: Literal[Cost.REJECT, Cost.HOLD, Cost.MARK] = Cost.HOLD
    """The mail is larger than the scanner takes: `552 5.3.4 scan.oversize` where it is refused."""
    failed: Literal[Cost.DEFER, Cost.MARK] = Cost.DEFER
    """The scanner is down or too slow: `451 4.3.0 scan.failed`, or the mail is taken without its word."""
    spam_score: Score | None = None
    """A score of rspamd from which on a mail is spam, whatever the action."""
    suspect_score: Score | None = None
    """A score of rspamd from which on a mail is suspect, whatever the action."""
