"""`IssueFields`: what a new issue is made with, besides the text of its mail.

Contract: values only. It begins as the inbox's defaults (`initial`); what the policy says beyond them replaces single
fields before the decision is made, so the decision holds all of it and the trace can show it.
"""

from dataclasses import dataclass

from smtpintake.decide.fields import ENGLISH, SENDER
from smtpintake.decide.policy import Inbox, Policy


@dataclass(frozen=True, slots=True)
class IssueFields:
    """`project` is a key, `issue_type` a name of that project. `title` is the subject as read. `assignee`,
    `creator` and `participants` are folded addresses, `organisation` a name; empty for none. A `creator` is the
    reporter in the author's stead. `fields` are the project's own, by name.
    """

    project: str
    issue_type: str
    title: str
    status: str
    priority: str
    language: str
    tags: tuple[str, ...] = ()
    assignee: str = ""
    creator: str = ""
    organisation: str = ""
    participants: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()


def initial(policy: Policy, inbox: Inbox, subject: str) -> IssueFields:
    """The fields of an issue of `inbox` where nothing else is said."""
    project, defaults = policy.projects[inbox.project], inbox.defaults
    return IssueFields(
        project=inbox.project,
        issue_type=inbox.issue_type or project.issue_types[0].name,
        title=subject or defaults.title,
        status=defaults.status or project.statuses[0],
        priority=defaults.priority,
        language=inbox.language or ENGLISH,
        tags=defaults.tags,
        assignee=defaults.assignee or "",
        creator="" if inbox.creator == SENDER else inbox.creator,
        participants=defaults.participants,
        fields=tuple(defaults.fields.items()),
    )
