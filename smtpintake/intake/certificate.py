"""`Certificate`: the server's certificate and key, as their files are now.

Contract: `context` is asked at each handshake and looks at the files at most once a second, so a renewed certificate is
in use without a restart or a signal. A new pair that cannot be used (half written, a key that belongs to another
certificate) leaves the old one in force, and the journal says so once.
"""

import ssl
import time
from pathlib import Path
from typing import Final

import structlog

_LOOK_AGAIN_AFTER: Final = 1.0  # seconds

_log = structlog.get_logger(__name__)

_State = tuple[tuple[int, int, int], ...]


class Certificate:
    """One for each process. Raises OSError or ssl.SSLError where the first pair cannot be used."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files: Final = (certificate, key)
        self._state: _State | None = self._look()
        self._context = load(certificate, key)
        self._looked_at = time.monotonic()

    @property
    def context(self) -> ssl.SSLContext:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_AFTER:
            self._looked_at = now
            self.refresh()
        return self._context

    def refresh(self) -> None:
        """Take over what the files hold now, if they have changed and can be used."""
        state = self._look()
        if state == self._state:
            return
        self._state = state
        try:
            self._context = load(*self._files)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            _log.error("the new certificate cannot be used, the old one stays", error=str(error))
        else:
            _log.info("the certificate was renewed", file=str(self._files[0]))

    def _look(self) -> _State | None:
        """What tells one version of the files from another; None where one is missing."""
        try:
            stats = [file.stat() for file in self._files]
        except OSError:
            return None
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in stats)


def load(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's context with this pair. Raises OSError, ssl.SSLError, or ValueError for a key with a passphrase."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8997: nothing older is TLS any more
    context.load_cert_chain(certificate, key, password=_no_passphrase)
    return context


def _no_passphrase() -> str:
    # Without this OpenSSL would ask for it on the terminal.
    raise ValueError("the key is protected by a passphrase")
