"""Which existing issue a mail belongs to, and whether its author may add to it.

Contract: pure. Candidates come in the order in which they are trusted: the keyed reply address, the Message-IDs of
In-Reply-To and References, the tokens of the subject. Finding an issue is not the right to write to it: Message-IDs and
numbers can be guessed or read elsewhere (zammad#5064, alga-psa#3241), so without a key that was given to this very
author, only who takes part in the issue or works on its project may append. Everybody else's mail is a mail of its own,
which mentions the issue.

From can be forged, so these rights ask for proof. Who works on a project may write to all of it, and must be proved,
unless the inbox requires no proof of anybody. Who takes part may write to what they know already: that they are not
disowned by their own domain is enough, or else whoever's domain has neither SPF nor DKIM could never answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from smtpintake.decide.facts import Candidate, Facts, Finding
from smtpintake.decide.policy import Inbox, Policy, Proof, Require, Role
from smtpintake.mail.reason import Reason
from smtpintake.mail.threadkeys import SubjectToken

_WORKING_ROLES = frozenset((Role.AGENT, Role.MANAGER))


@dataclass(frozen=True, slots=True)
class TokenTarget:
    """What a subject token may mean: an issue key, and the type the issue must have where a type prefix named it."""

    token: str
    issue_key: str
    issue_type: str | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """`match` is the issue to append to, or None; `mentions` are issues that were found but may not be written to.
    `by_staff` is True where the author works on the project of `match`, and is proved.
    """

    match: Candidate | None
    proof: Proof
    mentions: tuple[Candidate, ...]
    findings: tuple[Finding, ...]
    by_staff: bool = False


def token_targets(tokens: tuple[SubjectToken, ...], policy: Policy, inbox: Inbox) -> tuple[TokenTarget, ...]:
    """The issues that subject tokens name: `[SUP-12]` by project, `[IN:000012]` by type prefix, `#12` in the inbox's
    own.
    """
    return tuple(_targets(tokens, policy, inbox))


def _targets(tokens: tuple[SubjectToken, ...], policy: Policy, inbox: Inbox) -> Iterator[TokenTarget]:
    for token in tokens:
        if not token.name:
            yield TokenTarget(str(token), f"{inbox.project}-{token.number}")
        elif token.name in policy.projects:
            yield TokenTarget(str(token), f"{token.name}-{token.number}")
        elif prefix := policy.prefixes.get(token.name):
            project, issue_type = prefix
            yield TokenTarget(str(token), f"{project}-{token.number}", issue_type)


def find_thread(facts: Facts) -> Thread:
    """The first candidate that the author may append to, and why the ones before it were passed over."""
    findings = []
    mentions: dict[int, Candidate] = {}
    for candidate in facts.candidates:
        right, why = _right_to_append(facts, candidate)
        evidence = f"{candidate.issue_key} by {candidate.evidence}: {why}"
        findings.append(Finding(str(candidate.how), "match" if right else "mention", evidence))
        if right:
            proof = _proof(facts, candidate)
            by_staff = _works_on(facts, candidate) and _is_proved(facts, proof)
            return Thread(candidate, proof, (), tuple(findings), by_staff)
        mentions[candidate.issue_id] = candidate
    if not findings:
        findings.append(Finding("thread", "none", "no reply key, Message-ID or token of an existing issue"))
    return Thread(None, facts.proof, tuple(mentions.values()), tuple(findings))


def apart(thread: Thread) -> Thread:
    """`thread` of a mail that shall be an issue of its own: what it belongs to is only mentioned."""
    if thread.match is None:
        return thread
    why = Finding("thread", "set aside", f"{thread.match.issue_key} is mentioned: an operator wants a new issue")
    return Thread(None, thread.proof, (thread.match,), (*thread.findings, why))


def _right_to_append(facts: Facts, candidate: Candidate) -> tuple[bool, str]:
    """Whether the author may append, and why."""
    if _holds_key(facts, candidate):
        return True, "the reply address was given to this author"
    takes_part, works = candidate.author_participates, _works_on(facts, candidate)
    if takes_part and facts.proof is not Proof.FAILED:
        return True, "the author takes part in the issue"
    if works and _is_proved(facts, facts.proof):
        return True, "the author works on the project"
    if takes_part or works:
        return False, f"whoever From names might, but their proof is {facts.proof}"
    return False, "the author takes no part in it"


def _works_on(facts: Facts, candidate: Candidate) -> bool:
    return facts.sender is not None and facts.sender.roles.get(candidate.project_key) in _WORKING_ROLES


def _is_proved(facts: Facts, proof: Proof) -> bool:
    return facts.inbox.require is Require.NONE or proof.rank >= Proof.ALIGNED.rank


def _holds_key(facts: Facts, candidate: Candidate) -> bool:
    author = facts.message.author
    return candidate.how is Reason.THREAD_KEY and author is not None and candidate.key_owner == author.mailbox.folded


def _proof(facts: Facts, candidate: Candidate) -> Proof:
    return Proof.KEY if _holds_key(facts, candidate) else facts.proof
