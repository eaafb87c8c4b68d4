"""The sections of the settings about mail of our own: how much of it, by which way, signed, told and worded how.

Contract: that of `sections`.
"""

from collections import Counter
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from smtpintake.compose.budget import DEFAULT_BUDGET, Budget
from smtpintake.decide.fields import Address, OptionalAddress, Timezone
from smtpintake.net.smarthost import Tls
from smtpintake.settings.section import Section
from smtpintake.settings.values import (
    Duration,
    Hostname,
    OptionalFile,
    as_domain,
    as_duration,
    as_list,
    as_selector,
    as_tables,
    as_unsaid,
)

Allowance = Annotated[int, Field(ge=0, le=1_000_000)]


class BudgetSection(Section):
    """How much mail a machine may write for us, as `compose.budget` explains; 0 is no limit."""

    window: Duration = DEFAULT_BUDGET.window
    per_address: Allowance = DEFAULT_BUDGET.per_address
    per_thread: Allowance = DEFAULT_BUDGET.per_thread
    per_domain: Allowance = DEFAULT_BUDGET.per_domain
    total: Allowance = DEFAULT_BUDGET.total
    pause: Annotated[timedelta, BeforeValidator(as_duration), Field(le=timedelta(days=1))] = DEFAULT_BUDGET.pause

    @property
    def budget(self) -> Budget:
        return Budget(self.window, self.per_address, self.per_thread, self.per_domain, self.total, self.pause)


class SmarthostServer(Section):
    """A server that takes our own mail."""

    host: Hostname = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    tls: Annotated[Tls | None, BeforeValidator(as_unsaid)] = None
    implicit_tls: bool = False
    username: str = ""
    password: Annotated[SecretStr, Field(validate_default=True)] = SecretStr("")

    @property
    def policy(self) -> Tls:
        """What the connection must be: a password goes to nobody who is not the host."""
        if self.tls is not None:
            return self.tls
        return Tls.VERIFIED if self.username or self.implicit_tls else Tls.OPPORTUNISTIC

    @field_validator("implicit_tls")
    @classmethod
    def _encrypted(cls, implicit: bool, info: ValidationInfo) -> bool:
        if implicit and info.data.get("tls") in (Tls.NONE, Tls.OPPORTUNISTIC):
            raise ValueError("needs tls = 'required' or 'verified'")
        return implicit

    @field_validator("password")
    @classmethod
    def _with_username(cls, password: SecretStr, info: ValidationInfo) -> SecretStr:
        given = bool(password.get_secret_value())
        if given != bool(info.data.get("username", "")):
            raise ValueError("username and password go together: give both or neither")
        if given and info.data.get("tls") is Tls.OPPORTUNISTIC:
            raise ValueError("needs tls = 'required' or 'verified': it could go out in the clear")
        return password


def _with_host(servers: tuple[SmarthostServer, ...]) -> tuple[SmarthostServer, ...]:
    if not all(server.host for server in servers):
        raise ValueError("each needs a host")
    return servers


class Smarthost(SmarthostServer):
    """The server that takes our own mail, and those for when it cannot be reached, in order. Without a `host` mail
    waits in the outbox. `connections` and `per_domain` are of each process that sends.
    """

    fallbacks: Annotated[tuple[SmarthostServer, ...], BeforeValidator(as_tables), AfterValidator(_with_host)] = ()
    connections: Annotated[int, Field(ge=1, le=100)] = 8
    per_domain: Annotated[int, Field(ge=1, le=100)] = 4

    @property
    def several(self) -> tuple[SmarthostServer, ...]:
        return (self, *self.fallbacks) if self.host else ()


class DkimKey(Section):
    """A key that our own mail is signed with. `smtpintake dkim new` makes one and prints this."""

    domain: Annotated[str, AfterValidator(as_domain)]
    selector: Annotated[str, AfterValidator(as_selector)]
    file: Path


class Dkim(Section):
    """Without `keys` our own mail is not signed here; the smarthost may do it."""

    keys: Annotated[tuple[DkimKey, ...], BeforeValidator(as_tables)] = ()

    @field_validator("keys")
    @classmethod
    def _each_once(cls, keys: tuple[DkimKey, ...]) -> tuple[DkimKey, ...]:
        counted = Counter(f"{key.selector}._domainkey.{key.domain}" for key in keys)
        if several := [name for name, times in counted.items() if times > 1]:
            raise ValueError(f"each may be named once: {', '.join(several)}")
        return keys


class DigestSection(Section):
    """Who is told each day, `at` a time of the `timezone`, what came and what needs an operator; without `to` nobody.
    `from` is where that comes from; without it the first inbox.
    """

    to: Annotated[tuple[Address, ...], BeforeValidator(as_list), Field(max_length=100)] = ()
    at: Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "07:00"
    timezone: Timezone = "UTC"
    from_: Annotated[OptionalAddress, Field(alias="from")] = ""

    @property
    def time(self) -> time:
        return time.fromisoformat(self.at)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class TemplatesSection(Section):
    """`folder` has this installation's own templates and catalogues, by the names of those whose place they take."""

    folder: OptionalFile = None
