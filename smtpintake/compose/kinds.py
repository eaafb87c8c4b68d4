"""The kinds of mail that we write from templates, and the values that the templates of each are given.

Contract: `SAMPLES` has, for each kind, all of its values as they may look: whoever writes a template reads here what it
may use, templates are tried with them when they are loaded, and `smtpintake preview` begins with them. A value that is
empty says that there is nothing of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from markupsafe import Markup

Values = Mapping[str, object]

SEPARATOR: Final = "-- reply above this line --"


class What(StrEnum):
    """What a notice can tell of."""

    CREATED = "created"
    COMMENT = "comment"
    NOTE = "note"  # an internal comment
    STATUS = "status"
    ASSIGNMENT = "assignment"


class Because(StrEnum):
    """Why somebody is told."""

    PARTICIPANT = "participant"
    ASSIGNEE = "assignee"
    WATCHER = "watcher"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to an issue. `author` is a name, empty for the system. `before` and `after` are statuses,
    or names of assignees; `text` is what was written.
    """

    what: What
    author: str
    at: datetime
    before: str = ""
    after: str = ""
    text: str = ""


_ISSUE: Final[Values] = {
    "issue_key": "SUP-12",
    "title": "Printer on fire",
    "link": "https://tracker.example.org/issues/SUP-12",
    "inbox_name": "Customer support",
    "inbox_address": "support@example.org",
    "separator": SEPARATOR,
}
_AT: Final = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
_CHANGES: Final = (
    Change(What.CREATED, "Cara Klein", _AT, text="The printer is on fire.\n\nPlease come quickly."),
    Change(What.COMMENT, "Ana Ruiz", _AT, text="We are on our way."),
    Change(What.NOTE, "Ana Ruiz", _AT, text="Third time this year."),
    Change(What.STATUS, "Ana Ruiz", _AT, "open", "done"),
    Change(What.STATUS, "", _AT, "done", "open"),
    Change(What.ASSIGNMENT, "Ana Ruiz", _AT, "", "Ben Roy"),
    Change(What.ASSIGNMENT, "", _AT, "Ben Roy", ""),
)

SAMPLES: Final[Mapping[str, Values]] = {
    # To the author of a mail that made an issue.
    "autoreply": {**_ISSUE, "details": ""},
    # To an agent some of whose commands were not obeyed: a line for each.
    "commands": {**_ISSUE, "details": "#status done: this is no status here"},
    # To customers and other participants: what somebody wrote, as text and as safe HTML; and the names of the files
    # that were too large to go along.
    "comment": {
        **_ISSUE,
        "author": "Ana Ruiz",
        "text": "We are on our way.\n\nAna",
        "html": Markup("<p>We are on our way.</p><p>Ana</p>"),
        "left_out": ("video.mp4",),
    },
    # What happened to an issue, oldest first.
    "notice": {**_ISSUE, "changes": _CHANGES, "because": Because.WATCHER},
    # With a mail that is sent on; `attached` is empty where it was too large for that.
    "forward": {
        "title": "Printer on fire",
        "author": "Cara <cara@customer.example>",
        "issue_key": "SUP-12",
        "inbox_name": "Customer support",
        "inbox_address": "support@example.org",
        "log_id": "06fqg1z0abcdefgh",
        "attached": "yes",
        "unprocessed": "held, sender.unknown",
    },
}
