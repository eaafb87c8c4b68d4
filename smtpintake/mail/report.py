"""`Report`: what a machine says became of a mail that was sent: a report of its delivery (RFC 3464), or a complaint
about it (RFC 5965).

Contract: values only, and all of them claims: who wrote them is not known, and a report proves nothing until what it
names is found to be ours (`decide.reports`). Every text is one line and bounded.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_RECIPIENTS: Final = 100
MAX_IDS: Final = 20
MAX_DIAGNOSTIC: Final = 500


class Action(StrEnum):
    """What was done for a recipient (RFC 3464 s2.3.3), or by one."""

    FAILED = "failed"
    DELAYED = "delayed"  # and still being tried
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"
    COMPLAINED = "complained"  # a feedback report (RFC 5965 s3.1) of abuse, fraud, a virus, or a wish to be left alone
    NOTED = "noted"  # any other feedback: nothing that its recipient asks of us


@dataclass(frozen=True, slots=True)
class Reported:
    """What is reported of one recipient. `addresses` are folded: the final one and the one that was written to, where
    they differ. `status` is an enhanced status code (RFC 3463) or empty; `diagnostic` is what the other side said.
    """

    addresses: tuple[str, ...]
    action: Action
    status: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`message_ids` are of mails that it may be about, the surest first; `envelope_id` is the one of MAIL (RFC 3461
    s4.4), `reporter` the name of the server that says so; both empty where they are not told.
    """

    recipients: tuple[Reported, ...] = ()
    message_ids: tuple[str, ...] = ()
    envelope_id: str = ""
    reporter: str = ""
