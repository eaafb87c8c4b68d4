"""Table: whether held mail was looked at since the policy or the people changed. One row, with the id 1."""

from datetime import datetime

from sqlmodel import Field

from smtpintake.store.types import Table, UtcDateTime


class HeldReview(Table, table=True):
    """`people` counts the changes of people. `seen_policy` and `seen_people` are what held mail was last judged with;
    until `lease_until` `reviewer` is judging it.
    """

    __tablename__ = "held_review"

    id: int = Field(default=1, primary_key=True)
    people: int = 0
    seen_policy: int = 0
    seen_people: int = 0
    reviewer: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
