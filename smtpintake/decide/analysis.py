"""`Analysis`: what travels from an analyser to the intake. Apart from `Facts`, so that an analyser loads no policy."""

from dataclasses import dataclass

from smtpintake.auth.results import UNVERIFIED, AuthVerdict
from smtpintake.convert.draft import Draft
from smtpintake.decide.scan import Scan
from smtpintake.mail.message import Message


@dataclass(frozen=True, slots=True)
class Analysis:
    """What an analyser made of the octets: the message, and the draft, which is None where the message was refused.

    `auth` is what it verified with the answers of DNS that it was given. `scans` are what scanners said meanwhile.
    """

    message: Message
    draft: Draft | None
    auth: AuthVerdict = UNVERIFIED
    scans: tuple[Scan, ...] = ()
