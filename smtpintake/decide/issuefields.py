"""`IssueFields`: what a new issue is made with, besides the text of its mail.

Contract: values only. It begins as the inbox's defaults (`initial`); what the policy says beyond them replaces single
fields before the decision is made, so the decision holds all of it and the trace can show it.
"""

from dataclasses import dataclass

from smtpintake.decide.policy import Inbox, Policy


@dataclass(frozen=True, slots=True)
class IssueFields:
    """`project` is a key, `issue_type` a name of that project. `title` is the subject as read. `assignee` and
    `participants` are folded addresses, `organisation` a name; empty for none. `fields` are those of the installation's
    own, by name.
    """

    project: str
    issue_type: str
    title: str
    status: str
    priority: str
    language: str
    tags: tuple[str, ...] = ()
    assignee: str = ""
    organisation: str = ""
    participants: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()


def initial(policy: Policy, inbox: Inbox, subject: str) -> IssueFields:
    """The fields of an issue of `inbox` where nothing else is said."""
    return IssueFields(
        project=inbox.project,
        issue_type=inbox.issue_type or policy.projects[inbox.project].issue_types[0].name,
        title=subject,
        status="open",
        priority=inbox.defaults.priority,
        language=inbox.language,
        tags=inbox.defaults.tags,
    )
