"""`Service`: what the connections of one listening socket share. Values and the shared parts, no behaviour."""

from dataclasses import dataclass

from smtpintake.intake.accounts import Accounts
from smtpintake.intake.certificate import Certificate
from smtpintake.intake.handler import Handler
from smtpintake.intake.limits import Limits
from smtpintake.intake.options import Options
from smtpintake.intake.relay import NO_RELAYS, TrustedRelays
from smtpintake.intake.sessions import Sessions
from smtpintake.intake.spool import SpoolSpace


@dataclass(frozen=True, slots=True)
class Service:
    """`name` is the listening socket's, as the log shows it: `127.0.0.1:2525`. `certificate` is there where `options`
    offer TLS, `accounts` where they offer AUTH.
    """

    name: str
    limits: Limits
    handler: Handler
    space: SpoolSpace
    sessions: Sessions
    options: Options
    relays: TrustedRelays = NO_RELAYS
    certificate: Certificate | None = None
    accounts: Accounts | None = None
