"""The checks behind `doctor` of where mail comes in: the listeners.

Contract: that of `checks`.
"""

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from smtpintake.cli.check import DEADLINE, Check, Result
from smtpintake.intake.bound import bind
from smtpintake.intake.options import TlsMode
from smtpintake.intake.relay import TrustedRelays
from smtpintake.mail.envelope import ToldBy
from smtpintake.settings import Endpoint, Settings, UnixSocket

_MAX_REPLY: Final = 512  # octets (RFC 5321 s4.5.3.1.5)


def listeners(settings: Settings) -> Iterator[Check]:
    """Each address is free to listen on, or answers as a mail server does."""
    for listener in _listeners(settings):
        yield _unix_listener(listener) if isinstance(listener.address, UnixSocket) else _listener(listener)


def answering(settings: Settings) -> Iterator[Check]:
    """Each address answers: what a container's health check wants to know."""
    for listener in _listeners(settings):
        check = _answer(listener)
        yield check or Check(f"listen {listener.address}", Result.FAIL, "nobody answers", "start smtpintake")


@dataclass(frozen=True, slots=True)
class _Listener:
    """Where mail is taken; with `tls` from the first octet."""

    address: Endpoint | UnixSocket
    relays: TrustedRelays
    tls: bool = False


def _listeners(settings: Settings) -> Iterator[_Listener]:
    for listener in settings.smtp.listen:
        yield _Listener(listener.address, settings.smtp.relays, listener.tls is TlsMode.IMPLICIT)
    for address in settings.lmtp.listen:
        yield _Listener(address, settings.smtp.relays)


def _unix_listener(listener: _Listener) -> Check:
    assert isinstance(listener.address, UnixSocket)
    what, folder = f"listen {listener.address}", listener.address.path.absolute().parent
    if answer := _answer(listener):
        return answer
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check(what, Result.FAIL, f"{folder} is not writable", "let the user that runs smtpintake write there")
    return Check(what, Result.OK, "free")


def _listener(listener: _Listener) -> Check:
    assert isinstance(listener.address, Endpoint)
    endpoint, what = listener.address, f"listen {listener.address}"
    try:
        bind(endpoint.host, endpoint.port).close()  # as the server will
    except socket.gaierror as error:
        return Check(what, Result.FAIL, str(error.strerror), "listen on an IP address of this machine")
    except PermissionError:
        mend = "grant CAP_NET_BIND_SERVICE, or listen on a port above 1023"
        return Check(what, Result.FAIL, "this user may not listen there", mend)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return Check(what, Result.FAIL, str(error.strerror), "listen on an address of this machine")
        taken = Check(what, Result.FAIL, "another program listens there", "stop it, or listen on another port")
        return _answer(listener) or taken
    return Check(what, Result.OK, "free")


def _answer(listener: _Listener) -> Check | None:
    """What a running server says; None where none is there."""
    what = f"listen {listener.address}"
    try:
        with _connected(listener) as connection, connection.makefile("rb") as replies:
            said = replies.readline(_MAX_REPLY).decode("ascii", "replace").strip()
            connection.sendall(b"QUIT\r\n")
    except OSError:
        return None
    if said.startswith("220 "):
        return Check(what, Result.OK, f"answers: {said}")
    if said.startswith("421 "):
        # Busy, and well: whoever starts anew what is not healthy must not start that anew.
        return Check(what, Result.WARNING, f"answers: {said}", "wait, or raise max_connections in [smtp]")
    return Check(what, Result.FAIL, f"answers: {said}", "see the server's journal")


def _connected(listener: _Listener) -> socket.socket:
    """A connection that has said what must come before the greeting. Raises OSError."""
    if isinstance(listener.address, UnixSocket):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(DEADLINE)
        connection.connect(str(listener.address.path.absolute()))
        return connection
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.address.host, listener.address.host)  # noqa: S104
    connection = socket.create_connection((host, listener.address.port), DEADLINE)
    if listener.relays.told_by(str(connection.getsockname()[0])) is ToldBy.PROXY:
        connection.sendall(b"PROXY UNKNOWN\r\n")
    if not listener.tls:
        return connection
    # Whose certificate it is, is the matter of another check.
    return ssl._create_unverified_context().wrap_socket(connection)  # noqa: S323
