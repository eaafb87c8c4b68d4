"""What applying a document does to the policy in force: the new document, and the difference in words.

Contract: pure. A table is the same one where its name is (`key` of a project, `name` of an inbox or a rule, both
inboxes of a pair). Without `prune` what the new document doesn't name stays as it is; with it, it goes. Rules are in
the order of the new document; those that it doesn't name come after.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from smtpintake.decide.policy import Document, Inbox, Pair, Project, Rule, Section, read_document

_ARROW: Final = " -> "


def merged(before: Document, wanted: Document, *, prune: bool) -> Document:
    """The rights, projects, inboxes, pairs and rules that are in force after `wanted` is applied.

    Raises PolicyError where a table of `wanted` contradicts one that stays.
    """
    tables: dict[str, tuple[Section, ...]] = {
        "project": wanted.project,
        "inbox": wanted.inbox,
        "pair": wanted.pair,
        "rule": wanted.rule,
    }
    # A table that there is once is not named by leaving it away: it stays, or is as it was at first.
    rights = wanted.rights if prune or "rights" in wanted.model_fields_set else before.rights
    if not prune:
        tables["project"] = _overlaid(_projects(before), _projects(wanted))
        tables["inbox"] = _overlaid(_inboxes(before), _inboxes(wanted))
        tables["pair"] = _overlaid(_pairs(before), _pairs(wanted))
        tables["rule"] = tuple((_rules(wanted) | _left(_rules(before), _rules(wanted))).values())
    return read_document(
        {
            "rights": rights.model_dump(mode="json"),
            **{name: [table.model_dump(mode="json") for table in of_name] for name, of_name in tables.items()},
        }
    )


def differences(before: Document, after: Document) -> tuple[str, ...]:
    """A line for each table that comes (`+`) or goes (`-`), and for each key that changes (`~`)."""
    return (
        *changed_keys("rights", _plain(before.rights), _plain(after.rights)),
        *_tables("project", _projects(before), _projects(after)),
        *_tables("inbox", _inboxes(before), _inboxes(after)),
        *_tables("pair", _pairs(before), _pairs(after)),
        *_tables("rule", _rules(before), _rules(after)),
        *_order(tuple(_rules(before)), tuple(_rules(after))),
    )


def changed_keys(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    """A line for each key of one table whose value changes; `what` names the table."""
    for key, value in after.items():
        if before.get(key) != value:
            yield f"~ {what}: {key} {_written(before.get(key))}{_ARROW}{_written(value)}"


def _overlaid(before: Mapping[str, Section], wanted: Mapping[str, Section]) -> tuple[Section, ...]:
    return tuple({**before, **wanted}.values())


def _projects(document: Document) -> dict[str, Project]:
    return {project.key: project for project in document.project}


def _inboxes(document: Document) -> dict[str, Inbox]:
    return {inbox.name: inbox for inbox in document.inbox}


def _pairs(document: Document) -> dict[str, Pair]:
    return {pair.name: pair for pair in document.pair}


def _rules(document: Document) -> dict[str, Rule]:
    return {rule.name: rule for rule in document.rule}


def _left(before: Mapping[str, Rule], wanted: Mapping[str, Rule]) -> dict[str, Rule]:
    return {name: rule for name, rule in before.items() if name not in wanted}


def _order(before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    """A line where rules that stay change places."""
    stayed = [name for name in before if name in after]
    now = [name for name in after if name in before]
    if stayed != now:
        yield f"~ rules: order {_written(stayed)}{_ARROW}{_written(now)}"


def _tables(kind: str, before: Mapping[str, Section], after: Mapping[str, Section]) -> Iterator[str]:
    for name, table in after.items():
        if name not in before:
            yield f"+ {kind} {name}: {_summary(table)}"
        else:
            yield from changed_keys(f"{kind} {name}", _plain(before[name]), _plain(table))
    for name in before:
        if name not in after:
            yield f"- {kind} {name}"


def _summary(table: Section) -> str:
    """What is said of a new table, but for its name."""
    given = table.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{key} {_written(value)}" for key, value in _tail(given.items()))


def _tail(items: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    return ((key, value) for i, (key, value) in enumerate(items) if i)


def _plain(table: Section) -> dict[str, object]:
    return table.model_dump(mode="json")


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
