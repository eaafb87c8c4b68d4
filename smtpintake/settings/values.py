"""What may stand in the settings, and the value that it is read as.

Contract: a validator raises ValueError with a text for the admin who wrote the file. Nothing is looked up: no name, no
file, no address.
"""

import ipaddress
import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
)

from smtpintake.intake.limits import Rate
from smtpintake.intake.peers import Network
from smtpintake.mail.address import AddressError, fold_domain
from smtpintake.net.nameserver import Nameserver
from smtpintake.net.zone import LISTED

_HOSTNAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})?)*\.?")
_MAX_SOCKET_PATH: Final = 107  # unix(7)
SELECTOR: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")  # of a DKIM key (RFC 6376 s3.1)
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


def socket_address(text: str) -> Endpoint | UnixSocket:
    """`HOST:PORT`, or `unix:` and a path."""
    return UnixSocket.parse(text) if text.startswith("unix:") else Endpoint.parse(text)


def as_list(value: object) -> object:
    """A list from the environment: `a:25, b:25`."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


def as_endpoint(value: object) -> Endpoint:
    if isinstance(value, Endpoint):
        return value
    return Endpoint.parse(str(value))


def as_hostname(text: str) -> str:
    if text and (len(text) > 255 or not _HOSTNAME.fullmatch(text)):
        raise ValueError("must be a host name such as mx.example.org")
    return text.removesuffix(".")


def as_database_url(text: str) -> str:
    if text.startswith("sqlite://"):
        return text
    if "://" not in text:
        raise ValueError("must be a URL such as sqlite:///var/smtpintake.db")
    if not text.startswith(("postgresql", "postgres")):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    # Loaded here: it takes a second, and not every command needs a database.
    from sqlalchemy import make_url  # noqa: PLC0415

    return make_url(text).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def as_blobs_url(text: str) -> str:
    if not re.fullmatch(r"file:\s*\S.*|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?", text):
        raise ValueError("must be file: and a folder, such as file:var/blobs, or s3://BUCKET/PREFIX")
    return text


def as_http_url(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname):
        raise ValueError("must begin with http:// or https://, and name a host")
    return text.rstrip("/")


def as_network(value: object) -> Network:
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


def as_selector(text: str) -> str:
    if not SELECTOR.fullmatch(text):
        raise ValueError("must be of lower-case letters, digits, '-' and '.'")
    return text


def as_domain(text: str) -> str:
    """In lower case, and as DNS has it."""
    try:
        return as_hostname(fold_domain(text))
    except AddressError as error:
        raise ValueError(str(error)) from error


def as_unsaid(value: object) -> object:
    """An empty text says nothing."""
    return None if value == "" else value


def as_tables(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("is a list of tables: write it into the settings file")  # noqa: TRY004 - pydantic's way
    return value


def as_argon2id(secret: SecretStr) -> SecretStr:
    if not _ARGON2ID.fullmatch(secret.get_secret_value()):
        raise ValueError("must be an argon2id hash, such as 'smtpintake hash-password' prints")
    return secret


def as_nameserver(text: str) -> str:
    return str(Nameserver.parse(text))


def as_rate(value: object) -> object:
    """`60/minute`; nothing for no limit."""
    if isinstance(value, str):
        return Rate.parse(value) if value.strip() else None
    if isinstance(value, Rate | None):
        return value
    raise ValueError("is text such as '60/minute', or empty for no limit")


def as_redis_url(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("redis", "rediss") or not urlsplit(text).hostname):
        raise ValueError("must begin with redis:// or rediss://, and name a host; empty for this process's memory")
    return text


def as_code(network: ipaddress.IPv4Network) -> ipaddress.IPv4Network:
    if not network.subnet_of(LISTED):
        raise ValueError("must lie in 127.0.0.0/8: block lists answer nothing else")
    return network


def as_zone(value: object) -> object:
    return {"zone": value} if isinstance(value, str) else value


def as_list_name(name: str) -> str:
    if not 0 < len(name) <= 180:  # before it come the nibbles of an address, and 253 is all that DNS takes
        raise ValueError("must be the name of a block list such as zen.example.org")
    return name


def as_duration(value: object) -> object:
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
RateLimit = Annotated[Rate | None, BeforeValidator(as_rate)]
Duration = Annotated[timedelta, BeforeValidator(as_duration), Field(ge=timedelta(seconds=1), le=timedelta(days=1000))]
Hostname = Annotated[str, AfterValidator(as_hostname)]
ListenAddress = Annotated[Endpoint, BeforeValidator(as_endpoint)]
