"""The sections of the settings, a table of the file each; those of mail that goes out are in `sending`.

Contract: frozen; an unknown key is a fault. What depends on another key of the section is checked here as well.
"""

import ipaddress
import socket
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

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
from smtpintake.intake.limits import Rate
from smtpintake.intake.options import AuthMode, Options, TlsMode
from smtpintake.intake.peers import Network
from smtpintake.intake.relay import TrustedRelays
from smtpintake.mail.envelope import ToldBy
from smtpintake.net.zone import Action
from smtpintake.settings.section import Section
from smtpintake.settings.values import (
    Count,
    Duration,
    Endpoint,
    Hostname,
    ListenAddress,
    OptionalFile,
    RateLimit,
    Seconds,
    UnixSocket,
    as_argon2id,
    as_blobs_url,
    as_code,
    as_database_url,
    as_http_url,
    as_list,
    as_list_name,
    as_nameserver,
    as_network,
    as_redis_url,
    as_tables,
    as_zone,
)
from smtpintake.store.periods import Periods

_LEAST_LOG_DAYS: Final = 7  # RFC 5321 s4.5.4.1: a mail is tried for four or five days


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
    where = _socket_address(str(value).strip())
    if isinstance(where, Endpoint) and where.port == 25:
        raise ValueError("LMTP never listens on port 25, where clients speak SMTP")
    return where


def _socket_address(text: str) -> Endpoint | UnixSocket:
    """`HOST:PORT`, or `unix:` and a path."""
    return UnixSocket.parse(text) if text.startswith("unix:") else Endpoint.parse(text)


class Lmtp(Section):
    """Where mail servers of ours hand mail over (RFC 2033). `socket_mode` is that of Unix sockets, in octal."""

    listen: Annotated[
        tuple[Annotated[Endpoint | UnixSocket, BeforeValidator(_lmtp_address)], ...], BeforeValidator(as_list)
    ] = ()
    socket_mode: Annotated[str, Field(pattern="^0?[0-7]{3}$")] = "660"


class DatabaseSection(Section):
    url: Annotated[str, AfterValidator(as_database_url), Field(repr=False)] = "sqlite:///var/smtpintake.db"


class BlobsSection(Section):
    """`spool` is for the spool files of blobs that are elsewhere."""

    url: Annotated[str, AfterValidator(as_blobs_url)] = "file:var/blobs"
    spool: Path = Path("var/spool")

    @property
    def folder(self) -> Path:
        """What this machine's disk has of them: all, or those under way."""
        return Path(self.url.removeprefix("file:")) if self.url.startswith("file:") else self.spool


class Dns(Section):
    """Who is asked; without `nameservers` those of resolv.conf. `deadline` is for all that one mail asks."""

    nameservers: Annotated[tuple[Annotated[str, AfterValidator(as_nameserver)], ...], BeforeValidator(as_list)] = ()
    timeout: Annotated[float, Field(gt=0, le=60)] = 2.0
    deadline: Annotated[float, Field(gt=0, le=120)] = 8.0


class LimitsSection(Section):
    """How often strangers may do what they do, and how slow they may be. A rate is text such as `60/minute`."""

    connections_per_peer: RateLimit = Rate(300, 60)
    mails_per_peer: RateLimit = Rate(1000, 60)
    mails_per_sender: RateLimit = Rate(300, 60)
    recipients_refused_per_peer: RateLimit = Rate(100, 3600)
    backend: Annotated[str, AfterValidator(as_redis_url), Field(repr=False)] = ""
    exempt: Annotated[tuple[Annotated[Network, BeforeValidator(as_network)], ...], BeforeValidator(as_list)] = (
        ipaddress.IPv4Network("127.0.0.0/8"),
        ipaddress.IPv6Network("::1/128"),
    )
    min_data_rate: Annotated[int, Field(ge=0, le=1 << 30)] = 500
    tarpit_after: Annotated[int, Field(ge=0, le=1000)] = 5
    tarpit_delay: Annotated[float, Field(ge=0, le=30)] = 1.0
    tarpit_end: Annotated[int, Field(ge=1, le=1000)] = 20


class DnsblZone(Section):
    """A block list that is asked for each client. Without `codes` every answer in 127.0.0.0/8 counts."""

    zone: Annotated[Hostname, AfterValidator(as_list_name)]
    codes: Annotated[
        tuple[Annotated[ipaddress.IPv4Network, AfterValidator(as_code)], ...], BeforeValidator(as_list)
    ] = ()
    action: Action = Action.REJECT


class Dnsbl(Section):
    """`zones` are tables, or names alone."""

    zones: Annotated[tuple[Annotated[DnsblZone, BeforeValidator(as_zone)], ...], BeforeValidator(as_list)] = ()


class GreylistSection(Section):
    """Times are seconds, or text such as `90s`, `15m`, `4h`, `36d`. With `spare_spf` nobody waits whom SPF passes."""

    enabled: bool = False
    spare_spf: bool = True
    delay: Duration = timedelta(seconds=60)
    window: Duration = timedelta(hours=4)
    remember: Duration = timedelta(days=36)

    @field_validator("window")
    @classmethod
    def _after_delay(cls, window: timedelta, info: ValidationInfo) -> timedelta:
        if window <= info.data.get("delay", timedelta()):
            raise ValueError("must be longer than delay: it is the time in which a client may come again")
        return window


class Authentication(Section):
    """Whether SPF, DKIM, DMARC and ARC are verified, and by which name our results are known (RFC 8601 s2.5); without
    `authserv_id` by the name in the greeting.
    """

    verify: bool = True
    authserv_id: Hostname = ""


def _clamd_address(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip()
    return _socket_address(text) if text else None


class ScannerSection(Section):
    """Daemons that look at each mail; what their word costs it is policy. `deadline` is in seconds, for one mail; of a
    mail larger than `max_size` nobody is asked.
    """

    clamd: Annotated[Endpoint | UnixSocket | None, BeforeValidator(_clamd_address)] = None
    rspamd: Annotated[str, AfterValidator(as_http_url)] = ""
    deadline: Annotated[float, Field(gt=0, le=300)] = 30.0
    max_size: Annotated[ByteSize, Field(ge=65536, le=1 << 30)] = ByteSize(100 << 20)


class Retention(Section):
    """Days. 0 means for ever, and for raw mail: as long as a log row or an attachment needs it. `outbox_days` is for
    the octets of our own mail; what became of it stays with its issue.
    """

    held_days: Annotated[int, Field(ge=1, le=3650)] = 30
    log_days: Annotated[int, Field(ge=0, le=36500)] = 365
    raw_days: Annotated[int, Field(ge=0, le=36500)] = 0
    outbox_days: Annotated[int, Field(ge=0, le=36500)] = 30

    @field_validator("log_days")
    @classmethod
    def _longer_than_senders_try(cls, days: int) -> int:
        if 0 < days < _LEAST_LOG_DAYS:
            raise ValueError(f"must be 0 or at least {_LEAST_LOG_DAYS}: senders try so long, and the log knows them")
        return days

    @property
    def periods(self) -> Periods:
        return Periods(
            timedelta(days=self.held_days),
            timedelta(days=self.log_days) if self.log_days else None,
            timedelta(days=self.raw_days) if self.raw_days else None,
            timedelta(days=self.outbox_days) if self.outbox_days else None,
        )


class Web(Section):
    """`secret_file` holds the installation's secret, from which reply keys are made; it is created when missing."""

    public_url: Annotated[str, AfterValidator(as_http_url)] = ""
    secret_file: Path = Path("var/secret")


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
