"""A real HAProxy in a folder of its own, in front of a server that trusts it. Skipped where absent."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server import PATIENCE, free_port

HAPROXY = Path("/usr/sbin/haproxy")
SOURCE = "127.0.0.9"  # where it comes from, so that others on this machine are nobody's proxy
_PAUSE = 0.05

# As in docs/relays.md. The last one is told of its own client by a proxy before it.
CONFIGURATION = """\
global
    stats socket {folder}/admin.sock
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
listen version-2
    bind 127.0.0.1:{version_2}
    option smtpchk EHLO haproxy.example
    server mx 127.0.0.1:{server} send-proxy-v2 source {source} check inter 200ms
listen version-1
    bind 127.0.0.1:{version_1}
    server mx 127.0.0.1:{server} send-proxy source {source}
listen implicit-tls
    bind 127.0.0.1:{implicit_tls}
    server mx 127.0.0.1:{server_tls} send-proxy-v2 source {source}
listen second-proxy
    bind 127.0.0.1:{second} accept-proxy
    server mx 127.0.0.1:{server} send-proxy-v2 proxy-v2-options unique-id,authority source {source}
"""


class HAProxy:
    """Listens on several ports, and passes on to `server`, from `implicit_tls` to `server_tls`."""

    def __init__(self, folder: Path, server: int, server_tls: int) -> None:
        self.version_1, self.version_2, self.second, self.implicit_tls = (free_port() for _ in range(4))
        self._folder = folder
        ports = {name: port for name, port in vars(self).items() if isinstance(port, int)}
        ports |= {"server": server, "server_tls": server_tls}
        text = CONFIGURATION.format(folder=folder, source=SOURCE, **ports)
        (folder / "haproxy.cfg").write_text(text)

    def start(self) -> None:
        with (self._folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [HAPROXY, "-db", "-f", self._folder / "haproxy.cfg"], stdout=log, stderr=log, start_new_session=True
            )
        self.until_healthy()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)

    def until_healthy(self) -> None:
        """Until its own check of the server has passed: EHLO was answered."""
        deadline = time.monotonic() + PATIENCE
        while (check := self._check()) != "L7OK":
            assert self.process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, check
            time.sleep(_PAUSE)

    def _check(self) -> str:
        """How the last check of the server behind `version_2` ended."""
        try:
            with socket.socket(socket.AF_UNIX) as admin:
                admin.connect(str(self._folder / "admin.sock"))
                admin.sendall(b"show stat json\n")
                with admin.makefile("rb") as answer:
                    entries = json.load(answer)
        except OSError as error:
            return str(error)
        fields = [{field["field"]["name"]: field["value"]["value"] for field in entry} for entry in entries]
        return next(
            str(each.get("check_status")) for each in fields if (each["pxname"], each["svname"]) == ("version-2", "mx")
        )


@contextmanager
def proxying(folder: Path, server: int, server_tls: int) -> Iterator[HAProxy]:
    """An HAProxy that runs, in front of the server on these ports."""
    if not HAPROXY.exists():
        pytest.skip(f"HAProxy is not installed: {HAPROXY}")
    haproxy = HAProxy(folder, server, server_tls)
    haproxy.start()
    try:
        yield haproxy
    finally:
        haproxy.stop()
