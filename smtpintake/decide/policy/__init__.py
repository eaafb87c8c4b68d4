"""`Policy`: what the admin wants, as one immutable value, and `Document`, the file it is written in; a module a noun.

Contract: a Document is validated whole, every fault at once (pydantic's ValidationError). It holds what is configured
(projects, inboxes); people and organisations are a directory that also grows by mail, so a document names people only
to add or change them. `Policy` is a Document with its version and the look-ups that routing needs, built once a
version.
"""

from smtpintake.decide.policy.attachments import Attachments, OnUnwanted
from smtpintake.decide.policy.document import Document
from smtpintake.decide.policy.inbox import (
    DEFAULT_SEPARATORS,
    AllowedDomain,
    AutoReply,
    Defaults,
    Forwards,
    Inbox,
    OnFail,
    Require,
    SenderMapping,
    Unentitled,
    UnknownSenders,
    Unmatched,
)
from smtpintake.decide.policy.inforce import EMPTY_POLICY, Policy
from smtpintake.decide.policy.mapping import FieldMapping
from smtpintake.decide.policy.naming import organisations_named, people_named
from smtpintake.decide.policy.notify import Happening, Notify
from smtpintake.decide.policy.ownfield import FieldType, OwnField
from smtpintake.decide.policy.pair import Pair, Together
from smtpintake.decide.policy.people import Organisation, Person
from smtpintake.decide.policy.project import KEEP, REOPEN, IssueType, Project
from smtpintake.decide.policy.proof import Proof
from smtpintake.decide.policy.reading import PolicyError, read_document
from smtpintake.decide.policy.replying import ClosedReplies, ClosedReply
from smtpintake.decide.policy.rights import Right, Rights, Role
from smtpintake.decide.policy.rule import Actions, Conditions, Refusal, Rule, Searches
from smtpintake.decide.policy.rulebook import Key, Rulebook
from smtpintake.decide.policy.scanning import Cost, Scanning
from smtpintake.decide.policy.section import Section

__all__ = [
    "DEFAULT_SEPARATORS",
    "EMPTY_POLICY",
    "KEEP",
    "REOPEN",
    "Actions",
    "AllowedDomain",
    "Attachments",
    "AutoReply",
    "ClosedReplies",
    "ClosedReply",
    "Conditions",
    "Cost",
    "Defaults",
    "Document",
    "FieldMapping",
    "FieldType",
    "Forwards",
    "Happening",
    "Inbox",
    "IssueType",
    "Key",
    "Notify",
    "OnFail",
    "OnUnwanted",
    "Organisation",
    "OwnField",
    "Pair",
    "Person",
    "Policy",
    "PolicyError",
    "Project",
    "Proof",
    "Refusal",
    "Require",
    "Right",
    "Rights",
    "Role",
    "Rule",
    "Rulebook",
    "Scanning",
    "Searches",
    "Section",
    "SenderMapping",
    "Together",
    "Unentitled",
    "UnknownSenders",
    "Unmatched",
    "organisations_named",
    "people_named",
    "read_document",
]
