"""`Policy`: a Document in force, with the look-ups that routing and judging need.

Contract: built once a version; what is worked out from the Document is kept (`cached_property`), so that no mail pays
for it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from smtpintake.decide.policy.document import Document
from smtpintake.decide.policy.inbox import Inbox
from smtpintake.decide.policy.naming import organisations_of, people_of, people_of_rule
from smtpintake.decide.policy.pair import Together
from smtpintake.decide.policy.project import IssueType, Project
from smtpintake.decide.policy.rule import Rule
from smtpintake.decide.policy.rulebook import Rulebook


@dataclass(frozen=True)
class Policy:
    """A Document in force. `version` is what the log names; 0 is the empty policy of a new database."""

    version: int
    document: Document

    def prepare(self) -> None:
        """Work out all that is kept, so that the first mail doesn't wait for it: 10,000 rules take a second."""
        for name, value in vars(Policy).items():
            if isinstance(value, cached_property):
                getattr(self, name)

    @cached_property
    def projects(self) -> dict[str, Project]:
        return {project.key: project for project in self.document.project}

    @cached_property
    def issue_types(self) -> dict[tuple[str, str], IssueType]:
        """(Project key, name) -> the type."""
        return {(project.key, each.name): each for project in self.document.project for each in project.issue_types}

    @cached_property
    def inboxes(self) -> dict[str, Inbox]:
        return {inbox.name: inbox for inbox in self.document.inbox}

    @cached_property
    def addresses(self) -> dict[str, Inbox]:
        """Folded address, or `@domain` for a catch-all -> its inbox."""
        return {address: inbox for inbox in self.document.inbox for address in inbox.addresses}

    @cached_property
    def domains(self) -> frozenset[str]:
        """Every domain that some inbox has an address in."""
        return frozenset(address.rpartition("@")[2] for address in self.addresses)

    @cached_property
    def sharing(self) -> dict[str, tuple[str, ...]]:
        """Inbox -> the inboxes that make one issue of a mail to several of them, itself among them: all that pairs
        connect, in the order in which the pairs name them.
        """
        groups: dict[str, tuple[str, ...]] = {}
        for pair in self.document.pair:
            if pair.issues is Together.ONE:
                joined = dict.fromkeys(name for inbox in pair.inboxes for name in groups.get(inbox, (inbox,)))
                groups |= dict.fromkeys(joined, tuple(joined))
        return groups

    @cached_property
    def prefixes(self) -> dict[str, tuple[str, str]]:
        """Token prefix -> (project key, issue type name); a prefix that two projects use names no project."""
        seen = Counter(t.prefix for project in self.document.project for t in project.issue_types)
        return {
            issue_type.prefix: (project.key, issue_type.name)
            for project in self.document.project
            for issue_type in project.issue_types
            if seen[issue_type.prefix] == 1
        }

    @cached_property
    def rulebook(self) -> Rulebook:
        return Rulebook(self.document.rule)

    @cached_property
    def named_people(self) -> dict[str, frozenset[str]]:
        """Inbox -> the addresses of people whom a new issue may name because of it."""
        rules = [rule for rule in self.document.rule if any(self._people_of_rule(rule))]
        return {
            inbox.name: frozenset((*(address for _, address in people_of(inbox)), *inbox.defaults.participants)).union(
                *(self._people_of_rule(rule) for rule in rules if rule.is_for(inbox))
            )
            for inbox in self.document.inbox
        }

    def _people_of_rule(self, rule: Rule) -> Iterator[str]:
        yield from (address for _, address in people_of_rule(rule))
        yield from rule.then.participants

    @cached_property
    def named_organisations(self) -> dict[str, frozenset[str]]:
        """Inbox -> the names of organisations whose an issue may be because of it."""
        rules = [rule for rule in self.document.rule if rule.then.organisation]
        return {
            inbox.name: frozenset(name for _, name in organisations_of(inbox)).union(
                rule.then.organisation for rule in rules if rule.is_for(inbox)
            )
            for inbox in self.document.inbox
        }


EMPTY_POLICY: Final = Policy(0, Document())
