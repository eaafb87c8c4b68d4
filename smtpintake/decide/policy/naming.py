"""Whom a policy names: people by address, organisations by name.

Contract: they live in the directory, which a policy file may leave alone. So they are looked for when a file is
applied, and again for each mail: what is gone by then, the issue is made without.
"""

from collections.abc import Iterator

from smtpintake.decide.fields import SENDER
from smtpintake.decide.policy.document import Document
from smtpintake.decide.policy.inbox import Inbox
from smtpintake.decide.policy.rule import Rule


def people_named(document: Document) -> Iterator[tuple[str, str]]:
    """(key, address) of each person who must be in the directory."""
    for inbox in document.inbox:
        yield from ((f"inbox {inbox.name}.{key}", address) for key, address in people_of(inbox))
    for rule in document.rule:
        yield from ((f"rule {rule.name}.{key}", address) for key, address in people_of_rule(rule))


def organisations_named(document: Document) -> Iterator[tuple[str, str]]:
    """(key, name) of each organisation that must be in the directory."""
    for inbox in document.inbox:
        yield from ((f"inbox {inbox.name}.{key}", name) for key, name in organisations_of(inbox))
    for rule in document.rule:
        if rule.then.organisation:
            yield f"rule {rule.name}.then.organisation", rule.then.organisation


def people_of(inbox: Inbox) -> Iterator[tuple[str, str]]:
    if inbox.creator != SENDER:
        yield "creator", inbox.creator
    if inbox.import_as is not None:
        yield "import_as", inbox.import_as
    if inbox.defaults.assignee is not None:
        yield "defaults.assignee", inbox.defaults.assignee
    for i, mapping in enumerate(inbox.map_senders):
        if mapping.person is not None:
            yield f"map_senders[{i}].person", mapping.person


def people_of_rule(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.then.assignee is not None:
        yield "then.assignee", rule.then.assignee
    if rule.then.import_ and rule.owner is not None:
        yield "owner", rule.owner


def organisations_of(inbox: Inbox) -> Iterator[tuple[str, str]]:
    if inbox.defaults.organisation:
        yield "defaults.organisation", inbox.defaults.organisation
    for i, mapping in enumerate(inbox.map_senders):
        if mapping.organisation:
            yield f"map_senders[{i}].organisation", mapping.organisation
