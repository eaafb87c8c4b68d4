"""`Quoted`: what became of the older text in a mail. A value, and nothing else imported."""

from enum import StrEnum


class Quoted(StrEnum):
    """What is known of the older text that a mail quotes."""

    NOTHING = ""  # there is none
    UNPROVED = "unproved"  # it is hidden for what it looks like: nobody could say whether we know it
    PROVED = "proved"  # all of it is known, and hidden
    UNKNOWN = "unknown"  # some of it is not known, or was altered: that stays visible, and marked
