"""Who runs a command: the name that stands beside what it changes.

Contract: never fails. LOGNAME and its like are believed, as `getpass` does: it is a note for colleagues, no proof.
"""

import getpass
import os


def operator() -> str:
    """The user's name; `uid 1000` where it has none, as in a container that was started with a number of its own."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        return f"uid {os.getuid()}"
