"""A device that logs in to a real server over TLS: who it is, and how, stands in the log; the certificate is renewed
meanwhile.
"""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from tests.certificates import NAME, issue, trusting
from tests.server import PATIENCE, Server, free_port, log_id

MAIL = b"From: scanner@example.org\r\nSubject: Toner\r\nMessage-ID: <%d@scanner>\r\n\r\nIt is low.\r\n"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("hunter2")


class Client(smtplib.SMTP):
    """Connects to this machine, and knows it by the name on its certificate."""

    def _get_socket(self, host, port, timeout):  # type: ignore[no-untyped-def]
        return super()._get_socket("127.0.0.1", port, timeout)


class TlsClient(smtplib.SMTP_SSL):
    def _get_socket(self, host, port, timeout):  # type: ignore[no-untyped-def]
        plain = smtplib.SMTP._get_socket(self, "127.0.0.1", port, timeout)
        return self.context.wrap_socket(plain, server_hostname=host)


@pytest.fixture
def submission(tmp_path: Path) -> Iterator[tuple[Server, int]]:
    """The server, whose own port is for everybody; and the port for devices."""
    server, devices = Server(tmp_path), free_port()
    issue(tmp_path)
    del server.environment["SMTPINTAKE_SMTP__LISTEN"]
    server.environment["SMTPINTAKE_CONFIG"] = str(tmp_path / "s.toml")
    (tmp_path / "s.toml").write_text(
        f"""\
[smtp]
listen = [
  "127.0.0.1:{server.port}",
  {{ address = "127.0.0.1:{devices}", tls = "implicit", auth = "required" }},
]
tls_certificate = "certificate.pem"
tls_key = "key.pem"

[[smtp.accounts]]
username = "scanner"
password_hash = "{HASH}"
senders = ["scanner@example.org"]
"""
    )
    server.prepare()
    server.start()
    yield server, devices
    assert server.stop() == 0


def send(client: smtplib.SMTP, number: int) -> str:
    assert client.mail("scanner@example.org")[0] == 250
    assert client.rcpt("support@example.org")[0] == 250
    code, text = client.data(MAIL % number)
    assert code == 250
    return log_id(text)


def test_a_device_and_everybody_else(submission: tuple[Server, int]) -> None:
    server, devices = submission
    with TlsClient(NAME, devices, "scanner.example.org", timeout=PATIENCE, context=trusting()) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail("scanner@example.org", ["support@example.org"], MAIL % 0)
        assert refused.value.smtp_code == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("scanner", "wrong")
        client.login("scanner", "hunter2")
        row = server.json("log", "show", send(client, 1))
        assert row["tls"].startswith("TLSv1.3 TLS_")
        assert any(finding["check"] == "login" for finding in row["trace"])
    issue(server.folder)  # the server looks again at its next handshake
    with Client(NAME, server.port, "client.example", timeout=PATIENCE) as client:
        client.starttls(context=trusting())
        client.ehlo()
        assert not client.has_extn("auth")
        assert server.json("log", "show", send(client, 2))["tls"].startswith("TLSv1.3 TLS_")
    with Client(NAME, server.port, "client.example", timeout=PATIENCE) as client:
        client.ehlo()
        assert server.json("log", "show", send(client, 3))["tls"] is None
    assert "hunter2" not in server.journal.read_text()
