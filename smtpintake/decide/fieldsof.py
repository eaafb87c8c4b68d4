"""The fields of a new issue, step by step, and what each step found.

Contract: pure. `STEPS` is the order: each takes the fields as they are and gives them as it wants them.
"""

from collections.abc import Callable
from typing import Final

from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.issuefields import IssueFields, initial
from smtpintake.decide.policy import Policy
from smtpintake.decide.rules import set_fields

Step = Callable[[Facts, Policy, IssueFields], tuple[IssueFields, tuple[Finding, ...]]]


def fields_of(facts: Facts, policy: Policy) -> tuple[IssueFields, tuple[Finding, ...]]:
    """The fields of the issue that the mail makes; only asked after it is known to have one author."""
    fields = initial(policy, facts.inbox, facts.message.subject)
    findings: list[Finding] = []
    for step in STEPS:
        fields, found = step(facts, policy, fields)
        findings += found
    return fields, tuple(findings)


STEPS: Final[tuple[Step, ...]] = (set_fields,)
