"""`Place`: where one delivery ended, and why.

Contract: a value; what it names is in the same transaction as the log row that is made of it.
"""

from dataclasses import dataclass

from smtpintake.decide.decision import Judgement, Outcome
from smtpintake.decide.facts import Facts
from smtpintake.decide.outcome import outcome_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where one delivery ended: what the log row `log_id` says of it."""

    log_id: str
    facts: Facts
    judgement: Judgement
    issue_id: int | None = None
    issue_key: str | None = None
    comment_id: int | None = None
    duplicate_of: str | None = None

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.judgement.decision)
