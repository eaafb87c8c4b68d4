"""`Rulebook`: the rules of a policy, compiled once, and which of them hold for a mail.

Contract: pure. Whatever a condition may ask of a mail, but its size, is a `Key`: the mail has a set of them, and a
condition holds where it shares one with the mail. Each rule waits at the keys of one of its conditions, so a mail meets
only the rules that have something to do with it, however many there are; and all keywords and expressions for one field
are looked for at once. What a rule asks is asked of the mail, never of what an earlier rule did.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from smtpintake.decide.patterns import Patterns, keyword
from smtpintake.decide.policy.inbox import Inbox
from smtpintake.decide.policy.rule import Conditions, Rule

# Where a rule waits: the earlier, the fewer mails it meets in vain.
_SELECTIVE: Final = ("organisation", "sender", "header", "subject", "body", "recipient", "domain", "attachment")
_REGEX: Final = "regex "


class Key(NamedTuple):
    """Something that a mail may have: `kind` is that of the condition, such as `subject`, `header x-spam` or
    `regex subject`; `value` is what the admin wrote there.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule; each of its conditions must hold, and none of its exceptions."""

    rule: Rule
    conditions: tuple[frozenset[Key], ...]
    exceptions: tuple[frozenset[Key], ...]

    def holds(self, keys: frozenset[Key], size: int) -> bool:
        """True where all that must hold does, and nothing that must not."""
        return (
            not any(condition.isdisjoint(keys) for condition in self.conditions)
            and all(exception.isdisjoint(keys) for exception in self.exceptions)
            and self._has_size(size)
        )

    def evidence(self, keys: frozenset[Key]) -> str:
        """What of the mail it held for, in the admin's words."""
        shared = (min(condition & keys) for condition in self.conditions)
        return ", ".join(map(str, shared))

    def _has_size(self, size: int) -> bool:
        wanted, unwanted = self.rule.when.size, self.rule.when.not_.size
        too_small = size <= wanted.over or 0 < unwanted.under > size
        return not too_small and not 0 < wanted.under <= size and not 0 < unwanted.over < size


class Rulebook:
    """`rules` in their order; built once a policy version."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Final = tuple(_compiled(rule) for rule in rules if rule.active)
        self._waiting: Final[dict[Key, list[int]]] = defaultdict(list)
        self._always: Final[list[int]] = []
        expressions: dict[str, dict[str, set[Key]]] = defaultdict(lambda: defaultdict(set))
        for number, compiled in enumerate(self.rules):
            self._wait(number, compiled)
            for key in frozenset[Key]().union(*compiled.conditions, *compiled.exceptions):
                if (expression := _expression(key)) is not None:
                    expressions[key.kind.removeprefix(_REGEX)][expression].add(key)
        self._searches: Final = {field: (Patterns(of), tuple(of.values())) for field, of in expressions.items()}

    def __bool__(self) -> bool:
        return bool(self.rules)

    def found(self, texts: Callable[[str], Iterable[str]]) -> Iterator[Key]:
        """The keys of what is looked for and found. `texts` gives the texts of a field such as `subject` or
        `header x-spam`.
        """
        for field, (patterns, keys) in self._searches.items():
            for text in texts(field):
                for number in patterns.found_in(text):
                    yield from keys[number]

    def met_by(self, keys: frozenset[Key], size: int, inbox: Inbox) -> Iterator[CompiledRule]:
        """The rules that hold for a mail to `inbox` of `size` octets that has `keys`, in their order."""
        numbers = {number for key in keys if key in self._waiting for number in self._waiting[key]}
        candidates = (self.rules[number] for number in sorted(numbers.union(self._always)))
        return (rule for rule in candidates if rule.rule.is_for(inbox) and rule.holds(keys, size))

    def _wait(self, number: int, compiled: CompiledRule) -> None:
        if not compiled.conditions:
            self._always.append(number)
            return
        for key in min(compiled.conditions, key=_selectivity):
            self._waiting[key].append(number)


def _selectivity(condition: frozenset[Key]) -> int:
    kind = min(condition).kind.removeprefix(_REGEX).partition(" ")[0]
    return _SELECTIVE.index(kind) if kind in _SELECTIVE else len(_SELECTIVE)


# ---- what conditions ask for ---------------------------------------------------------------------------------------


def _compiled(rule: Rule) -> CompiledRule:
    return CompiledRule(rule, tuple(_conditions(rule.when)), tuple(_conditions(rule.when.not_)))


def _conditions(asked: Conditions) -> Iterator[frozenset[Key]]:
    """The keys of each condition, any of which will do."""
    yield from _some("subject", asked.subject)
    yield from _some(_REGEX + "subject", asked.regex.subject)
    yield from _some("body", asked.body)
    yield from _some(_REGEX + "body", asked.regex.body)
    for name, keywords in asked.header.items():
        yield from _some(f"header {name}", keywords)
    for name, expressions in asked.regex.header.items():
        yield from _some(f"{_REGEX}header {name}", expressions)
    yield from _some("sender", asked.sender)
    yield from _some("domain", asked.domain)
    yield from _some("organisation", asked.organisation)
    yield from _some("recipient", asked.recipient)
    yield from _some("proof", asked.proof)
    yield from _some("attachment", asked.attachment)
    yield from _some("origin", asked.origin)


def _some(kind: str, values: Iterable[str]) -> Iterator[frozenset[Key]]:
    if keys := frozenset(Key(kind, value) for value in values):
        yield keys


def _expression(key: Key) -> str | None:
    """What to look for in the field of `key`; None where it is not a matter of looking for something."""
    if key.kind.startswith(_REGEX):
        return key.value
    if key.kind.partition(" ")[0] in ("subject", "body", "header"):
        return keyword(key.value)
    # Of sender patterns, the fragments (see decide.fields).
    return keyword(key.value) if key.kind == "sender" and "@" not in key.value else None
