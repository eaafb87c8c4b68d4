"""`Options`: what one listener offers its clients, and what it demands of them. Values, and nothing else imported."""

from dataclasses import dataclass
from enum import StrEnum


class TlsMode(StrEnum):
    """How a connection becomes encrypted."""

    OFF = "off"
    STARTTLS = "starttls"  # by a command (RFC 3207)
    IMPLICIT = "implicit"  # from its first octet (RFC 8314 s3)


class AuthMode(StrEnum):
    """Whether clients may say who they are (RFC 4954), or must. Only ever inside TLS."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Options:
    """`require_tls` wants TLS before MAIL; `lmtp` speaks RFC 2033."""

    tls: TlsMode = TlsMode.OFF
    require_tls: bool = False
    auth: AuthMode = AuthMode.OFF
    lmtp: bool = False
