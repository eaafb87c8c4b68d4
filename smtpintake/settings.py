"""`Settings`: how this server runs, from one TOML file and the environment.

Contract: frozen once read; every fault is found at once, with the file or variable, the key, and what is allowed.
`SMTPINTAKE_SECTION__KEY` overrides a key; a list is written with commas there. Relative paths mean the working
directory. What mail is accepted for is policy and not here: it lives in the database.
"""

import ipaddress
import os
import re
import socket
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from smtpintake.decide.faults import Fault, validation_faults
from smtpintake.decide.fields import InboxAddress
from smtpintake.intake.limits import Rate
from smtpintake.intake.options import AuthMode, Options, TlsMode
from smtpintake.intake.peers import Network
from smtpintake.intake.relay import TrustedRelays
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.mail.envelope import ToldBy
from smtpintake.net.dnsbl import LISTED, Action
from smtpintake.net.nameserver import Nameserver
from smtpintake.store.retention import Periods

DEFAULT_FILE: Final = Path("conf/smtpintake.toml")
PREFIX: Final = "SMTPINTAKE_"
FILE_VARIABLE: Final = "SMTPINTAKE_CONFIG"
_NESTED: Final = "__"
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?)*\.?")

_LEAST_LOG_DAYS: Final = 7  # RFC 5321 s4.5.4.1: a mail is tried for four or five days
_MAX_SOCKET_PATH: Final = 107  # unix(7)
_ARGON2ID: Final = re.compile(
    r"\$argon2id\$v=19\$m=[1-9][0-9]{0,7},t=[1-9][0-9]{0,3},p=[1-9][0-9]{0,2}\$[A-Za-z0-9+/]{11,88}\$[A-Za-z0-9+/]{22,88}"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen. `host` is a name or an IP address, without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `127.0.0.1:25`, `[::1]:25`, `mx.example.org:25`. Raises ValueError."""
        match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:\s]+)):([0-9]{1,5})", text.strip())
        if match is None or int(match[3]) > 65535:
            raise ValueError(f"{text!r} is not HOST:PORT, such as '0.0.0.0:25' or '[::]:25'")
        return cls(match[1] or match[2], int(match[3]))


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """Where to listen, too."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `unix:/run/smtpintake/lmtp.sock`. Raises ValueError."""
        path = text.removeprefix("unix:")
        if not path or len(os.fsencode(path)) > _MAX_SOCKET_PATH:
            raise ValueError(f"must be unix: and a path of at most {_MAX_SOCKET_PATH} octets")
        return cls(Path(path))


def _split(value: object) -> object:
    """A list from the environment: `a:25, b:25`."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def _endpoint(value: object) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    return Endpoint.parse(str(value))


def _hostname(text: str) -> str:
    if text and (len(text) > 255 or not _HOSTNAME.fullmatch(text)):
        raise ValueError("must be a host name such as mx.example.org")
    return text.removesuffix(".")


def _address(text: str) -> str:
    try:
        return str(Mailbox.parse(text)) if text else ""
    except AddressError as error:
        raise ValueError(f"must be an address such as intake@example.org: {error}") from error


def _database_url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ValueError("must be a URL such as sqlite:///var/smtpintake.db") from error
    match url.get_backend_name():
        case "sqlite":
            return text
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        case _:
            raise ValueError("must begin with sqlite:/// or postgresql://")


def _blobs_url(text: str) -> str:
    if not text.startswith("file:") or not text.removeprefix("file:").strip():
        raise ValueError("must be file: and a folder, such as file:var/blobs")
    return text


def _public_url(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname):
        raise ValueError("must begin with http:// or https://, and name a host")
    return text.rstrip("/")


def _network(value: object) -> Network:
    text = str(value)
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network such as '192.0.2.0/24', '2001:db8::/32' or '10.1.2.3'") from error
    if network.prefixlen == 0:
        raise ValueError("would trust everybody: name the networks")
    if "/" in text and ipaddress.ip_interface(text.strip()).ip != network.network_address:
        raise ValueError(f"{text!r} is an address within a network: write '{network}', or the address alone")
    return network


def _tables(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("is a list of tables: write it into the settings file")  # noqa: TRY004 - pydantic's way
    return value


def _argon2id(secret: SecretStr) -> SecretStr:
    if not _ARGON2ID.fullmatch(secret.get_secret_value()):
        raise ValueError("must be an argon2id hash, such as 'smtpintake hash-password' prints")
    return secret


def _nameserver(text: str) -> str:
    return str(Nameserver.parse(text))


def _rate(value: object) -> object:
    """`60/minute`; nothing for no limit."""
    if isinstance(value, str):
        return Rate.parse(value) if value.strip() else None
    if isinstance(value, Rate | None):
        return value
    raise ValueError("is text such as '60/minute', or empty for no limit")


def _redis_url(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("redis", "rediss") or not urlsplit(text).hostname):
        raise ValueError("must begin with redis:// or rediss://, and name a host; empty for this process's memory")
    return text


def _code(network: ipaddress.IPv4Network) -> ipaddress.IPv4Network:
    if not network.subnet_of(LISTED):
        raise ValueError("must lie in 127.0.0.0/8: block lists answer nothing else")
    return network


def _zone(value: object) -> object:
    return {"zone": value} if isinstance(value, str) else value


def _list_name(name: str) -> str:
    if not 0 < len(name) <= 180:  # before it come the nibbles of an address, and 253 is all that DNS takes
        raise ValueError("must be the name of a block list such as zen.example.org")
    return name


def _duration(value: object) -> object:
    """Seconds, or `90s`, `15m`, `4h`, `36d`."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", str(value).strip())
    if match is None or isinstance(value, bool):
        raise ValueError("is a number of seconds, or text such as '90s', '15m', '4h', '36d'")
    return timedelta(seconds=int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]])


Seconds = Annotated[float, Field(gt=0, le=86400)]
Count = Annotated[int, Field(ge=1, le=100_000)]
OptionalFile = Annotated[Path | None, BeforeValidator(lambda value: value or None)]
RateLimit = Annotated[Rate | None, BeforeValidator(_rate)]
Duration = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta(seconds=1), le=timedelta(days=1000))]
Hostname = Annotated[str, AfterValidator(_hostname)]
ListenAddress = Annotated[Endpoint, BeforeValidator(_endpoint)]


class Section(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrustedRelay(Section):
    """Peers that pass on what others send, and how they tell who those are."""

    networks: Annotated[
        tuple[Annotated[Network, BeforeValidator(_network)], ...], BeforeValidator(_split), Field(min_length=1)
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
    BeforeValidator(_split),
    Field(min_length=1, validate_default=True),
]


class Account(Section):
    """Somebody, or some device, that logs in with AUTH: `senders` is what it may send as, addresses or `@domain`s."""

    username: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,255}$")]
    password_hash: Annotated[SecretStr, AfterValidator(_argon2id)]
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
    accounts: Annotated[tuple[Account, ...], BeforeValidator(_tables), AfterValidator(_distinct)] = ()
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
        tuple[TrustedRelay, ...], BeforeValidator(_tables), AfterValidator(_each_network_once)
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
    text = str(value).strip()
    if text.startswith("unix:"):
        return UnixSocket.parse(text)
    endpoint = Endpoint.parse(text)
    if endpoint.port == 25:
        raise ValueError("LMTP never listens on port 25, where clients speak SMTP")
    return endpoint


class Lmtp(Section):
    """Where mail servers of ours hand mail over (RFC 2033). `socket_mode` is that of Unix sockets, in octal."""

    listen: Annotated[
        tuple[Annotated[Endpoint | UnixSocket, BeforeValidator(_lmtp_address)], ...], BeforeValidator(_split)
    ] = ()
    socket_mode: Annotated[str, Field(pattern="^0?[0-7]{3}$")] = "660"


class DatabaseSection(Section):
    url: Annotated[str, AfterValidator(_database_url), Field(repr=False)] = "sqlite:///var/smtpintake.db"


class BlobsSection(Section):
    url: Annotated[str, AfterValidator(_blobs_url)] = "file:var/blobs"

    @property
    def folder(self) -> Path:
        return Path(self.url.removeprefix("file:"))


class Dns(Section):
    """Who is asked; without `nameservers` those of resolv.conf. `deadline` is for all that one mail asks."""

    nameservers: Annotated[tuple[Annotated[str, AfterValidator(_nameserver)], ...], BeforeValidator(_split)] = ()
    timeout: Annotated[float, Field(gt=0, le=60)] = 2.0
    deadline: Annotated[float, Field(gt=0, le=120)] = 8.0


class LimitsSection(Section):
    """How often strangers may do what they do, and how slow they may be. A rate is text such as `60/minute`."""

    connections_per_peer: RateLimit = Rate(300, 60)
    mails_per_peer: RateLimit = Rate(1000, 60)
    mails_per_sender: RateLimit = Rate(300, 60)
    recipients_refused_per_peer: RateLimit = Rate(100, 3600)
    backend: Annotated[str, AfterValidator(_redis_url), Field(repr=False)] = ""
    exempt: Annotated[tuple[Annotated[Network, BeforeValidator(_network)], ...], BeforeValidator(_split)] = (
        ipaddress.IPv4Network("127.0.0.0/8"),
        ipaddress.IPv6Network("::1/128"),
    )
    min_data_rate: Annotated[int, Field(ge=0, le=1 << 30)] = 500
    tarpit_after: Annotated[int, Field(ge=0, le=1000)] = 5
    tarpit_delay: Annotated[float, Field(ge=0, le=30)] = 1.0
    tarpit_end: Annotated[int, Field(ge=1, le=1000)] = 20


class DnsblZone(Section):
    """A block list that is asked for each client. Without `codes` every answer in 127.0.0.0/8 counts."""

    zone: Annotated[Hostname, AfterValidator(_list_name)]
    codes: Annotated[tuple[Annotated[ipaddress.IPv4Network, AfterValidator(_code)], ...], BeforeValidator(_split)] = ()
    action: Action = Action.REJECT


class Dnsbl(Section):
    """`zones` are tables, or names alone."""

    zones: Annotated[tuple[Annotated[DnsblZone, BeforeValidator(_zone)], ...], BeforeValidator(_split)] = ()


class GreylistSection(Section):
    """Times are seconds, or text such as `90s`, `15m`, `4h`, `36d`."""

    enabled: bool = False
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


class Retention(Section):
    """Days. 0 means for ever, and for raw mail: as long as a log row or an attachment needs it."""

    held_days: Annotated[int, Field(ge=1, le=3650)] = 30
    log_days: Annotated[int, Field(ge=0, le=36500)] = 365
    raw_days: Annotated[int, Field(ge=0, le=36500)] = 0

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
        )


class Smarthost(Section):
    """The server that takes our own mail. Without a `host` mail waits in the outbox."""

    host: Hostname = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    tls: Literal["none", "starttls", "implicit"] = "none"
    username: str = ""
    password: Annotated[SecretStr, Field(validate_default=True)] = SecretStr("")
    sender: Annotated[str, AfterValidator(_address), Field(alias="from")] = ""

    @field_validator("password")
    @classmethod
    def _with_username(cls, password: SecretStr, info: ValidationInfo) -> SecretStr:
        if bool(password.get_secret_value()) != bool(info.data.get("username", "")):
            raise ValueError("username and password go together: give both or neither")
        return password


class Web(Section):
    """`secret_file` holds the installation's secret, from which reply keys are made; it is created when missing."""

    public_url: Annotated[str, AfterValidator(_public_url)] = ""
    secret_file: Path = Path("var/secret")


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(BaseSettings):
    """All of it. Made by `load_settings`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter=_NESTED,
        enable_decoding=False,
    )

    smtp: Smtp = Smtp()
    lmtp: Lmtp = Lmtp()
    database: DatabaseSection = DatabaseSection()
    blobs: BlobsSection = BlobsSection()
    dns: Dns = Dns()
    limits: LimitsSection = LimitsSection()
    dnsbl: Dnsbl = Dnsbl()
    greylist: GreylistSection = GreylistSection()
    authentication: Authentication = Authentication()
    retention: Retention = Retention()
    smarthost: Smarthost = Smarthost()
    web: Web = Web()
    log: Log = Log()

    @property
    def authserv_id(self) -> str:
        """The name under which our results are known."""
        return self.authentication.authserv_id or self.smtp.announced_name

    @field_validator("lmtp")
    @classmethod
    def _one_process_for_a_unix_socket(cls, lmtp: Lmtp, info: ValidationInfo) -> Lmtp:
        several = "smtp" in info.data and info.data["smtp"].workers > 1
        if several and any(isinstance(address, UnixSocket) for address in lmtp.listen):
            raise ValueError("processes cannot share a Unix socket: listen on HOST:PORT, or set workers = 1 in [smtp]")
        return lmtp

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


@dataclass(frozen=True, slots=True)
class SettingsFault:
    """Where (a file, or a variable of the environment), which key, and what is allowed there."""

    source: str
    key: str
    what: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.source, self.key, self.what)))


class SettingsError(Exception):
    """The settings are wrong; `faults` lists everything that is."""

    def __init__(self, faults: tuple[SettingsFault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def settings_file(given: Path | None) -> Path | None:
    """The file to read: as given, as the environment names it, the default where it exists, or none at all."""
    if given is not None:
        return given
    if named := os.environ.get(FILE_VARIABLE):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load_settings(file: Path | None) -> Settings:
    """The settings of `file`, overridden by the environment; defaults where neither speaks. Raises SettingsError."""
    data = _read(file) if file is not None else {}
    faults = list(_stray_variables())
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        faults += (_sourced(fault, str(file or "")) for fault in validation_faults(error, Settings))
    if faults:
        raise SettingsError(tuple(faults))
    return settings


def _read(file: Path) -> dict[str, Mapping[str, object]]:
    """The file's tables. What is no table at the top is a fault here, so that the environment can be laid over it."""
    try:
        data = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError((SettingsFault(str(file), "", f"cannot be read: {error.strerror}"),)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError((SettingsFault(str(file), "", f"is not TOML: {error}"),)) from error
    if stray := [key for key, value in data.items() if not isinstance(value, dict)]:
        what = f"belongs into a section; there are {', '.join(f'[{name}]' for name in Settings.model_fields)}"
        raise SettingsError(tuple(SettingsFault(str(file), key, what) for key in stray))
    return data


def _stray_variables() -> Iterator[SettingsFault]:
    """Variables that look like ours and name no section: pydantic would pass over them in silence."""
    for variable in sorted(os.environ):
        section, nested, _ = variable.upper().removeprefix(PREFIX).partition(_NESTED)
        if not variable.upper().startswith(PREFIX) or not (nested or section.lower() in Settings.model_fields):
            continue
        if not nested:
            yield SettingsFault("environment", variable, f"names a section only; write {variable}{_NESTED}KEY")
        elif section.lower() not in Settings.model_fields:
            sections = ", ".join(name.upper() for name in Settings.model_fields)
            yield SettingsFault("environment", variable, f"names no section; sections are {sections}")


def _sourced(fault: Fault, file: str) -> SettingsFault:
    """The fault with where its value came from: the environment wins over the file."""
    section, _, key = fault.key.partition(".")
    name = re.sub(r"\[.*", "", key)
    variable = f"{PREFIX}{section}{_NESTED}{name}".upper()
    if any(variable == given.upper() for given in os.environ):
        return SettingsFault("environment", variable, fault.what)
    return SettingsFault(file or "settings", fault.key, fault.what)
