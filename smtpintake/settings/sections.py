"""The sections of the settings, a table of the file each; those of where mail comes in are in `receiving`,
those of mail that goes out in `sending`.

Contract: frozen; an unknown key is a fault. What depends on another key of the section is checked here as well.
"""

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    ValidationInfo,
    field_validator,
)

from smtpintake.intake.limits import Rate
from smtpintake.intake.peers import Network
from smtpintake.net.zone import Action
from smtpintake.settings.section import Section
from smtpintake.settings.values import (
    Duration,
    Endpoint,
    Hostname,
    RateLimit,
    UnixSocket,
    as_blobs_url,
    as_code,
    as_database_url,
    as_http_url,
    as_list,
    as_list_name,
    as_nameserver,
    as_network,
    as_redis_url,
    as_zone,
    socket_address,
)
from smtpintake.store.periods import Periods

_LEAST_LOG_DAYS: Final = 7  # RFC 5321 s4.5.4.1: a mail is tried for four or five days


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
    return socket_address(text) if text else None


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
