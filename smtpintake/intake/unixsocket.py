"""A Unix socket to listen on: its file is made with the right mode, and one that a killed server left is replaced."""

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path


def bind(path: Path, mode: int) -> socket.socket:
    """The socket, bound and not yet listening, so that nobody connects before its file has `mode`.

    Raises OSError: EADDRINUSE where another server listens there, or where the path is something else.
    """
    if path.is_socket():
        if _answers(path):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))
        path.unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
        path.chmod(mode)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, error.strerror, str(path)) from error
    return bound


def remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        # EAGAIN: somebody listens, and is busy.
        return probe.connect_ex(str(path)) in (0, errno.EAGAIN, errno.EINPROGRESS)
