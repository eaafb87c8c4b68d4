"""The addresses that the settings name, taken before anything else is done.

Contract: raises NotReadyError with a line for the admin. Imports next to nothing, so that `serve` can look, too.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from smtpintake.intake.bound import Bound, bind, bind_unix
from smtpintake.intake.options import Options
from smtpintake.settings import Endpoint, Settings, UnixSocket
from smtpintake.store.readiness import NotReadyError


def bind_all(settings: Settings) -> Iterator[tuple[Bound, Options]]:
    """Every socket that we are to listen on, and what it offers. Raises NotReadyError."""
    for each in settings.smtp.listen:
        yield _bind(each.address, settings), each.options
    for address in settings.lmtp.listen:
        yield _bind(address, settings), Options(lmtp=True)


def _bind(address: Endpoint | UnixSocket, settings: Settings) -> Bound:
    with told_where(str(address), privileged=isinstance(address, Endpoint)):
        if isinstance(address, UnixSocket):
            return bind_unix(address.path, int(settings.lmtp.socket_mode, 8))
        return bind(address.host, address.port, reuse_port=settings.smtp.workers > 1)


@contextmanager
def told_where(address: str, *, privileged: bool = False) -> Iterator[None]:
    """What keeps us from listening there, for the admin; `privileged` where a low port may. Raises NotReadyError."""
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                why = "is already in use, by another program or another smtpintake"
            case errno.EACCES if privileged:
                why = "is not for this user: grant CAP_NET_BIND_SERVICE, or listen on a port above 1023"
            case _:
                why = f"cannot be listened on: {error.strerror or error}"
        raise NotReadyError(f"cannot start: {address} {why}") from error
