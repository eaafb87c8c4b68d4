"""Who takes part in a new issue: its author, those to whom the mail is addressed, those whom the policy adds.

Contract: pure. Our own addresses are no participants.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from smtpintake.decide.decision import CreateIssue
from smtpintake.decide.facts import Facts
from smtpintake.decide.policy import Policy
from smtpintake.decide.routing import Route, is_ours, route
from smtpintake.mail.address import Mailbox
from smtpintake.mail.message import Author


@dataclass(frozen=True, slots=True)
class TakingPart:
    """`address` is folded; `role` is `reporter`, `author` or `cc`."""

    address: str
    name: str
    role: str
    person_id: int | None = None


def participants(
    facts: Facts, decision: CreateIssue, policy: Policy, author: Author, author_id: int | None
) -> Iterator[TakingPart]:
    """In the order in which they are found; an address may come twice. `author` wrote what the issue says, `author_id`
    is theirs in the directory.
    """
    fields = decision.fields
    if decision.extent.author:
        role = "author" if fields.creator else "reporter"
        yield TakingPart(author.mailbox.folded, author.name, role, author_id)
    if decision.extent.copied:
        for copied in (*facts.message.to, *facts.message.cc):
            if not isinstance(route(policy, copied.mailbox), Route):
                yield TakingPart(copied.mailbox.folded, copied.name, "cc")
    for address in fields.participants:
        if is_ours(policy, Mailbox.parse(address)):
            continue
        known = facts.directory.people.get(address)
        yield TakingPart(address, known.name, "cc", known.person_id) if known else TakingPart(address, "", "cc")
