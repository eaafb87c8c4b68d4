"""`load_settings`: the settings from one TOML file and the environment.

Contract: every fault is found at once, with the file or variable, the key, and what is allowed.
`SMTPINTAKE_SECTION__KEY` overrides a key; a list is written with commas there.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import (
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from smtpintake.decide.faults import Fault, validation_faults
from smtpintake.settings.sections import (
    Authentication,
    BlobsSection,
    DatabaseSection,
    Dns,
    Dnsbl,
    GreylistSection,
    LimitsSection,
    Lmtp,
    Log,
    Retention,
    Smarthost,
    Smtp,
    Web,
)
from smtpintake.settings.values import UnixSocket

DEFAULT_FILE: Final = Path("conf/smtpintake.toml")
PREFIX: Final = "SMTPINTAKE_"
FILE_VARIABLE: Final = "SMTPINTAKE_CONFIG"
_NESTED: Final = "__"


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
