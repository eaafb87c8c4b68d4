"""`Settings`: how this server runs, from one TOML file and the environment.

Contract: frozen once read. Relative paths mean the working directory. What mail is accepted for is policy and not here:
it lives in the database.
"""

from smtpintake.settings.reading import Settings, SettingsError, SettingsFault, load_settings, settings_file
from smtpintake.settings.receiving import Account
from smtpintake.settings.values import Endpoint, UnixSocket

__all__ = [
    "Account",
    "Endpoint",
    "Settings",
    "SettingsError",
    "SettingsFault",
    "UnixSocket",
    "load_settings",
    "settings_file",
]
