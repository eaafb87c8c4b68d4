"""A real Postfix in a folder of its own, and swaks, for tests of what stands before us. Skipped where absent."""

import json
import shutil
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server import PATIENCE, free_port

POSTFIX = Path("/usr/sbin/postfix")
SENDER = "cara@customer.example"
_PAUSE = 0.05  # between two looks at the queue: Postfix needs the processor more than we do

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = /dev/stdout
myhostname = relay.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtp_send_xforward_command = yes
lmtp_send_xforward_command = yes
alias_maps =
local_recipient_maps =
relay_domains = example.org, customer.example
transport_maps = texthash:{folder}/etc/transport
fast_flush_domains =
address_verify_map =
address_verify_poll_delay = 1s
"""
# An address with a subaddress is looked up first.
BOUND = "127.0.0.8"
TRANSPORT = """\
support+received@example.org  bound:[127.0.0.1]:{server}
support+lmtp@example.org  lmtp:inet:127.0.0.1:{lmtp}
example.org       smtp:[127.0.0.1]:{server}
customer.example  smtp:[127.0.0.1]:{customer}
"""
# As in docs/relays.md: the second one asks us about a recipient before it answers, the third passes everything on while
# its client waits.
MASTER = """\
127.0.0.1:{port}  inet  n - n - - smtpd
127.0.0.1:{asking}  inet  n - n - - smtpd
    -o {{ smtpd_recipient_restrictions = reject_unauth_destination, reject_unverified_recipient }}
    -o unverified_recipient_reject_code=550
127.0.0.1:{through}  inet  n - n - - smtpd
    -o smtpd_proxy_filter=127.0.0.1:{server}
    -o smtpd_proxy_options=speed_adjust
cleanup  unix  n - n - 0 cleanup
qmgr     unix  n - n 300 1 qmgr
rewrite  unix  - - n - - trivial-rewrite
bounce   unix  - - n - 0 bounce
defer    unix  - - n - 0 bounce
trace    unix  - - n - 0 bounce
verify   unix  - - n - 1 verify
smtp     unix  - - n - - smtp
bound    unix  - - n - - smtp
    -o smtp_bind_address={bound} -o smtp_send_xforward_command=no
lmtp     unix  - - n - - lmtp
showq    unix  n - n - - showq
error    unix  - - n - - error
retry    unix  - - n - - error
pickup   unix  n - n 60 1 pickup
postlog  unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A Postfix of our own in `folder`: mail for example.org goes to `server`, for support+lmtp@example.org to `lmtp`,
    for customer.example to `customer`. That for support+received@example.org comes from BOUND, without XFORWARD.
    """

    def __init__(self, folder: Path, server: int, lmtp: int) -> None:
        self.folder = folder
        self.port, self.asking, self.through, self.customer = (free_port() for _ in range(4))
        ports = {name: port for name, port in vars(self).items() if isinstance(port, int)} | {
            "server": server,
            "lmtp": lmtp,
        }
        (folder / "etc").mkdir()
        (folder / "queue").mkdir()
        (folder / "data").mkdir()
        shutil.chown(folder / "data", "postfix")
        for name, text in (("main.cf", MAIN), ("master.cf", MASTER), ("transport", TRANSPORT)):
            (folder / "etc" / name).write_text(text.format(folder=folder, bound=BOUND, **ports))

    def start(self) -> None:
        with (self.folder / "log").open("wb") as log:
            # Its master signals its whole process group when it ends.
            self.process = subprocess.Popen(
                [POSTFIX, "-c", self.folder / "etc", "start-fg"], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            try:
                self.client().close()
            except OSError:
                continue
            return

    def stop(self) -> None:
        subprocess.run([POSTFIX, "-c", self.folder / "etc", "stop"], capture_output=True, timeout=PATIENCE, check=False)
        self.process.wait(PATIENCE)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def client(self, port: int | None = None) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", port or self.port, "client.example", timeout=PATIENCE)

    def queue(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._postqueue("-j").splitlines()]

    def retry(self) -> None:
        self._postqueue("-f")

    def until_deferred(self) -> str:
        """Until the only mail in the queue waits for another attempt; the reason."""
        deadline = time.monotonic() + PATIENCE
        while not (waiting := [entry for entry in self.queue() if entry["queue_name"] == "deferred"]):
            assert time.monotonic() < deadline, self.log
            time.sleep(_PAUSE)
        ((recipient,),) = [entry["recipients"] for entry in waiting]
        return str(recipient["delay_reason"])

    def until_empty(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.queue():
            assert time.monotonic() < deadline, self.log
            time.sleep(_PAUSE)

    def _postqueue(self, option: str) -> str:
        command = ["/usr/sbin/postqueue", "-c", self.folder / "etc", option]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


@contextmanager
def relaying(server: int, lmtp: int = 0) -> Iterator[Postfix]:
    """A Postfix that runs, in front of the server on these ports."""
    if not POSTFIX.exists():
        pytest.skip(f"Postfix is not installed: {POSTFIX}")
    # Its processes run as their own user, which may not enter pytest's folders.
    with tempfile.TemporaryDirectory(prefix="relay-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postfix = Postfix(folder, server, lmtp)
        try:
            postfix.start()
            yield postfix
        finally:
            postfix.stop()


def swaks(port: int, to: str, subject: str, *options: str) -> str:
    """What swaks and the server said to each other."""
    if shutil.which("swaks") is None:
        pytest.skip("swaks is not installed")
    command = ["swaks", "--server", f"127.0.0.1:{port}", "--from", SENDER, "--to", to, "--body", "Help!"]
    done = subprocess.run(
        [*command, "--header", f"Subject: {subject}", "--timeout", f"{PATIENCE:.0f}", *options],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    return done.stdout + done.stderr
