"""The sections of the settings about where mail comes in: listeners, their limits, who may log in, and which relays
are believed.

Contract: that of `sections`.
"""

import socket
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from smtpintake.decide.fields import InboxAddress
from smtpintake.intake.options import AuthMode, Options, TlsMode
from smtpintake.intake.peers import Network
from smtpintake.intake.relay import TrustedRelays
from smtpintake.mail.envelope import ToldBy
from smtpintake.settings.section import Section
from smtpintake.settings.values import (
    Count,
    Endpoint,
    Hostname,
    ListenAddress,
    OptionalFile,
    Seconds,
    UnixSocket,
    as_argon2id,
    as_list,
    as_network,
    as_tables,
    socket_address,
)


class TrustedRelay(Section):
    """Peers that pass on what others send, and how they tell who those are."""

    networks: Annotated[
        tuple[Annotated[Network, BeforeValidator(as_network)], ...], BeforeValidator(as_list), Field(min_length=1)
    ]
    client: ToldBy


def _each_network_once(relays: tuple[TrustedRelay, ...]) -> tuple[TrustedRelay, ...]:
    counted = Counter(network for relay in relays for network in relay.networks)
    if several := [str(network) for network, times in counted.items() if times > 1]:
        raise ValueError(f"each network may be named once: {', '.join(several)}")
    return relays


class SmtpListener(Section):
    """An item of `[smtp] listen`: an address alone, or a table. `tls` is starttls by default where there is a
    certificate.
    """

    address: ListenAddress
    tls: TlsMode | None = None
    require_tls: bool = False
    auth: AuthMode = AuthMode.OFF

    @property
    def options(self) -> Options:
        return Options(self.tls or TlsMode.OFF, self.require_tls, self.auth)


def _listener(value: object) -> object:
    """`HOST:PORT` is short for a table with nothing but the address."""
    return {"address": Endpoint.parse(value)} if isinstance(value, str) else value


def _possible(listener: SmtpListener, info: ValidationInfo) -> SmtpListener:
    """The listener with its `tls` decided. What it wants must be possible with the rest of the section."""
    if "tls_key" not in info.data or "accounts" not in info.data:
        return listener  # they are faults themselves
    certificate = info.data["tls_certificate"] is not None
    tls = listener.tls or (TlsMode.STARTTLS if certificate else TlsMode.OFF)
    if tls is not TlsMode.OFF and not certificate:
        raise ValueError(f"tls = '{tls}' needs tls_certificate and tls_key")
    if tls is TlsMode.OFF and (listener.require_tls or listener.auth is not AuthMode.OFF):
        raise ValueError("require_tls and auth need tls = 'starttls' or 'implicit'")
    if listener.auth is not AuthMode.OFF and not info.data["accounts"]:
        raise ValueError(f"auth = '{listener.auth}' needs [[smtp.accounts]]")
    return listener.model_copy(update={"tls": tls})


Listeners = Annotated[
    tuple[Annotated[SmtpListener, BeforeValidator(_listener), AfterValidator(_possible)], ...],
    BeforeValidator(as_list),
    Field(min_length=1, validate_default=True),
]


class Account(Section):
    """Somebody, or some device, that logs in with AUTH: `senders` is what it may send as, addresses or `@domain`s."""

    username: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]
    password_hash: Annotated[SecretStr, AfterValidator(as_argon2id)]
    senders: Annotated[tuple[InboxAddress, ...], Field(min_length=1)]


def _distinct(accounts: tuple[Account, ...]) -> tuple[Account, ...]:
    names = [account.username for account in accounts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"there are several accounts {', '.join(map(repr, twice))}")
    return accounts


class Smtp(Section):
    """The listeners, their limits, and the processes behind them. Sizes take units: `35 MiB`."""

    tls_certificate: OptionalFile = None
    tls_key: Annotated[OptionalFile, Field(validate_default=True)] = None
    accounts: Annotated[tuple[Account, ...], BeforeValidator(as_tables), AfterValidator(_distinct)] = ()
    listen: Listeners = (SmtpListener(address=Endpoint("127.0.0.1", 2525)),)  # checked against those above
    hostname: Hostname = ""
    max_message_size: Annotated[ByteSize, Field(ge=65536, le=1 << 30)] = ByteSize(35 << 20)
    max_recipients: Annotated[int, Field(ge=100, le=10_000)] = 100  # RFC 5321 s4.5.3.1.8: at least 100
    max_connections: Count = 1000
    max_connections_per_peer: Count = 100
    idle_timeout: Seconds = 300.0  # RFC 5321 s4.5.3.2.7: at least five minutes
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    analysers: Annotated[int, Field(ge=1, le=256)] = 2
    analysis_deadline: Seconds = 10.0
    drain_timeout: Seconds = 30.0
    batch: Annotated[int, Field(ge=1, le=1000)] = 200
    trusted_relays: Annotated[
        tuple[TrustedRelay, ...], BeforeValidator(as_tables), AfterValidator(_each_network_once)
    ] = ()

    @field_validator("tls_key")
    @classmethod
    def _with_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_certificate" in info.data and (key is None) != (info.data["tls_certificate"] is None):
            raise ValueError("tls_certificate and tls_key go together: give both or neither")
        return key

    @property
    def announced_name(self) -> str:
        """What the greeting says: `hostname`, or else this machine's own full name."""
        return self.hostname or socket.getfqdn()

    @property
    def relays(self) -> TrustedRelays:
        """`trusted_relays`, to be asked for a peer."""
        return TrustedRelays.of((network, relay.client) for relay in self.trusted_relays for network in relay.networks)


def _lmtp_address(value: object) -> Endpoint | UnixSocket:
    if isinstance(value, Endpoint | UnixSocket):
        return value
    where = socket_address(str(value).strip())
    if isinstance(where, Endpoint) and where.port == 25:
        raise ValueError("LMTP never listens on port 25, where clients speak SMTP")
    return where


class Lmtp(Section):
    """Where mail servers of ours hand mail over (RFC 2033). `socket_mode` is that of Unix sockets, in octal."""

    listen: Annotated[
        tuple[Annotated[Endpoint | UnixSocket, BeforeValidator(_lmtp_address)], ...], BeforeValidator(as_list)
    ] = ()
    socket_mode: Annotated[str, Field(pattern="^0?[0-7]{3}$")] = "660"
