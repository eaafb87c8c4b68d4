"""`[project.notify]`: who hears by mail of what happens to the project's issues."""

from enum import StrEnum
from typing import Annotated

from pydantic import ByteSize, Field

from smtpintake.decide.policy.section import Section


class Happening(StrEnum):
    """What may happen to an issue."""

    CREATED = "created"
    COMMENT = "comment"
    STATUS = "status"
    ASSIGNMENT = "assignment"
    UNDELIVERED = "undelivered"


Happenings = tuple[Happening, ...]


class Notify(Section):
    """Who hears of what: `created`, `comment`, `status`, `assignment`, and `undelivered`: an agent's answer that came
    back or was given up, of which whoever wrote it hears as well. Nobody hears of what they did themselves, and
    internal comments and what was not delivered reach only agents and managers. Nobody who is neither registered nor
    proved is told anything but what an agent answers, and nobody at all whose proof failed.
    """

    participants: Happenings = (Happening.COMMENT, Happening.STATUS)
    """Those who take part in the issue: its reporter, who else wrote to it, and those in Cc."""
    assignee: Happenings = tuple(Happening)
    """Whoever is assigned."""
    unassigned: Happenings = (Happening.CREATED, Happening.COMMENT)
    """All agents and managers of the project, while nobody is assigned."""
    agents: Happenings = ()
    """All agents of the project, whoever is assigned."""
    managers: Happenings = ()
    """All managers of the project, likewise."""
    members: Happenings = ()
    """All members of the project, likewise."""
    fold_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """How long a mail waits for more to tell: what happens to an issue meanwhile goes in one mail."""
    max_attachments: Annotated[ByteSize, Field(ge=0)] = ByteSize(10 * 1024 * 1024)
    """How much a comment's mail carries of its attachments; those beyond are named in it."""
