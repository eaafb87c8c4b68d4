"""The row of a new issue: what the policy decided of its fields, and what the mail says.

Contract: pure; `first` is the mail, or the one that an agent passed on in it.
"""

from typing import Final

from smtpintake.decide.facts import Facts
from smtpintake.decide.issuefields import IssueFields
from smtpintake.intake.commentrow import MAX_NAME
from smtpintake.intake.original import Original
from smtpintake.store.snapshot import Snapshot

MAX_TITLE: Final = 300
NO_SUBJECT: Final = "(no subject)"


def issue_row(facts: Facts, fields: IssueFields, first: Original, snapshot: Snapshot) -> dict[str, object]:
    """The columns, but for those that are drawn: `id`, `number` and `key`; and `log_id`."""
    people = {**facts.assignees, **facts.directory.people}
    creator = people[fields.creator] if fields.creator else None
    received_at = facts.envelope.received_at
    closed = fields.status in snapshot.policy.projects[fields.project].closed_statuses
    draft = first.draft
    return {
        "project_id": snapshot.project_ids[fields.project],
        "inbox_id": snapshot.inbox_ids[facts.inbox.name],
        "type": fields.issue_type,
        "title": fields.title[:MAX_TITLE] or NO_SUBJECT,
        "status": fields.status,
        "priority": fields.priority,
        "assignee_id": people[fields.assignee].person_id if fields.assignee else None,
        "reporter_id": creator.person_id if creator else first.person_id,
        "reporter_address": fields.creator or first.author.mailbox.folded,
        "reporter_name": (creator.name if creator else first.author.name)[:MAX_NAME],
        "organisation_id": facts.directory.organisations[fields.organisation] if fields.organisation else None,
        "language": fields.language,
        "tags": list(fields.tags),
        "fields": dict(fields.fields),
        "body_text": draft.body_text,
        "body_html": draft.body_html,
        "hidden_text": draft.hidden_text,
        "quoted": draft.quoted,
        "blocked_images": draft.blocked_images,
        "proof": first.proof,
        "sent_at": first.sent_at,
        "created_at": received_at,
        "updated_at": received_at,
        "closed_at": received_at if closed else None,
    }
