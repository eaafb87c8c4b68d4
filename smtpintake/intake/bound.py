"""`Bound`: a socket at its address, that nobody is served from yet.

Contract: `bind` and `bind_unix` take an address before a server is ready to answer there, so that one that is taken is
known at once; they raise OSError, EADDRINUSE where another server listens there. The file of a Unix socket has its mode
before anybody can connect, and one that a killed server left is replaced.
"""

import errno
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BACKLOG: Final = 1024  # connections that the kernel keeps while we are busy; 421 is our answer to too many, not RST


@dataclass(frozen=True, slots=True)
class Bound:
    """`name` is `127.0.0.1:2525` or `unix:/run/x.sock`; `path` the socket's file, where it has one."""

    name: str
    socket: socket.socket
    path: Path | None = None

    def close(self) -> None:
        """Give the address back."""
        self.socket.close()
        self.remove()

    def remove(self) -> None:
        """Take the file away, so that nobody finds it."""
        if self.path is not None:
            with suppress(FileNotFoundError):
                self.path.unlink()


def bind(host: str, port: int, *, reuse_port: bool = False) -> Bound:
    """A TCP socket there, port 0 for any that is free; `reuse_port` where several processes share it.

    It doesn't listen: who connects before we can serve is refused, and tries the next MX instead of waiting for us.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # With it, only a socket that listens is in the way, not the connections that a server before us had.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    at, number = bound.getsockname()[:2]
    return Bound(f"[{at}]:{number}" if family == socket.AF_INET6 else f"{at}:{number}", bound)


def bind_unix(path: Path, mode: int) -> Bound:
    """A Unix socket whose file has `mode`. It listens, as only an answer tells the next server that the file is ours;
    who connects before we can serve waits.
    """
    if path.is_socket():
        if _answers(path):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))
        path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(mode)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, error.strerror, str(path)) from error
    return Bound(f"unix:{path}", bound, path)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        # EAGAIN: somebody listens, and is busy.
        return probe.connect_ex(str(path)) in (0, errno.EAGAIN, errno.EINPROGRESS)
