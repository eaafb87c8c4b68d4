"""`load_settings`: the settings from one TOML file and the environment.

Contract: every fault is found at once, with the file or variable, the key, and what is allowed.
`SMTPINTAKE_SECTION__KEY` overrides a key; a list is written with commas there.
"""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from smtpintake.decide.faults import Fault, validation_faults
from smtpintake.settings.receiving import Lmtp, Smtp
from smtpintake.settings.sections import (
    Authentication,
    BlobsSection,
    DatabaseSection,
    Dns,
    Dnsbl,
    GreylistSection,
    LimitsSection,
    Log,
    Retention,
    ScannerSection,
    Web,
)
from smtpintake.settings.sending import (
    BudgetSection,
    DigestSection,
    Dkim,
    Smarthost,
    TemplatesSection,
)
from smtpintake.settings.values import UnixSocket

DEFAULT_FILE: Final = Path("conf/smtpintake.toml")
PREFIX: Final = "SMTPINTAKE_"
FILE_VARIABLE: Final = "SMTPINTAKE_CONFIG"
_NESTED: Final = "__"


class Settings(BaseModel):
    """All of it. Made by `load_settings`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    smtp: Smtp = Smtp()
    lmtp: Lmtp = Lmtp()
    database: DatabaseSection = DatabaseSection()
    blobs: BlobsSection = BlobsSection()
    dns: Dns = Dns()
    limits: LimitsSection = LimitsSection()
    dnsbl: Dnsbl = Dnsbl()
    greylist: GreylistSection = GreylistSection()
    authentication: Authentication = Authentication()
    scanner: ScannerSection = ScannerSection()
    retention: Retention = Retention()
    budget: BudgetSection = BudgetSection()
    smarthost: Smarthost = Smarthost()
    dkim: Dkim = Dkim()
    digest: DigestSection = DigestSection()
    templates: TemplatesSection = TemplatesSection()
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
    given, faults = _environment()
    try:
        settings = Settings.model_validate(
            {section: data.get(section, {}) | given.get(section, {}) for section in (*data, *given)}
        )
    except ValidationError as error:
        faults += (_sourced(fault, str(file or "")) for fault in validation_faults(error, Settings))
    if faults:
        raise SettingsError(tuple(faults))
    return settings


def _read(file: Path) -> dict[str, dict[str, object]]:
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


def _environment() -> tuple[dict[str, dict[str, object]], list[SettingsFault]]:
    """What the environment sets, by section and key; and the variables that look like ours and set nothing."""
    tables: dict[str, dict[str, object]] = {}
    faults: list[SettingsFault] = []
    for variable in sorted(os.environ):
        section, nested, key = variable.lower().removeprefix(PREFIX.lower()).partition(_NESTED)
        if not variable.upper().startswith(PREFIX) or not (nested or section in Settings.model_fields):
            continue
        if not nested:
            faults.append(SettingsFault("environment", variable, f"names a section only; write {variable}{_NESTED}KEY"))
        elif section not in Settings.model_fields:
            sections = ", ".join(name.upper() for name in Settings.model_fields)
            faults.append(SettingsFault("environment", variable, f"names no section; sections are {sections}"))
        else:
            tables.setdefault(section, {})[key] = os.environ[variable]
    return tables, faults


def _sourced(fault: Fault, file: str) -> SettingsFault:
    """The fault with where its value came from: the environment wins over the file."""
    section, _, key = fault.key.partition(".")
    name = re.sub(r"\[.*", "", key)
    variable = f"{PREFIX}{section}{_NESTED}{name}".upper()
    if any(variable == given.upper() for given in os.environ):
        return SettingsFault("environment", variable, fault.what)
    return SettingsFault(file or "settings", fault.key, fault.what)
