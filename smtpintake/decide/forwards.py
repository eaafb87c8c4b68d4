"""Whose the issue is that a forward makes: the author's of the mail inside, where an agent passes it on.

Contract: pure. What stands in a mail is anybody's claim, so it counts only as the word of somebody who works on the
project, and is proved: always, also in an inbox that asks nobody else for proof. Whom they name is not proved by that:
they report the issue and take part in it, and have no right besides. Everybody else's forward is their own mail.
"""

from typing import Final

from smtpintake.convert.forwarded import Forwarded
from smtpintake.decide.facts import Candidate, Facts, Finding
from smtpintake.decide.policy import Forwards, Policy, Proof, Right
from smtpintake.decide.rights import may
from smtpintake.decide.routing import is_ours
from smtpintake.mail.reason import Reason

CHECK: Final = "forwarded"


def passed_on(facts: Facts, policy: Policy) -> Forwarded | None:
    """The mail inside, where the forwarder's word counts for whose it is."""
    return facts.forwarded if facts.forwarded is not None and not _why_not(facts, policy, facts.forwarded) else None


def observation(facts: Facts, policy: Policy) -> tuple[Finding, ...]:
    """What a new issue's trace says of a forward; nothing of any other mail."""
    if facts.forwarded is None:
        return ()
    author = facts.forwarded.author.mailbox
    why = _why_not(facts, policy, facts.forwarded)
    return (Finding(CHECK, "as-is", f"of {author}: {why}") if why else Finding(CHECK, "author", f"{author} owns it"),)


def is_of_original(facts: Facts, policy: Policy, candidate: Candidate) -> bool:
    """True where it is not the forwarder who means `candidate`, but the mail that they pass on: clients copy its
    References and its subject, which a stranger chose.
    """
    original = passed_on(facts, policy)
    if original is None or candidate.original_participates:
        return False
    of_subject = candidate.how is Reason.THREAD_TOKEN and candidate.evidence in original.subject
    return of_subject or candidate.how is Reason.THREAD_REFERENCE


def _why_not(facts: Facts, policy: Policy, original: Forwarded) -> str:
    """Why the mail inside is only text, or an empty string."""
    inbox, sender, author = facts.inbox, facts.sender, facts.message.author
    if inbox.forwards is Forwards.AS_IS:
        return f"inbox {inbox.name} takes forwards as they are"
    if sender is None or author is None or not sender.active:
        return "the forwarder is nobody of ours"
    if facts.proof.rank < Proof.ALIGNED.rank:
        return f"the forwarder's proof is {facts.proof}"
    if not (answer := may(facts, policy, Right.AGENT, inbox.project)):
        return answer.why
    if is_ours(policy, original.author.mailbox):
        return "an address of ours"
    return "the forwarder's own" if original.author.mailbox.folded == author.mailbox.folded else ""
