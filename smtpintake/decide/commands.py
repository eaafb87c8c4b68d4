"""Commands in mail: whose count, what each means in the project at hand, and what they come to.

Contract: pure. `obeyed` is asked last, of a mail that becomes an issue or a comment, so commands win over defaults,
mapping and rules. Only who has the right to gives any, as a person (no machine), and always with proof: `aligned` or
`key`, also in an inbox that asks nobody else for it. Whoever may not has written text, and hears nothing. Who may
hears of each command that we don't know or that can't be done; it stays in the text. A command changes what the policy
has: its statuses, its types, people who work on the project.

`#internal` is the one command that must not become text: what was meant for few would be read by all who take part. A
mail with it whose author may not is held instead.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar, get_args

from smtpintake.convert.commands import Command
from smtpintake.decide.decision import AddComment, CreateIssue, Hold, Judgement
from smtpintake.decide.facts import Candidate, Facts, Finding, Sender, Standing
from smtpintake.decide.issuefields import IssueFields
from smtpintake.decide.orders import Changes, Orders, Refused
from smtpintake.decide.policy import Defaults, Policy, Project, Proof, Right, Role
from smtpintake.decide.rights import may, may_on, proof_on
from smtpintake.decide.routing import Route, route
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.mail.message import Origin
from smtpintake.mail.reason import Reason

CHECK: Final = "commands"
INTERNAL: Final = "internal"
UNSUBSCRIBE: Final = "unsubscribe"
MAX_TAG: Final = 60
MAX_FORWARDS: Final = 5

_WORKING_ROLES: Final = frozenset((Role.AGENT, Role.MANAGER))
_PRIORITIES: Final[tuple[str, ...]] = get_args(Defaults.model_fields["priority"].annotation)
_ME: Final = "me"
_NOBODY: Final = "nobody"
_T = TypeVar("_T")


def named_people(commands: tuple[Command, ...]) -> Iterator[str]:
    """The folded addresses of those whom `#assign` names: who they are is a fact to be looked up."""
    for command in commands:
        if command.word == "assign" and (mailbox := _mailbox(command.value)) is not None:
            yield mailbox.folded


def obeyed(facts: Facts, policy: Policy, judgement: Judgement) -> Judgement:
    """`judgement` with what the mail's commands come to."""
    decision = judgement.decision
    if isinstance(decision, AddComment) and is_leaving(facts, decision.candidate):
        return _left(facts, judgement, decision)
    if facts.commands is None or not isinstance(decision, CreateIssue | AddComment):
        return judgement
    key = decision.fields.project if isinstance(decision, CreateIssue) else decision.candidate.project_key
    standing = _standing(facts, decision)
    project = policy.projects.get(key)
    why = _why_not(facts, policy, decision)
    if not why and (project is None or standing is None):
        why = f"{key} is not in force"
    public = _why_public(facts, policy, decision, why)
    if public and facts.waived != INTERNAL:
        return _with(replace(judgement, decision=Hold(Reason.INTERNAL_RIGHT)), Finding(INTERNAL, "hold", public))
    if public:
        judgement = _with(judgement, Finding(INTERNAL, "waived", public))
    if why or project is None or standing is None:
        return _with(judgement, Finding(CHECK, "text", f"{_lines(facts.commands.commands)}: {why}"))
    execution = _Execution(facts, policy, project, standing, isinstance(decision, CreateIssue), public)
    for command in facts.commands.commands:
        execution.give(command)
    return _ordered(judgement, decision, execution)


def is_leaving(facts: Facts, issue: Candidate) -> bool:
    """True for what a mail program sends where somebody unsubscribes (RFC 2369 s3.2): to a reply key, by whoever was
    sent the mail, with the subject that we gave it. Programs write into the body what they like.
    """
    words = facts.message.subject.lower().split()
    if issue.how is not Reason.THREAD_KEY or words != [UNSUBSCRIBE, issue.issue_key.lower()]:
        return False
    # Whoever takes part has a key: with that of somebody else, a From that anybody can write is not enough.
    return proof_on(facts, issue).rank >= Proof.ALIGNED.rank


def _left(facts: Facts, judgement: Judgement, decision: AddComment) -> Judgement:
    """Who unsubscribes hears no more, and says nothing: neither does the issue's status change, nor is anybody told."""
    note = _watches(facts, hears=False)
    orders = Orders(note=note, alone=True, watch=False)
    finding = Finding(CHECK, "obeyed", facts.message.subject)
    return _with(replace(judgement, decision=replace(decision, orders=orders, status="")), finding)


def _watches(facts: Facts, *, hears: bool) -> str:
    author = facts.message.authors[0].mailbox.folded
    return f"{author} watches the issue" if hears else f"{author} has left the issue"


def _why_not(facts: Facts, policy: Policy, decision: CreateIssue | AddComment) -> str:
    """Why the author's commands are text, or an empty string."""
    if facts.message.origin is not Origin.HUMAN:
        return f"the mail's origin is {facts.message.origin}"
    if facts.sender is not None and not facts.sender.active:
        return f"{facts.sender.name} is deactivated"  # comes so far where an operator releases their mail
    if isinstance(decision, CreateIssue):
        answer = may(facts, policy, Right.COMMANDS, decision.fields.project)
    else:
        # A Message-ID of ours is passed on in every reply: enough to add to an issue, not to change it.
        if decision.candidate.how is not Reason.THREAD_KEY and facts.proof.rank < Proof.ALIGNED.rank:
            return f"the author's proof is {facts.proof}"
        answer = may_on(facts, policy, Right.COMMANDS, decision.candidate)
    return "" if answer else answer.why


def _why_public(facts: Facts, policy: Policy, decision: CreateIssue | AddComment, text: str) -> str:
    """Why a comment that asks to be internal would not be, or an empty string. `text` is why its commands are text."""
    if facts.commands is None or not isinstance(decision, AddComment):
        return ""
    if all(command.word != INTERNAL for command in facts.commands.commands):
        return ""
    answer = may_on(facts, policy, Right.INTERNAL, decision.candidate)
    return text or ("" if answer else answer.why)


def _works_on(person: Sender, project: str) -> bool:
    permitted = person.permissions.get(project, frozenset())
    return person.active and (person.roles.get(project) in _WORKING_ROLES or "agent" in permitted)


def _ordered(judgement: Judgement, decision: CreateIssue | AddComment, done: "_Execution") -> Judgement:
    alone = done.facts.commands is not None and not done.facts.commands.text and not done.refused
    orders = Orders(tuple(done.obeyed), tuple(done.refused), internal=done.internal, alone=alone, watch=done.watching)
    findings = []
    if done.obeyed:
        findings.append(Finding(CHECK, "obeyed", _lines(done.obeyed)))
    findings += [Finding(CHECK, "refused", f"{each.command.line}: {each.why}") for each in done.refused]
    if isinstance(decision, CreateIssue):
        decision = replace(decision, fields=done.fields_of(decision.fields), orders=orders)
    else:
        orders = replace(orders, changes=done.changes(), note="\n".join(done.differences()))
        silent = done.internal or orders.changes.status is not None
        decision = replace(decision, orders=orders, status="" if silent else decision.status)
    forward = tuple(dict.fromkeys((*judgement.forward, *done.forward)))
    return _with(replace(judgement, decision=decision, forward=forward), *findings)


# ---- each command ----------------------------------------------------------------------------------------------------


class _ImpossibleError(ValueError):
    """The command can't be obeyed; the message says why, for its author."""


@dataclass(slots=True)
class _Execution:
    """The commands of one mail, given one after the other: `now` is how the issue will be."""

    facts: Facts
    policy: Policy
    project: Project
    before: Standing
    is_new: bool
    public: str  # why a comment cannot be internal
    now: Standing = field(init=False)
    internal: bool = False
    watching: bool | None = None
    forward: list[str] = field(default_factory=list)
    obeyed: list[Command] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = self.before

    def give(self, command: Command) -> None:
        """Obey `command`, or refuse it."""
        try:
            _WORDS.get(command.word, _Execution.unknown)(self, command.value)
        except _ImpossibleError as error:
            self.refused.append(Refused(command, str(error)))
        else:
            self.obeyed.append(command)

    def unknown(self, _: str) -> None:
        raise _ImpossibleError(f"there is no such command; there are {', '.join(f'#{word}' for word in _WORDS)}")

    def set_status(self, value: str) -> None:
        self.now = replace(self.now, status=_one_of("status", value, self.project.statuses))

    def set_priority(self, value: str) -> None:
        self.now = replace(self.now, priority=_one_of("priority", value, _PRIORITIES))

    def set_type(self, value: str) -> None:
        names = tuple(issue_type.name for issue_type in self.project.issue_types)
        self.now = replace(self.now, issue_type=_one_of("type", value, names))

    def assign(self, value: str) -> None:
        if value.lower() == _NOBODY:
            self.now = replace(self.now, assignee="", assignee_id=0)
            return
        address, person = self._person(value)
        self.now = replace(self.now, assignee=address, assignee_id=person.person_id)

    def _person(self, value: str) -> tuple[str, Sender]:
        author = self.facts.message.authors[0].mailbox.folded
        if value.lower() == _ME and self.facts.sender is not None:
            return author, self.facts.sender
        mailbox = _mailbox(value)
        if mailbox is None:
            raise _ImpossibleError(f"it takes an address, {_ME} or {_NOBODY}")
        person = self.facts.assignees.get(mailbox.folded)
        if person is None or not _works_on(person, self.project.key):
            raise _ImpossibleError(f"nobody with this address works on {self.project.key}")
        return mailbox.folded, person

    def add_tags(self, value: str) -> None:
        tags = value.replace(",", " ").split()
        if not tags or any(len(tag) > MAX_TAG for tag in tags):
            raise _ImpossibleError(f"it takes one or more tags of at most {MAX_TAG} characters")
        self.now = replace(self.now, tags=tuple(dict.fromkeys((*self.now.tags, *tags))))

    def make_internal(self, value: str) -> None:
        if self.is_new:
            raise _ImpossibleError("a new issue cannot be internal, only what is added to one")
        if self.public:
            raise _ImpossibleError(self.public)
        self.internal = True
        if value:  # which may be what they wanted to keep apart
            raise _ImpossibleError("it takes nothing behind it; the comment is internal all the same")

    def watch(self, value: str) -> None:
        self._watch(value, hears=True)

    def unwatch(self, value: str) -> None:
        self._watch(value, hears=False)

    def _watch(self, value: str, *, hears: bool) -> None:
        if value and value.lower() != _ME:
            raise _ImpossibleError("it is for whoever gives it, and takes nothing behind it")
        self.watching = hears

    def send_on(self, value: str) -> None:
        mailbox = _mailbox(value)
        if mailbox is None:
            raise _ImpossibleError("it takes an address")
        if isinstance(route(self.policy, mailbox), Route):
            raise _ImpossibleError("this address leads back to us")
        if len(self.forward) == MAX_FORWARDS:
            raise _ImpossibleError(f"a mail is sent on to {MAX_FORWARDS} addresses at most")
        self.forward.append(mailbox.folded)

    def fields_of(self, fields: IssueFields) -> IssueFields:
        """`fields` of a new issue as the commands want them."""
        return replace(
            fields,
            status=self.now.status,
            priority=self.now.priority,
            issue_type=self.now.issue_type,
            assignee=self.now.assignee,
            tags=self.now.tags,
        )

    def changes(self) -> Changes:
        """What becomes another value."""
        before, now = self.before, self.now
        return Changes(
            status=_changed(before.status, now.status),
            priority=_changed(before.priority, now.priority),
            issue_type=_changed(before.issue_type, now.issue_type),
            assignee_id=_changed(before.assignee_id, now.assignee_id),
            tags=_changed(before.tags, now.tags),
        )

    def differences(self) -> Iterator[str]:
        """A line for each change."""
        before, now = self.before, self.now
        for name, old, new in (
            ("status", before.status, now.status),
            ("priority", before.priority, now.priority),
            ("type", before.issue_type, now.issue_type),
            ("tags", " ".join(before.tags), " ".join(now.tags)),
        ):
            if old != new:
                yield f"{name}: {old or 'none'} -> {new}"
        if before.assignee_id != now.assignee_id:
            yield f"assignee: {before.assignee or _NOBODY} -> {now.assignee or _NOBODY}"
        if self.watching is not None:
            yield _watches(self.facts, hears=self.watching)
        yield from (f"sent on to {address}" for address in self.forward)


_WORDS: Final[Mapping[str, Callable[[_Execution, str], None]]] = {
    "status": _Execution.set_status,
    "assign": _Execution.assign,
    "priority": _Execution.set_priority,
    "type": _Execution.set_type,
    "tag": _Execution.add_tags,
    INTERNAL: _Execution.make_internal,
    "watch": _Execution.watch,
    "unwatch": _Execution.unwatch,
    "forward": _Execution.send_on,
}


def _changed(before: _T, now: _T) -> _T | None:
    return now if now != before else None


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> str:
    for each in allowed:
        if each.lower() == value.lower():
            return each
    raise _ImpossibleError(f"this is no {what} here; there are {', '.join(allowed)}")


def _mailbox(value: str) -> Mailbox | None:
    try:
        return Mailbox.parse(value.strip("<>"))
    except AddressError:
        return None


def _standing(facts: Facts, decision: CreateIssue | AddComment) -> Standing | None:
    """How the issue is, or a new one would be, without the commands. The latter's assignee is an address only."""
    if isinstance(decision, AddComment):
        return facts.standing.get(decision.candidate.issue_id)
    fields = decision.fields
    return Standing(fields.status, fields.priority, fields.issue_type, fields.assignee, 0, fields.tags)


def _with(judgement: Judgement, *findings: Finding) -> Judgement:
    return replace(judgement, findings=(*judgement.findings, *findings))


def _lines(commands: tuple[Command, ...] | list[Command]) -> str:
    return ", ".join(command.line for command in commands)
