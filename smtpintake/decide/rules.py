"""What the rules that hold for a mail do with it.

Contract: pure. Rules are asked in the order of the policy; each that holds leaves a Finding with what it held for, and
its actions. The first that holds, discards or rejects the mail settles it. `asked` is for every mail, `set_fields` a
step of `decide.fieldsof`, for those that become an issue: a comment changes no field.
"""

from dataclasses import dataclass, replace
from typing import Final

from smtpintake.decide.conditions import keys_of
from smtpintake.decide.decision import Decision, Defer, Discard, Hold, Reject, Ruling, ruled
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.issuefields import IssueFields
from smtpintake.decide.policy import Actions, Policy, Project, Refusal, Rule
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import of_rule

CHECK: Final = "rule"


@dataclass(frozen=True, slots=True)
class RulesMet:
    """The rules that hold, up to the one that says stop, and what follows at once. `forward` are addresses."""

    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]
    ruling: Ruling | None = None

    @property
    def forward(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(address for rule in self.rules for address in rule.then.forward))

    @property
    def importer(self) -> str:
        """The address of the person in whose name a new issue is made; empty for the author."""
        return next((rule.owner or "" for rule in self.rules if rule.then.import_), "")

    def is_import(self, facts: Facts) -> bool:
        """True where a new issue is made in somebody's name who is still there."""
        person = facts.directory.people.get(self.importer)
        return person is not None and person.active


def asked(facts: Facts, policy: Policy) -> RulesMet:
    """What the policy's rules say of the mail."""
    rulebook = policy.rulebook
    if not rulebook:
        return RulesMet((), ())
    keys = keys_of(facts, rulebook)
    met: list[Rule] = []
    findings: list[Finding] = []
    for compiled in rulebook.met_by(keys, facts.message.size, facts.inbox):
        rule, evidence = compiled.rule, compiled.evidence(keys)
        met.append(rule)
        detail = f"{rule.name}: {evidence or 'any mail'}"
        if rule.then.settles:
            return RulesMet(tuple(met), tuple(findings), _settled(rule.then, detail))
        findings.append(Finding(CHECK, "stop" if rule.then.stop else "match", f"{detail}; {_in_words(rule.then)}"))
        if rule.then.stop:
            break
    return RulesMet(tuple(met), tuple(findings or (Finding(CHECK, "none", f"of {len(rulebook.rules)}"),)))


def set_fields(facts: Facts, policy: Policy, fields: IssueFields) -> tuple[IssueFields, tuple[Finding, ...]]:
    """`fields` as the rules that hold would have them."""
    met = asked(facts, policy)
    for rule in met.rules:
        fields = _with(fields, rule.then, policy)
    return replace(fields, creator=met.importer or fields.creator), ()


def _settled(then: Actions, detail: str) -> Ruling:
    if then.reject is not None:
        return ruled(CHECK, "reject", _refused(then.reject), detail)
    if then.hold:
        return ruled(CHECK, "hold", Hold(Reason.RULE_HOLD), detail)
    return ruled(CHECK, "discard", Discard(Reason.RULE_DISCARD), detail)


def _refused(refusal: Refusal) -> Decision:
    if refusal.code < 500:
        return Defer(Reason.RULE_DEFER, of_rule(Reason.RULE_DEFER, refusal.code, refusal.text))
    return Reject(Reason.RULE_REJECT, of_rule(Reason.RULE_REJECT, refusal.code, refusal.text))


# ---- fields --------------------------------------------------------------------------------------------------------


def _with(fields: IssueFields, then: Actions, policy: Policy) -> IssueFields:
    """`fields` with what a rule says of them. What the issue's project doesn't have is left out later."""
    if then.project:
        fields = _moved(fields, policy.projects[then.project])
    return replace(
        fields,
        issue_type=then.issue_type or fields.issue_type,
        title=then.title or fields.title,
        status=then.status or fields.status,
        priority=then.priority or fields.priority,
        language=then.language or fields.language,
        tags=_added(fields.tags, then.tags),
        assignee=then.assignee or fields.assignee,
        organisation=then.organisation or fields.organisation,
        participants=_added(fields.participants, then.participants),
        fields=tuple({**dict(fields.fields), **then.fields}.items()),
    )


def _moved(fields: IssueFields, project: Project) -> IssueFields:
    """In another project, with the same type where it has that."""
    types = [issue_type.name for issue_type in project.issue_types]
    return replace(
        fields, project=project.key, issue_type=fields.issue_type if fields.issue_type in types else types[0]
    )


def _added(to: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*to, *more)))


# ---- in words ------------------------------------------------------------------------------------------------------


def _in_words(then: Actions) -> str:
    """What a rule does, for the log."""
    said = then.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{key} {_value(value)}" if value is not True else key for key, value in said.items())


def _value(value: object) -> str:
    match value:
        case list():
            return " ".join(map(str, value))
        case dict():
            return " ".join(f"{key}={inner}" for key, inner in value.items())
        case _:
            return str(value)
