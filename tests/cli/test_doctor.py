"""`doctor`: each thing that keeps mail from being taken or sent is found, and the admin is told how to mend it."""

import asyncio
import os
import shutil
import socket
import socketserver
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from smtpintake.intake.relay import TrustedRelays
from smtpintake.mail.envelope import ToldBy
from smtpintake.store.database import Database
from tests.certificates import issue
from tests.cli.conftest import Run
from tests.databases import configured
from tests.dns import REFUSED, Server, dns_server
from tests.intake.smtpserver import serving
from tests.redis import Redis, redis  # noqa: F401 - a fixture
from tests.scanners import Clamd, Rspamd, listening

Json = Callable[..., Any]
DEMO = str(Path(__file__).parents[2] / "conf" / "intake.toml")


@contextmanager
def server(*replies: bytes) -> Iterator[int]:
    """A server that says `replies[0]`, then one for each line it hears; the port."""

    class Talk(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for reply in replies:
                self.wfile.write(reply + b"\r\n")
                if not self.rfile.readline():
                    return

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Talk) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield running.server_address[1]
        finally:
            running.shutdown()
            thread.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def dns() -> Iterator[Server]:
    with dns_server({}) as running:
        yield running


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch, command: Run, dns: Server) -> pytest.MonkeyPatch:
    """An installation with nothing wrong but that no smarthost is configured."""
    monkeypatch.setenv("SMTPINTAKE_DNS__NAMESERVERS", dns.address)
    monkeypatch.setenv("SMTPINTAKE_SMTP__HOSTNAME", "mx.example.org")
    monkeypatch.setenv("SMTPINTAKE_SMTP__LISTEN", f"127.0.0.1:{free_port()}")
    configured("sqlite:///var/smtpintake.db", tomllib.loads(Path(DEMO).read_text("utf-8")))
    return monkeypatch


@pytest.fixture
def found(command: Run) -> Callable[..., dict[str, tuple[str, str, str]]]:
    """What doctor finds that is not `ok`: check -> (result, detail, mend)."""
    import json

    def run_it(*arguments: str) -> dict[str, tuple[str, str, str]]:
        status, out, _ = command("doctor", "--json", *arguments)
        checks = json.loads(out)
        assert status == any(check["result"] == "fail" for check in checks)
        assert all(check["mend"] for check in checks if check["result"] != "ok")
        return {
            check["check"]: (check["result"], check["detail"], check["mend"])
            for check in checks
            if check["result"] != "ok"
        }

    return run_it


Found = Callable[..., dict[str, tuple[str, str, str]]]


def test_a_healthy_installation_lacks_only_a_certificate_and_a_smarthost(
    healthy: pytest.MonkeyPatch, command: Run
) -> None:
    status, out, _ = command("doctor")
    assert status == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["ok"] * 9 + [
        "warning",
        "ok",
        "ok",
        "warning",
    ]
    assert lines[-1].startswith("         mend: set host in [smarthost]")


def test_looking_into_an_empty_folder_leaves_it_empty(found: Found, folder: Path, healthy: None) -> None:
    shutil.rmtree(folder / "var")
    assert found()["database"] == (
        "warning",
        "var/smtpintake.db is not there yet",
        "run 'smtpintake migrate'; the first start does it, too",
    )
    assert list(folder.iterdir()) == []


def test_a_short_host_name_is_warned_of(found: Found, healthy: pytest.MonkeyPatch) -> None:
    healthy.setenv("SMTPINTAKE_SMTP__HOSTNAME", "mailbox")
    assert found()["host name"][:2] == ("warning", "mailbox is not fully qualified")


def test_an_empty_policy_refuses_everybody(found: Found, healthy: None, command: Run, folder: Path) -> None:
    (folder / "none.toml").touch()
    command("apply", "none.toml", "--prune")
    assert found()["policy"][:2] == ("fail", "no inbox takes mail: every recipient is refused")


def test_a_database_of_a_newer_smtpintake(found: Found, healthy: None) -> None:
    database = Database("sqlite:///var/smtpintake.db")
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    result, seen, mend = found()["database"]
    assert (result, mend) == ("fail", "start the newer one, or restore the backup made before the upgrade")
    assert seen.endswith("has schema 9999, of a newer smtpintake than this one")


def test_a_database_that_is_not_there(found: Found, healthy: pytest.MonkeyPatch, postgres_url: str) -> None:
    healthy.setenv("SMTPINTAKE_DATABASE__URL", postgres_url)
    result, seen, mend = found()["database"]
    assert (result, mend) == ("fail", "run 'smtpintake migrate'")
    assert "has schema none, and needs 0" in seen
    healthy.setenv("SMTPINTAKE_DATABASE__URL", "postgresql://someone:hunter2@127.0.0.1:1/x")
    result, seen, _ = found()["database"]
    assert result == "fail"
    assert "hunter2" not in seen


def test_name_servers_that_do_not_answer(found: Found, healthy: pytest.MonkeyPatch, dns: Server) -> None:
    deaf = f"127.0.0.1:{free_port()}"
    healthy.setenv("SMTPINTAKE_DNS__NAMESERVERS", f"{deaf}, {dns.address}")
    assert found()[f"name server {deaf}"][:2] == ("warning", "Connection refused")
    healthy.setenv("SMTPINTAKE_DNS__NAMESERVERS", deaf)
    assert found()[f"name server {deaf}"][:2] == ("fail", "Connection refused")
    dns.zone[""] = REFUSED
    healthy.setenv("SMTPINTAKE_DNS__NAMESERVERS", dns.address)
    assert found()[f"name server {dns.address}"][:2] == ("fail", "REFUSED")


def test_redis_where_it_counts(found: Found, healthy: pytest.MonkeyPatch, redis: Redis) -> None:  # noqa: F811
    healthy.setenv("SMTPINTAKE_LIMITS__BACKEND", redis.url)
    assert "redis" not in found()
    redis.stop()
    result, seen, *_ = found()["redis"]
    assert result == "warning"
    assert "connecting to" in seen


async def test_scanners_where_there_are_any(healthy: pytest.MonkeyPatch, command: Run) -> None:
    async with listening(Clamd()) as clamd, listening(Rspamd()) as rspamd:
        healthy.setenv("SMTPINTAKE_SCANNER__CLAMD", f"127.0.0.1:{clamd.port}")
        healthy.setenv("SMTPINTAKE_SCANNER__RSPAMD", rspamd.url)
        status, out, _ = await asyncio.to_thread(command, "doctor")
        assert status == 0
        assert "clamd: answers: ClamAV 1.4.1/27500" in out
        assert "rspamd: answers: pong" in out
        rspamd.status = 503
        status, out, _ = await asyncio.to_thread(command, "doctor")
        assert (status, "fail     rspamd: replies with HTTP status 503" in out) == (1, True)
    status, out, _ = await asyncio.to_thread(command, "doctor")
    assert (status, "fail     clamd: " in out, "check clamd in [scanner]" in out) == (1, True, True)


def test_a_bucket_where_blobs_are_in_one(
    found: Found, healthy: pytest.MonkeyPatch, command: Run, bucket_url: str
) -> None:
    healthy.setenv("SMTPINTAKE_BLOBS__URL", bucket_url)
    assert "bucket" not in found()
    assert f"bucket: {bucket_url} can be listed" in command("doctor")[1]
    healthy.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    result, seen, mend = found()["bucket"]
    assert (result, "error sending request" in seen, "AWS_ENDPOINT_URL" in mend) == ("fail", True, True)


def test_blobs_that_are_gone(found: Found, healthy: None, tracker: None, folder: Path) -> None:
    assert "blobs" not in found()
    shutil.rmtree(folder / "var" / "blobs")
    result, seen, mend = found()["blobs"]
    assert (result, seen[:36]) == ("fail", "of 1 mails the octets are gone, such")
    assert mend == "mount the disk of file:var/blobs, or put the blobs of the backup there"


def test_a_secret_that_others_can_read(found: Found, healthy: None, folder: Path) -> None:
    secret = folder / "var" / "secret"
    secret.write_text("s" * 64)
    secret.chmod(0o644)
    assert found()["secret"] == ("fail", "var/secret has mode 644: others can use it", "chmod 600 var/secret")
    secret.chmod(0o600)
    assert "secret" not in found()


def test_a_folder_that_cannot_be_written(found: Found, healthy: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "file").touch()
    healthy.setenv("SMTPINTAKE_BLOBS__URL", "file:file/blobs")
    assert found()["blobs folder"][:2] == ("fail", "file/blobs: Not a directory")


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(("free", "result"), [(50 << 20, "fail"), (500 << 20, "warning")])
def test_a_disk_that_fills_up(found: Found, healthy: pytest.MonkeyPatch, free: int, result: str) -> None:
    healthy.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, free))
    assert found()["disk"][0] == result


def test_who_listens_where_we_would(found: Found, healthy: pytest.MonkeyPatch) -> None:
    with server(b"220 mx.example.org ESMTP", b"221 bye") as port:
        healthy.setenv("SMTPINTAKE_SMTP__LISTEN", f"127.0.0.1:{port}")
        assert f"listen 127.0.0.1:{port}" not in found()
        assert found("--quick") == {}
    with server(b"421 too many connections") as port:
        healthy.setenv("SMTPINTAKE_SMTP__LISTEN", f"127.0.0.1:{port}")
        assert found()[f"listen 127.0.0.1:{port}"][:2] == ("warning", "answers: 421 too many connections")
    # A line that looks like one of several: more is waited for.
    healthy.setattr("smtpintake.cli.listening.DEADLINE", 0.5)
    with server(b"SSH-2.0-sshd") as port:
        healthy.setenv("SMTPINTAKE_SMTP__LISTEN", f"127.0.0.1:{port}")
        assert found()[f"listen 127.0.0.1:{port}"][0] == "fail"
    healthy.setenv("SMTPINTAKE_SMTP__LISTEN", "192.0.2.1:2525")
    assert found()["listen 192.0.2.1:2525"][2] == "listen on an address of this machine"


async def test_a_listener_that_takes_us_for_a_proxy(
    found: Found, healthy: pytest.MonkeyPatch, tmp_path: Path, folder: Path
) -> None:
    relays = TrustedRelays.of([(ip_network("127.0.0.1"), ToldBy.PROXY)])
    file = folder / "settings.toml"
    file.write_text('[[smtp.trusted_relays]]\nnetworks = ["127.0.0.1"]\nclient = "proxy"\n')
    async with serving(tmp_path / "spool", relays) as running:
        healthy.setenv("SMTPINTAKE_SMTP__LISTEN", f"127.0.0.1:{running.port}")
        healthy.setenv("SMTPINTAKE_CONFIG", str(file))
        assert await asyncio.to_thread(found, "--quick") == {}


def test_a_certificate_is_looked_into(found: Found, healthy: pytest.MonkeyPatch, tmp_path: Path) -> None:
    healthy.setenv("SMTPINTAKE_SMTP__TLS_CERTIFICATE", str(tmp_path / "certificate.pem"))
    healthy.setenv("SMTPINTAKE_SMTP__TLS_KEY", str(tmp_path / "key.pem"))
    result, seen, _ = found()["certificate"]
    assert result == "fail"
    assert "No such file" in seen
    _, key = issue(tmp_path)
    assert "certificate" not in found()
    issue(tmp_path, "*.example.org")
    assert "certificate" not in found()
    issue(tmp_path, "other.example.net")
    assert found()["certificate"][:2] == ("warning", "it is for other.example.net, not for mx.example.org")
    issue(tmp_path, days=13)
    assert found()["certificate"][0] == "warning"
    issue(tmp_path, days=-1)
    result, seen, _ = found()["certificate"]
    assert (result, "it has expired" in seen) == ("fail", True)
    certificate = (tmp_path / "certificate.pem").read_bytes()
    issue(tmp_path)
    (tmp_path / "certificate.pem").write_bytes(certificate)
    assert "KEY_VALUES_MISMATCH" in found()["certificate"][1]
    key.write_text("no key")
    assert found()["certificate"][0] == "fail"


def test_a_unix_socket_is_looked_for(found: Found, healthy: pytest.MonkeyPatch, folder: Path) -> None:
    healthy.setenv("SMTPINTAKE_LMTP__LISTEN", "unix:lmtp.sock")
    assert "listen unix:lmtp.sock" not in found()
    assert found("--quick")["listen unix:lmtp.sock"][:2] == ("fail", "nobody answers")
    healthy.setenv("SMTPINTAKE_LMTP__LISTEN", "unix:none/lmtp.sock")
    assert found()["listen unix:none/lmtp.sock"][:2] == ("fail", f"{folder}/none is not writable")


def test_nobody_answers_is_a_failed_health_check(found: Found, healthy: pytest.MonkeyPatch) -> None:
    (only,) = found("--quick").values()
    assert only == ("fail", "nobody answers", "start smtpintake")


def test_a_smarthost_is_spoken_to(found: Found, healthy: pytest.MonkeyPatch) -> None:
    healthy.setenv("SMTPINTAKE_SMARTHOST__HOST", "127.0.0.1")
    with server(b"220 hi", b"250 hello", b"221 bye") as port:
        healthy.setenv("SMTPINTAKE_SMARTHOST__PORT", str(port))
        assert "smarthost" not in found()
    with server(b"220 hi", b"550 not you", b"221 bye") as port:
        healthy.setenv("SMTPINTAKE_SMARTHOST__PORT", str(port))
        healthy.setenv("SMTPINTAKE_SMARTHOST__TLS", "none")
        assert "550 not you" in found()["smarthost"][1]
    result, seen, _ = found()["smarthost"]
    assert result == "fail"
    assert seen.startswith(f"cannot use 127.0.0.1:{port}: ")


def test_a_smarthost_without_the_tls_that_is_asked_for(found: Found, healthy: pytest.MonkeyPatch) -> None:
    healthy.setenv("SMTPINTAKE_SMARTHOST__HOST", "127.0.0.1")
    healthy.setenv("SMTPINTAKE_SMARTHOST__TLS", "required")
    with server(b"220 hi", b"250 hello", b"221 bye") as port:
        healthy.setenv("SMTPINTAKE_SMARTHOST__PORT", str(port))
        assert "STARTTLS" in found()["smarthost"][1]
    healthy.setenv("SMTPINTAKE_SMARTHOST__IMPLICIT_TLS", "true")
    with server(b"220 hi") as port:
        healthy.setenv("SMTPINTAKE_SMARTHOST__PORT", str(port))
        assert "check host, port, tls, implicit_tls" in found()["smarthost"][2]


def test_a_login_that_is_refused(found: Found, healthy: pytest.MonkeyPatch) -> None:
    healthy.setenv("SMTPINTAKE_SMARTHOST__HOST", "127.0.0.1")
    healthy.setenv("SMTPINTAKE_SMARTHOST__TLS", "none")
    healthy.setenv("SMTPINTAKE_SMARTHOST__USERNAME", "us")
    healthy.setenv("SMTPINTAKE_SMARTHOST__PASSWORD", "hunter2")
    with server(b"220 hi", b"250-hello\r\n250 AUTH PLAIN", b"535 no", b"221 bye") as port:
        healthy.setenv("SMTPINTAKE_SMARTHOST__PORT", str(port))
        checks = found()
    assert checks["smarthost"][:2] == ("fail", f"cannot use 127.0.0.1:{port}: 535 no")
    assert "hunter2" not in str(checks)


def test_who_has_the_digest_and_from_where(found: Found, healthy: pytest.MonkeyPatch, command: Run) -> None:
    assert "digest" not in found()
    healthy.setenv("SMTPINTAKE_DIGEST__TO", "Ops@example.net")
    healthy.setenv("SMTPINTAKE_DIGEST__TIMEZONE", "Europe/Berlin")
    assert "digest" not in found()
    out = command("doctor")[1]
    assert "digest: each day at 07:00, Europe/Berlin, from support@example.org to ops@example.net" in out
    healthy.setenv("SMTPINTAKE_DIGEST__TO", "ops@example.net, support@example.org")
    assert found()["digest"][:2] == ("fail", "an inbox is sent no digest: support@example.org")


def test_a_digest_that_could_come_from_nowhere(found: Found, healthy: pytest.MonkeyPatch) -> None:
    inbox = {"name": "all", "addresses": ["@example.org"], "project": "SUP"}
    configured("sqlite:///var/smtpintake.db", {"project": [{"key": "SUP", "name": "Support"}], "inbox": [inbox]})
    healthy.setenv("SMTPINTAKE_DIGEST__TO", "ops@example.net")
    result, _, mend = found()["digest"]
    assert (result, mend.split(",")[0]) == ("fail", "set from in [digest]")
    healthy.setenv("SMTPINTAKE_DIGEST__FROM", "digest@example.org")
    assert "digest" not in found()


def test_the_settings_are_the_first_thing_to_be_right(command: Run, folder: Path) -> None:
    (folder / "s.toml").write_text("[smtp]\nx = 1\n")
    status, out, err = command("doctor", "--config", "s.toml")
    assert (status, out) == (2, "")
    assert err.startswith("smtpintake: s.toml: smtp.x: there is no such key")


def test_a_port_that_only_root_may_have(found: Found, healthy: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError(13, os.strerror(13))

    healthy.setattr(socket.socket, "bind", refused)
    healthy.setenv("SMTPINTAKE_SMTP__LISTEN", "127.0.0.1:25")
    assert found()["listen 127.0.0.1:25"][2].startswith("grant CAP_NET_BIND_SERVICE")
