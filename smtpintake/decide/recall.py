"""Facts as they were: what is gathered for a logged mail today, with what was known of it then in its place.

Contract: pure. What follows from the policy (route, inbox, the issues that a subject's tokens name) follows from the
one that is asked about; what the world had to say (the verdict on the sender, the person, the threads, earlier
deliveries) is what it said then. A token that only this policy gives a meaning to was never looked up: there, and
only there, the tracker of today answers, but for issues that are younger than the mail.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from smtpintake.decide.facts import Candidate, Directory, Facts, Sender
from smtpintake.decide.pastfacts import PastDelivery, PastFacts
from smtpintake.decide.policy import Person, Policy
from smtpintake.decide.threading import TokenTarget, token_targets
from smtpintake.mail.reason import Reason
from smtpintake.mail.threadkeys import subject_tokens

Made = Callable[[int], datetime | None]
"""When an issue was made, by its id; None where there is none."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the policy in question says of people: `people` are those that it names, by address, and `ids` who they are
    in the directory. With `prune` it retires everybody registered whom it doesn't name.
    """

    people: Mapping[str, Person] = field(default_factory=dict)
    ids: frozenset[int] = frozenset()
    prune: bool = False

    def known(self, address: str, sender: Sender | None) -> Sender | None:
        """Whom `address` stands for, where it stood for `sender`."""
        person = self.people.get(address)
        if person is not None:
            known = sender or Sender(0, person.name, {})
            permissions = {key: frozenset(given) for key, given in person.permissions.items()}
            said = replace(known, name=person.name, roles=dict(person.roles), permissions=permissions)
            return replace(said, active=True, registered=True)
        if sender is None or sender.person_id in self.ids:
            return None  # whoever it is has this address no longer
        return replace(sender, active=False) if self.prune and sender.registered else sender

    def all_known(self, senders: Mapping[str, Sender]) -> dict[str, Sender]:
        """`senders`, by address, as they would be known."""
        known = {address: self.known(address, sender) for address, sender in senders.items()}
        return {address: sender for address, sender in known.items() if sender is not None}


@dataclass(frozen=True, slots=True)
class Memory:
    """How one mail is remembered. `then` is the policy that judged it, None where it cannot be read any more; `named`
    is what the policy in question says of people; `made` tells how old an issue is.
    """

    past: PastFacts
    policy: Policy
    then: Policy | None
    made: Made
    named: Named = field(default_factory=Named)

    def recall(self, facts: Facts) -> Facts:
        """`facts`, which were gathered today, as they were."""
        here = self.past.inboxes.get(facts.inbox.name)
        past = here or PastDelivery(assignees=facts.assignees, standing=facts.standing)
        now = facts.envelope.received_at
        if not self.past.inboxes:
            # Nobody was asked about the sender then: today's answer is the only one.
            sender, directory = self._sender(facts, facts.sender), self._directory(facts)
            return replace(facts, sender=sender, directory=directory, now=now, earlier=None, shared=None)
        return replace(
            facts,
            sender=self._sender(facts, self.past.sender),
            directory=self._directory(facts),
            candidates=tuple(self._candidates(facts)),
            earlier=past.earlier,
            shared=past.shared,
            assignees=self.named.all_known(past.assignees),
            # An issue that only this policy leads to is known as it is today.
            standing={**facts.standing, **past.standing},
            returned=self.past.returned,
            sent=past.sent,
            stopped=self.past.stopped,
            now=now,
        )

    def _sender(self, facts: Facts, sender: Sender | None) -> Sender | None:
        author = facts.message.author
        return self.named.known(author.mailbox.folded, sender) if author else sender

    def _directory(self, facts: Facts) -> Directory:
        return replace(facts.directory, people=self.named.all_known(facts.directory.people))

    def _candidates(self, facts: Facts) -> Iterator[Candidate]:
        """In the order in which `decide.threading` trusts them."""
        here = self.past.inboxes.get(facts.inbox.name)
        several = [here] if here is not None else list(self.past.inboxes.values())
        known = list(dict.fromkeys(candidate for one in several for candidate in one.candidates))
        key = facts.route.reply_key
        yield from (one for one in known if one.how is Reason.THREAD_KEY and one.evidence == key)
        yield from (one for one in known if one.how is Reason.THREAD_REFERENCE)
        yield from self._named_by_tokens(facts)

    def _named_by_tokens(self, facts: Facts) -> Iterator[Candidate]:
        tokens = subject_tokens(facts.message.subject)
        stored = (candidate for one in self.past.inboxes.values() for candidate in one.candidates)
        known = {(one.evidence, one.issue_key): one for one in stored if one.how is Reason.THREAD_TOKEN}
        today = {(one.evidence, one.issue_key): one for one in facts.candidates if one.how is Reason.THREAD_TOKEN}
        looked_up = self._looked_up(facts)
        for target in token_targets(tokens, self.policy, facts.inbox):
            named = (target.token, target.issue_key)
            found = known.get(named) if target in looked_up else self._if_older(facts, today.get(named))
            if found is not None:
                yield found

    def _looked_up(self, facts: Facts) -> set[TokenTarget]:
        """What the tokens meant to the inboxes that judged the mail."""
        if self.then is None:
            return set()
        tokens = subject_tokens(facts.message.subject)
        inboxes = (self.then.inboxes[name] for name in self.past.inboxes if name in self.then.inboxes)
        return {target for inbox in inboxes for target in token_targets(tokens, self.then, inbox)}

    def _if_older(self, facts: Facts, candidate: Candidate | None) -> Candidate | None:
        if candidate is None:
            return None
        made = self.made(candidate.issue_id)
        return candidate if made is not None and made < facts.envelope.received_at else None
