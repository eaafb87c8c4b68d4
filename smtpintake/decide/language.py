"""In which language we write: of an issue, and to the author of a mail.

Contract: pure. The inbox decides for its issues where it says a language, else the person whose issue it is, else what
the header of the mail tells, else it is English. To a person we write in their own language, where anybody has said it.
"""

from smtpintake.decide.facts import Facts
from smtpintake.decide.fields import ENGLISH
from smtpintake.decide.forwards import passed_on
from smtpintake.decide.policy import Policy
from smtpintake.mail.language import spoken


def of_issue(facts: Facts, policy: Policy) -> tuple[str, str]:
    """The language of the issue that the mail makes, and who says so. The header of a mail that passes another one on
    tells nothing of who wrote that one.
    """
    original = passed_on(facts, policy)
    person = facts.directory.people.get(original.author.mailbox.folded) if original else facts.sender
    if facts.inbox.language:
        return facts.inbox.language, f"inbox {facts.inbox.name} says so"
    if person is not None and person.language:
        return person.language, f"the language of {person.name}"
    told = "" if original else spoken(facts.message)
    return (told, "the header of the mail") if told else (ENGLISH, "nothing says another")


def to_author(facts: Facts, issue: str = "") -> str:
    """The language of an answer to the author; `issue` is that of their issue, where it is known."""
    own = facts.sender.language if facts.sender is not None else ""
    return own or issue or facts.inbox.language or spoken(facts.message) or ENGLISH
