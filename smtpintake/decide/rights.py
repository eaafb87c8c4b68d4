"""`may`: whether the author of a mail has a right in a project, or on an issue of it, and why.

Contract: pure. A right takes two things. It must be *given* to the author: by a permission or a role in the project, by
what the project or the inbox gives to everybody else, or because they take part in the issue. And since From can be
forged, they must be *proved* as well as `[rights]` asks. The Answer names the right and what was missing.

A key is our reply address, or our Message-ID, that was sent to this very author. Both are passed on in replies to all,
so they prove nobody whom their own domain disowns, and a Message-ID nobody for what only some people may do.
"""

from dataclasses import dataclass
from typing import Final

from smtpintake.decide.facts import Candidate, Facts, Sender
from smtpintake.decide.policy import Policy, Proof, Require, Right, Role, UnknownSenders
from smtpintake.decide.policy.rights import BELIEVED, BUNDLES, OF_FEW, OF_PARTICIPANTS, PERMISSIONS
from smtpintake.mail.reason import Reason

_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the author has `right`; `why` is for the trace. `missing` is the least proof, where only proof lacks."""

    allowed: bool
    right: Right
    why: str
    missing: Proof | None = None

    def __bool__(self) -> bool:
        return self.allowed


def may(facts: Facts, policy: Policy, right: Right, project: str, issue_type: str = "") -> Answer:
    """Whether the author has `right` in `project`; to create, with issues of `issue_type`."""
    if right is Right.AUTO_REPLY:
        given = "everybody"
    else:
        permissions, whence = _permissions(facts, policy, project)
        given = whence if _gives(permissions, right, issue_type) else ""
    where = f"{issue_type} in {project}" if issue_type else f"in {project}"
    return _answer(right, where, given, facts.proof, least_proof(facts, policy, right))


def may_on(facts: Facts, policy: Policy, right: Right, issue: Candidate) -> Answer:
    """Whether the author has `right` on an existing issue: by taking part in it, or in its project."""
    given = _part_in(facts, issue) if right in OF_PARTICIPANTS else ""
    if not given:
        permissions, whence = _permissions(facts, policy, issue.project_key)
        given = whence if _gives(permissions, right, issue.issue_type) else ""
    # What only some people may do is worth the forging of one of them, who hands our Message-IDs on with each reply.
    by_reference = right in OF_FEW and issue.how is not Reason.THREAD_KEY
    proof = facts.proof if by_reference else proof_on(facts, issue)
    return _answer(right, f"on {issue.issue_key}", given, proof, least_proof(facts, policy, right))


def may_append(facts: Facts, policy: Policy, issue: Candidate) -> Answer:
    """Whether the author may comment on `issue`: because they take part in it, or on any of the project."""
    own = may_on(facts, policy, Right.COMMENT, issue)
    if own:
        return own
    of_any = may_on(facts, policy, Right.COMMENT_ANY, issue)
    return own if own.missing and not of_any else of_any


def proof_on(facts: Facts, issue: Candidate) -> Proof:
    """How well the author is proved where `issue` is meant: a key raises it."""
    return Proof.KEY if holds_key(facts, issue) else facts.proof


def holds_key(facts: Facts, issue: Candidate) -> bool:
    """True where the author was given the address or the mail by which the issue is meant. Both travel on with every
    reply to all, so for a From that its own domain disowns they mean nothing.
    """
    author = facts.message.author
    if author is None or facts.proof is Proof.FAILED or issue.key_owner != author.mailbox.folded:
        return False
    return issue.how in (Reason.THREAD_KEY, Reason.THREAD_REFERENCE)


def is_unknown(facts: Facts) -> bool:
    """True where the author is not registered: nobody knows them, or they only ever came by mail."""
    return facts.sender is None or not facts.sender.registered


def stand_in(facts: Facts) -> Sender | None:
    """Who reports what an unregistered author writes, where the inbox imports it; one who isn't registered, or was
    retired, is nobody.
    """
    inbox = facts.inbox
    if inbox.import_as is None or not is_unknown(facts):
        return None
    person = facts.directory.people.get(inbox.import_as)
    return person if person is not None and person.active and person.registered else None


# ---- who is given a right ------------------------------------------------------------------------------------------


def _permissions(facts: Facts, policy: Policy, project: str) -> tuple[frozenset[str], str]:
    """What the author is given in `project`, and as what."""
    inbox, sender = facts.inbox, facts.sender
    if sender is None or not sender.registered:
        if (other := stand_in(facts)) is not None:
            # Who is imported opens issues as the other would; nothing else becomes theirs.
            permissions, whence = _of_registered(other, policy, project)
            return frozenset(_creating(permissions)), f"imported as {other.name}, {whence}"
        if inbox.unknown_senders is not UnknownSenders.CREATE:
            return _NOTHING, "unknown"
        if sender is None or not _is_named(sender, project):
            return BUNDLES[Role(inbox.unknown_role)], f"{inbox.unknown_role}, as inbox {inbox.name} takes anybody"
    return _of_registered(sender, policy, project)


def _of_registered(sender: Sender, policy: Policy, project: str) -> tuple[frozenset[str], str]:
    if _is_named(sender, project):
        role = sender.roles.get(project)
        own = sender.permissions.get(project, _NOTHING)
        named = (*((role.value,) if role else ()), *sorted(own))
        return (BUNDLES[role] if role else _NOTHING) | own, f"{' and '.join(named) or 'nothing'} of {project}"
    known = policy.projects.get(project)
    if known is None or known.default_role == "none":
        return _NOTHING, f"nobody of {project}"
    return BUNDLES[Role(known.default_role)], f"{known.default_role} of {project}, as everybody registered"


def _is_named(sender: Sender, project: str) -> bool:
    return project in sender.roles or project in sender.permissions


def _gives(permissions: frozenset[str], right: Right, issue_type: str) -> bool:
    if right is Right.CREATE and f"create:{issue_type}" in permissions:
        return True
    if right is Right.PARTICIPANTS and any(_creating(permissions)):
        return True
    return any(right in PERMISSIONS[permission] for permission in permissions if permission in PERMISSIONS)


def _creating(permissions: frozenset[str]) -> list[str]:
    """The permissions to create, as somebody without any other would have them."""
    own = [permission for permission in permissions if permission.partition(":")[0] == "create"]
    return [*own, "create"] if "agent" in permissions else own


def _part_in(facts: Facts, issue: Candidate) -> str:
    if holds_key(facts, issue):
        what = "reply address" if issue.how is Reason.THREAD_KEY else "mail"
        return f"our {what} was sent to this author"
    return "takes part" if issue.author_participates else ""


# ---- and how well they must be proved ------------------------------------------------------------------------------


def least_proof(facts: Facts, policy: Policy, right: Right) -> Proof:
    """The least proof for `right` in this inbox.

    An inbox that requires no proof of anybody believes From, but for commands. One that doesn't obey DMARC takes what a
    domain disowns. Nothing that failed is ever added to an issue.
    """
    inbox, least = facts.inbox, policy.document.rights.least(right)
    if right in BELIEVED and least is Proof.ALIGNED and inbox.require is Require.NONE:
        return Proof.NONE
    if right is Right.AUTO_REPLY and inbox.auto_reply.least_proof is not None:
        return inbox.auto_reply.least_proof
    if right is Right.CREATE:
        if least is Proof.NONE and not inbox.obey_dmarc:
            least = Proof.FAILED
        if is_unknown(facts):
            return max(least, inbox.unknown_least_proof, key=lambda proof: proof.rank)
    return least


def _answer(right: Right, where: str, given: str, proof: Proof, least: Proof) -> Answer:
    """`given` is by what the author has `right` there, or an empty text."""
    if not given:
        return Answer(False, right, f"no right to {right} {where}")
    if proof.rank < least.rank:
        return Answer(False, right, f"right to {right} {where} ({given}) takes proof {least}, this is {proof}", least)
    return Answer(True, right, f"right to {right} {where} ({given}), proof {proof}")
