"""The tables, by noun. Importing this package registers all of them with `Table.metadata`."""

from smtpintake.store.schema.directory import (
    Inbox,
    InboxAddress,
    IssueType,
    Organisation,
    OrganisationDomain,
    Person,
    PersonAddress,
    PersonRole,
    PolicyVersion,
    Project,
)
from smtpintake.store.schema.event import Arrears, Event
from smtpintake.store.schema.greylist import Greylisted, ProvenNetwork
from smtpintake.store.schema.maillog import LogRow, PastFacts, RawMail, Trace
from smtpintake.store.schema.operators import ApiToken, Operator
from smtpintake.store.schema.outbox import AddressScore, DigestDay, OutboxMail
from smtpintake.store.schema.review import HeldReview
from smtpintake.store.schema.tracker import Attachment, Comment, Issue, IssueLink, Participant, ThreadKey

__all__ = [
    "AddressScore",
    "ApiToken",
    "Arrears",
    "Attachment",
    "Comment",
    "DigestDay",
    "Event",
    "Greylisted",
    "HeldReview",
    "Inbox",
    "InboxAddress",
    "Issue",
    "IssueLink",
    "IssueType",
    "LogRow",
    "Operator",
    "Organisation",
    "OrganisationDomain",
    "OutboxMail",
    "Participant",
    "PastFacts",
    "Person",
    "PersonAddress",
    "PersonRole",
    "PolicyVersion",
    "Project",
    "ProvenNetwork",
    "RawMail",
    "ThreadKey",
    "Trace",
]
