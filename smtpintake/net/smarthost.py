"""`Smarthost`: a server that takes our own mail, and how to speak to it.

Contract: values only; nothing is loaded that speaks.
"""

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

CONNECT_TIMEOUT: Final = 30.0
# RFC 5321 s4.5.3.2: give up on the reply to the final dot too early, and the mail arrives twice.
COMMAND_TIMEOUT: Final = 300.0
DATA_TIMEOUT: Final = 600.0


class Tls(StrEnum):
    """What a connection must be before a mail goes over it."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"  # encrypted where that works, plain otherwise (RFC 7435)
    REQUIRED = "required"  # encrypted, whatever the certificate
    VERIFIED = "verified"  # encrypted, with a certificate that is valid for the host


@dataclass(frozen=True, slots=True)
class Smarthost:
    """Where to, and who we are. `hello` is our own host name. `implicit` is TLS from the first octet on (RFC 8314), in
    place of STARTTLS. `context` None means the system's certificates.
    """

    host: str
    port: int
    hello: str
    tls: Tls = Tls.OPPORTUNISTIC
    implicit: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    context: ssl.SSLContext | None = None
    connect_timeout: float = CONNECT_TIMEOUT
    timeout: float = COMMAND_TIMEOUT
    data_timeout: float = DATA_TIMEOUT

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
