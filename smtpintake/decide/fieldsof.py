"""The fields of a new issue, step by step, and what each step found.

Contract: pure. `STEPS` is the order: each takes the fields as they are and gives them as it wants them. The last one
leaves out what can't be: a mail is never lost because somebody whom the policy names has gone.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from smtpintake.decide.facts import Facts, Finding, Sender
from smtpintake.decide.forwards import passed_on
from smtpintake.decide.issuefields import IssueFields, initial
from smtpintake.decide.language import of_issue
from smtpintake.decide.mapping import fill_fields
from smtpintake.decide.policy import Policy, Proof, SenderMapping
from smtpintake.decide.rights import stand_in
from smtpintake.decide.rules import set_fields
from smtpintake.mail.message import Author

Step = Callable[[Facts, Policy, IssueFields], tuple[IssueFields, tuple[Finding, ...]]]


def fields_of(facts: Facts, policy: Policy) -> tuple[IssueFields, tuple[Finding, ...]]:
    """The fields of the issue that the mail makes; only asked after it is known to have one author."""
    original = passed_on(facts, policy)
    fields = initial(policy, facts.inbox, original.subject if original else facts.message.subject)
    findings: list[Finding] = []
    for step in STEPS:
        fields, found = step(facts, policy, fields)
        findings += found
    return fields, tuple(findings)


def senders_mapping(facts: Facts, author: Author) -> SenderMapping | None:
    """The first entry of `map_senders` that `author` fits; None where their domain disowns the mail."""
    if facts.proof is Proof.FAILED:
        return None
    address = author.mailbox.folded
    domain = address.rpartition("@")[2]
    return next((each for each in facts.inbox.map_senders if _fits(each.sender, address, domain)), None)


def _fits(sender: str, address: str, domain: str) -> bool:
    if sender.startswith("@"):
        return domain == sender[1:] or domain.endswith(f".{sender[1:]}")
    return address == sender


def in_project(facts: Facts, policy: Policy, fields: IssueFields, project: str, issue_type: str) -> IssueFields:
    """`fields` for another project, without what it doesn't have."""
    return _possible(facts, policy, replace(fields, project=project, issue_type=issue_type))[0]


# ---- the steps -----------------------------------------------------------------------------------------------------


def _spoken(facts: Facts, policy: Policy, fields: IssueFields) -> tuple[IssueFields, tuple[Finding, ...]]:
    """The language of whoever the issue is of, where the inbox says none."""
    if facts.inbox.language:
        return fields, ()
    language, why = of_issue(facts, policy)
    return replace(fields, language=language), (Finding("language", language, why),)


def _imported(facts: Facts, _: Policy, fields: IssueFields) -> tuple[IssueFields, tuple[Finding, ...]]:
    """Whoever is not registered writes in the name of another, where the inbox imports them."""
    if stand_in(facts) is None or facts.inbox.import_as is None:
        return fields, ()
    return replace(fields, creator=facts.inbox.import_as), (Finding("import_as", "match", facts.inbox.import_as),)


def _mapped(facts: Facts, policy: Policy, fields: IssueFields) -> tuple[IssueFields, tuple[Finding, ...]]:
    """Reporter and organisation by whom the author counts for: of the mail, or of the one that it passes on."""
    findings = []
    original = passed_on(facts, policy)
    author = original.author if original else facts.message.authors[0]
    mapping = senders_mapping(facts, author)
    if mapping is not None:
        counts_for = " of ".join(name for name in (mapping.person, mapping.organisation) if name)
        findings.append(Finding("map_senders", "match", f"{mapping.sender} counts for {counts_for}"))
        fields = replace(fields, creator=mapping.person or fields.creator)
    person = facts.directory.people.get(author.mailbox.folded) if original else facts.sender
    of_domain = facts.directory.of_original if original else facts.directory.of_domain
    organisation, why = _organisation(facts, mapping, person, of_domain)
    if organisation:
        findings.append(Finding("organisation", organisation, why))
    return replace(fields, organisation=organisation), tuple(findings)


def _organisation(
    facts: Facts, mapping: SenderMapping | None, person: Sender | None, of_domain: str
) -> tuple[str, str]:
    """Whose the issue is, and why: as `map_senders` says, as the directory says of the person, as it says of the
    domain, or the inbox's default.
    """
    if mapping is not None and mapping.organisation:
        return mapping.organisation, "map_senders"
    if person is not None and person.organisation:
        return person.organisation, f"of {person.name}"
    if facts.inbox.map_organisation and of_domain and facts.proof is not Proof.FAILED:
        return of_domain, "by the author's domain"
    return facts.inbox.defaults.organisation, f"default of inbox {facts.inbox.name}"


def _possible(facts: Facts, policy: Policy, fields: IssueFields) -> tuple[IssueFields, tuple[Finding, ...]]:
    """Without whom the directory doesn't have any more, and without what the issue's project doesn't have."""
    left_out = tuple(_left_out(facts, policy, fields))
    if not left_out:
        return fields, ()
    without = {name for name, _, _ in left_out}
    own = tuple(item for item in fields.fields if f"fields.{item[0]}" not in without)
    project = policy.projects[fields.project]
    fields = replace(
        fields,
        assignee="" if "assignee" in without else fields.assignee,
        creator="" if "creator" in without else fields.creator,
        organisation="" if "organisation" in without else fields.organisation,
        status=project.statuses[0] if "status" in without else fields.status,
        fields=own,
    )
    return fields, tuple(Finding("fields", "left out", f"{name} {value}: {why}") for name, value, why in left_out)


def _left_out(facts: Facts, policy: Policy, fields: IssueFields) -> Iterator[tuple[str, str, str]]:
    """(field, value, why) of each value that can't be."""
    people, project = facts.directory.people, policy.projects[fields.project]
    for name, address in (("assignee", fields.assignee), ("creator", fields.creator)):
        if address and (address not in people or not people[address].active):
            yield name, address, "nobody in the directory has this address" if address not in people else "deactivated"
    if fields.organisation and fields.organisation not in facts.directory.organisations:
        yield "organisation", fields.organisation, "not in the directory"
    if fields.status not in project.statuses:
        yield "status", fields.status, f"not a status of {project.key}"
    for name, value in fields.fields:
        if fault := project.field_fault(name, value):
            yield f"fields.{name}", value, fault


STEPS: Final[tuple[Step, ...]] = (_spoken, _imported, _mapped, fill_fields, set_fields, _possible)
