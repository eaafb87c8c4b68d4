"""`Orders`: what the commands in a mail come to, once it is known who gave them.

Contract: values only. Part of the Decision, so that the trace and the database cannot disagree.
"""

from dataclasses import dataclass

from smtpintake.convert.commands import Command


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that stays text, and why, for its author."""

    command: Command
    why: str


@dataclass(frozen=True, slots=True)
class Changes:
    """New values of an existing issue; None for what stays as it is. `assignee_id` is a person, 0 for nobody."""

    status: str | None = None
    priority: str | None = None
    issue_type: str | None = None
    assignee_id: int | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """`obeyed` leave the text of the mail, `refused` stay in it and are told to its author. `changes` are those of an
    existing issue, and `note` says them in words, a line each. `watch` is what the author wants to hear of the issue
    from now on, by a command or as they write to what they had left; None where nothing changes. `alone` is True where
    the mail has no other text.
    """

    obeyed: tuple[Command, ...] = ()
    refused: tuple[Refused, ...] = ()
    changes: Changes = Changes()
    note: str = ""
    internal: bool = False
    alone: bool = False
    watch: bool | None = None

    @property
    def has_note_apart(self) -> bool:
        """True where the note is a comment of its own, beside the mail's text."""
        return bool(self.note) and not self.alone


NO_ORDERS = Orders()
