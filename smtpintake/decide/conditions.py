"""What a mail has of what the conditions of rules ask for, as keys of the rulebook."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from smtpintake.decide.facts import Facts
from smtpintake.decide.policy import Key, Rulebook
from smtpintake.mail.message import Origin

_AUTOMATIC: Final = frozenset((Origin.AUTO_REPLY, Origin.AUTO_GENERATED))


def keys_of(facts: Facts, rulebook: Rulebook) -> frozenset[Key]:
    """The keys of the mail, and of everything that `rulebook` looks for and that is found in it."""
    return frozenset((*_plain_keys(facts), *rulebook.found(partial(_texts, facts))))


def _texts(facts: Facts, field: str) -> Iterable[str]:
    """Where the expressions for `field` are looked for."""
    match field:
        case "subject":
            return (facts.message.subject,)
        case "body":
            return (facts.text,)
        case "sender":
            return (_author(facts),)
        case _:
            name = field.partition(" ")[2]
            return (value for given, value in facts.message.header if given == name)


def _plain_keys(facts: Facts) -> Iterator[Key]:
    message = facts.message
    yield from _sender_keys(_author(facts))
    if facts.sender is not None and facts.sender.organisation:
        yield Key("organisation", facts.sender.organisation)
    for recipient in facts.recipients:
        yield Key("recipient", recipient.folded)
        yield Key("recipient", recipient.split_subaddress()[0].folded)
        yield Key("recipient", f"@{recipient.folded_domain}")
    yield Key("proof", facts.proof)
    for file in facts.files:
        for kind in file.kinds:
            yield Key("attachment", kind)
    yield Key("origin", message.origin)
    if message.origin in _AUTOMATIC:
        yield Key("origin", "auto")


def _sender_keys(address: str) -> Iterator[Key]:
    yield Key("sender", address)
    labels = address.rpartition("@")[2].split(".")
    yield Key("domain", ".".join(labels))
    for i in range(len(labels)):
        domain = ".".join(labels[i:])
        yield Key("sender", f"@{domain}")
        if i:
            yield Key("domain", f"*.{domain}")


def _author(facts: Facts) -> str:
    author = facts.message.author
    return author.mailbox.folded if author else ""
