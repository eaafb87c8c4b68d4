"""Which existing issue a mail belongs to, and whether its author may add to it.

Contract: pure. Candidates come in the order in which they are trusted: the keyed reply address, the Message-IDs of
In-Reply-To and References, the tokens of the subject. Finding an issue is not the right to write to it: Message-IDs and
numbers can be guessed or read elsewhere (zammad#5064, alga-psa#3241), so without a key that was given to this very
author, only who takes part in the issue or works on its project may append. Everybody else's mail is a mail of its own,
which mentions the issue.

Who has the right, and with what proof, `decide.rights` says. A token leads only to issues of a type that takes comments
by token: a number is easily guessed, or quoted from elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from smtpintake.decide.facts import Candidate, Facts, Finding
from smtpintake.decide.forwards import is_of_original
from smtpintake.decide.policy import Inbox, Policy, Proof, Right
from smtpintake.decide.rights import may_append, may_on, proof_on
from smtpintake.mail.reason import Reason
from smtpintake.mail.threadkeys import SubjectToken


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


def find_thread(facts: Facts, policy: Policy) -> Thread:
    """The first candidate that the author may append to, and why the ones before it were passed over."""
    findings = []
    mentions: dict[int, Candidate] = {}
    for candidate in facts.candidates:
        allowed, why = _may_lead(facts, policy, candidate)
        evidence = f"{candidate.issue_key} by {candidate.evidence}: {why}"
        findings.append(Finding(str(candidate.how), "match" if allowed else "mention", evidence))
        if allowed:
            by_staff = may_on(facts, policy, Right.AGENT, candidate).allowed
            return Thread(candidate, proof_on(facts, candidate), (), tuple(findings), by_staff)
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


def _may_lead(facts: Facts, policy: Policy, candidate: Candidate) -> tuple[bool, str]:
    """Whether the mail may be added to the issue, and why."""
    if candidate.how is Reason.THREAD_TOKEN and not _takes_tokens(policy, candidate):
        return False, f"{candidate.issue_type} of {candidate.project_key} takes no comments by token"
    if is_of_original(facts, policy, candidate):
        return False, "meant by a forwarded mail, whose author takes no part in it"
    answer = may_append(facts, policy, candidate)
    return answer.allowed, answer.why


def _takes_tokens(policy: Policy, candidate: Candidate) -> bool:
    """True where the issue is of a type that its project lists, and takes comments by token."""
    issue_type = policy.issue_types.get((candidate.project_key, candidate.issue_type))
    return issue_type is not None and issue_type.token_comments
