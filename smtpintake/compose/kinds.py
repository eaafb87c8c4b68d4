"""The kinds of mail that we write from templates, and the values that the templates of each are given.

Contract: `SAMPLES` has, for each kind, all of its values as they may look: whoever writes a template reads here what it
may use, and templates are tried with them when they are loaded. A value that is empty says that there is nothing of it;
`html` is safe as it is.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

Values = Mapping[str, object]

SEPARATOR: Final = "-- reply above this line --"

_ISSUE: Final[Values] = {
    "issue_key": "SUP-12",
    "title": "Printer on fire",
    "link": "https://tracker.example.org/issues/SUP-12",
    "inbox_name": "Customer support",
    "inbox_address": "support@example.org",
    "separator": SEPARATOR,
}
# What somebody wrote; `internal` is not empty where customers don't see it, nor is `address`, which `author` ends with,
# where staff read what others wrote. Where `lost` is `failed`, `soft`, `hard` or `complaint`, it is what a host says of
# our mail to `lost_to`, and what an operator may do.
_WORDS: Final[tuple[Values, ...]] = (
    {
        "author": "Cara Klein <cara@customer.example>",
        "text": "It burns.\n\nCara",
        "html": Markup("<p>It burns.</p><p>Cara</p>"),
        "internal": "",
        "address": "cara@customer.example",
        "lost": "",
        "lost_to": "",
    },
    {
        "author": "Ben Roy",
        "text": "The third one.",
        "html": Markup("<p>The third one.</p>"),
        "internal": "yes",
        "address": "",
        "lost": "",
        "lost_to": "",
    },
    *(
        {
            "author": "Customer support",
            "text": "failed 5.1.1 smtp; 550 no such user",
            "html": Markup("<div>failed 5.1.1 smtp; 550 no such user</div>"),
            "internal": "yes",
            "address": "",
            "lost": how,
            "lost_to": "cara@customer.example",
        }
        for how in ("failed", "soft", "hard", "complaint")
    ),
)
# `what` is `status` or `assignment`, of which `after` is empty where nobody is assigned any more.
_CHANGES: Final[tuple[Values, ...]] = (
    {"what": "status", "before": "open", "after": "closed"},
    {"what": "assignment", "before": "", "after": "Ana Ruiz"},
    {"what": "assignment", "before": "Ana Ruiz", "after": ""},
)

SAMPLES: Final[Mapping[str, Values]] = {
    # To the author of a mail that made an issue; `details` is what the inbox has to say besides.
    "autoreply": {**_ISSUE, "details": "We are here again on Monday, 9:00."},
    # To an agent some of whose commands were not obeyed: a line for each.
    "commands": {**_ISSUE, "details": "#status done: this is no status here"},
    # To those who take part or work on the issue: what was written, and what changed with it. `left_out` are the names
    # of the files that were too large to go along. `late` is not empty where the reader has had many such mails, and
    # hears in one of what happened since.
    "comment": {**_ISSUE, "words": _WORDS, "changes": _CHANGES, "left_out": ("video.mp4",), "late": "yes"},
    # To the same: changes alone.
    "notice": {**_ISSUE, "changes": _CHANGES, "late": "yes"},
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
    # To operators, once a day: what came in that time by outcome and reason, and in numbers what needs them. `quiet` is
    # empty where something does. A moment is empty where there is nothing of its number.
    "digest": {
        "host": "mx.example.org",
        "quiet": "",
        "since": datetime(2026, 3, 1, 7, tzinfo=UTC),
        "until": datetime(2026, 3, 2, 7, tzinfo=UTC),
        "came": 12,
        "outcomes": (
            {"outcome": "created", "count": 10, "reasons": ({"reason": "thread.new", "count": 10},)},
            {"outcome": "held", "count": 2, "reasons": ({"reason": "sender.unknown", "count": 2},)},
        ),
        "held": 2,
        "held_since": datetime(2026, 2, 27, 16, 30, tzinfo=UTC),
        "failed": 1,
        "bounced": 1,
        "waiting": 3,
        "waiting_since": datetime(2026, 3, 1, 22, 5, tzinfo=UTC),
        "hours": 4,
    },
}
