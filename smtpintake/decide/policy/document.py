"""`Document`: the policy file as it is written."""

from smtpintake.decide.policy.inbox import Inbox
from smtpintake.decide.policy.pair import Pair
from smtpintake.decide.policy.people import Organisation, Person
from smtpintake.decide.policy.project import Project
from smtpintake.decide.policy.rights import Rights
from smtpintake.decide.policy.rule import Rule
from smtpintake.decide.policy.section import Section


class Document(Section):
    """The whole file. `read_document` also checks what one table says of another."""

    rights: Rights = Rights()
    """How well an author must be proved to use each right."""
    project: tuple[Project, ...] = ()
    """What issues belong to."""
    inbox: tuple[Inbox, ...] = ()
    """Where mail comes in."""
    pair: tuple[Pair, ...] = ()
    """What one mail to two inboxes makes."""
    organisation: tuple[Organisation, ...] = ()
    """Whom people belong to."""
    person: tuple[Person, ...] = ()
    """Who is known; the others come by mail."""
    rule: tuple[Rule, ...] = ()
    """What is done with mail of some kind, in order."""
