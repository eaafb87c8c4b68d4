"""The client behind a relay, with real relays in front: swaks, Postfix, HAProxy. The log shows who really sent it."""

import smtplib
from collections.abc import Iterator
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.certificates import issue, trusting
from tests.dns import dns_server
from tests.haproxy import SOURCE, HAProxy, proxying
from tests.journey.test_first_hour import mail
from tests.journey.test_relay import logged
from tests.postfix import BOUND, SENDER, Postfix, relaying, swaks
from tests.server import PATIENCE, Server, free_port

TO = "support@example.org"
SILENT = "127.0.0.7"
TOLD_BY = {SOURCE: "proxy", BOUND: "received", "127.0.0.1": "xclient"}
# Who may send as SENDER. No relay of these tests may.
SPF = "v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/64 ip4:127.0.0.2 -all"
# Postfix and swaks speak to us from 127.0.0.1.
SETTINGS = """\
[dns]
nameservers = ["{nameserver}"]

[smtp]
tls_certificate = "{certificate}"
tls_key = "{key}"
listen = [
    {{ address = "127.0.0.1:{port}" }},
    {{ address = "127.0.0.1:{implicit_tls}", tls = "implicit" }},
]

[lmtp]
listen = ["127.0.0.1:{lmtp}"]

[[smtp.trusted_relays]]
networks = ["127.0.0.1"]
client = "xclient"

[[smtp.trusted_relays]]
networks = ["{haproxy}"]
client = "proxy"

[[smtp.trusted_relays]]
networks = ["{bound}"]
client = "received"

[[smtp.trusted_relays]]
networks = ["{silent}"]
client = "none"
"""


class TrustingServer(Server):
    """Believes relays, has a port where TLS comes first, and one for LMTP."""

    def __init__(self, folder: Path, nameserver: str) -> None:
        super().__init__(folder, {"SMTPINTAKE_CONFIG": f"{folder}/settings.toml"})
        for key in "SMTPINTAKE_SMTP__LISTEN", "SMTPINTAKE_AUTHENTICATION__VERIFY":
            del self.environment[key]  # it would win
        self.implicit_tls, self.lmtp = free_port(), free_port()
        certificate, key = issue(folder)
        names = {"haproxy": SOURCE, "bound": BOUND, "silent": SILENT, "nameserver": nameserver}
        ports = {"port": self.port, "implicit_tls": self.implicit_tls, "lmtp": self.lmtp}
        text = SETTINGS.format(certificate=certificate, key=key, **names, **ports)
        (folder / "settings.toml").write_text(text)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustingServer]:
    with dns_server({"customer.example": {"TXT": SPF}}) as dns:
        server = TrustingServer(tmp_path_factory.mktemp("trusting"), dns.address)
        server.prepare()
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def postfix(server: TrustingServer) -> Iterator[Postfix]:
    with relaying(server.port, server.lmtp) as postfix:
        yield postfix


@pytest.fixture(scope="module")
def haproxy(server: TrustingServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HAProxy]:
    with proxying(tmp_path_factory.mktemp("haproxy"), server.port, server.implicit_tls) as haproxy:
        yield haproxy


def client_of(server: Server, subject: str, spf: str = "pass") -> tuple[str | None, str | None]:
    """Address and name of the client of the only mail with that subject, as a relay told; SPF judged that address."""
    ((row,),) = logged(server, subject)
    assert (row["outcome"], row["spf"]) == ("created", spf)
    relay = row["relay"]
    assert relay["told_by"] == TOLD_BY[relay["ip"]]
    return row["peer_ip"], row["helo"]


def test_swaks_says_xclient(server: Server) -> None:
    xclient = "--xclient-addr", "192.0.2.7", "--xclient-helo", "box.customer.example", "--xclient-proto", "ESMTP"
    assert "created; log " in swaks(server.port, TO, "XCLIENT", *xclient)
    assert client_of(server, "XCLIENT") == ("192.0.2.7", "box.customer.example")
    # In two commands, the address one of IPv6; then the session goes on as before.
    xclient = "--xclient-name", "mx.customer.example", "--xclient-delim", "--xclient-addr", "IPV6:2001:db8::7"
    assert "created; log " in swaks(server.port, TO, "XCLIENT twice", "--helo", "client.example", *xclient)
    assert client_of(server, "XCLIENT twice") == ("2001:db8::7", "client.example")
    stranger = swaks(server.port, TO, "No XCLIENT", "--local-interface", "127.0.0.2", *xclient)
    assert "did not advertise XCLIENT" in stranger
    assert logged(server, "No XCLIENT") == [[]]


def test_postfix_forwards_its_client(server: Server, postfix: Postfix) -> None:
    for number in (1, 2):  # Postfix may send the second over the first one's connection
        told = swaks(
            *(postfix.port, TO, f"Forwarded {number}"),
            *("--xclient-addr", f"192.0.2.{number}", "--xclient-helo", f"box{number}.customer.example"),
            *("--helo", f"box{number}.customer.example"),
        )
        assert "250 2.0.0 Ok: queued" in told
    told = swaks(postfix.port, TO, "Not forged", "--local-interface", "127.0.0.3", "--helo", "[203.0.113.9]")
    assert "250 2.0.0 Ok: queued" in told
    postfix.until_empty()
    assert client_of(server, "Forwarded 1") == ("192.0.2.1", "box1.customer.example")
    assert client_of(server, "Forwarded 2") == ("192.0.2.2", "box2.customer.example")
    assert client_of(server, "Not forged", "fail") == ("127.0.0.3", "[203.0.113.9]")


def test_postfix_forwards_its_client_by_lmtp(server: Server, postfix: Postfix) -> None:
    client = "--xclient-addr", "192.0.2.4", "--helo", "box4.customer.example"
    assert "250 2.0.0 Ok: queued" in swaks(postfix.port, "support+lmtp@example.org", "By LMTP", *client)
    postfix.until_empty()
    assert client_of(server, "By LMTP") == ("192.0.2.4", "box4.customer.example")


def test_postfix_tells_of_its_client_in_its_received_field(server: Server, postfix: Postfix) -> None:
    to = "support+received@example.org"
    client = "--xclient-addr", "192.0.2.5", "--helo", "[203.0.113.9]"
    forged = "--header", "Received: from x (y [198.51.100.1]) by relay.example (Postfix) with ESMTP id 1; now"
    assert "250 2.0.0 Ok: queued" in swaks(postfix.port, to, "In Received", *client, *forged)
    assert "250 2.0.0 Ok: queued" in swaks(postfix.port, to, "From within", *forged)
    postfix.until_empty()
    assert client_of(server, "In Received") == ("192.0.2.5", "[203.0.113.9]")
    ((within,),) = logged(server, "From within")  # an address that is not on the internet
    assert within["relay"] == {"ip": BOUND, "told_by": "none"}
    assert (within["peer_ip"], within["spf"]) == (BOUND, "none")


def test_a_relay_that_does_not_tell(server: Server) -> None:
    assert "created; log " in swaks(server.port, TO, "Not told", "--local-interface", SILENT)
    ((row,),) = logged(server, "Not told")
    assert row["relay"] == {"ip": SILENT, "told_by": "none"}
    assert (row["peer_ip"], row["spf"]) == (SILENT, "none")


def test_postfix_passes_our_verdict_on_while_its_client_waits(server: Server, postfix: Postfix) -> None:
    client = "--xclient-addr", "192.0.2.3", "--helo", "box3.customer.example"
    told = swaks(postfix.through, TO, "Through Postfix", *client)
    assert "<-  250 2.0.0 SUP-" in told
    assert client_of(server, "Through Postfix") == ("192.0.2.3", "box3.customer.example")
    assert "<** 550 5.7.1 sender.unknown: " in swaks(postfix.through, "partners@example.org", "A stranger", *client)
    assert "<** 550 5.1.1 rcpt.unknown: " in swaks(postfix.through, "nobody@example.org", "Nobody", *client)


@pytest.mark.parametrize("version", ["version_1", "version_2"])
def test_haproxy_passes_its_client_on(server: Server, haproxy: HAProxy, version: str) -> None:
    client = "--local-interface", "127.0.0.2", "--helo", "client.example"
    assert "created; log " in swaks(getattr(haproxy, version), TO, version, *client)
    assert client_of(server, version) == ("127.0.0.2", "client.example")


@pytest.mark.parametrize(
    ("family", "source", "destination"),
    [("TCP4", "192.0.2.7", "192.0.2.25"), ("TCP6", "2001:db8::7", "2001:db8::25")],
)
def test_haproxy_behind_another_proxy(
    server: Server, haproxy: HAProxy, family: str, source: str, destination: str
) -> None:
    header = f"{family} {source} {destination} 51234 25"
    told = swaks(haproxy.second, TO, f"Behind two, {family}", "--helo", "client.example", "--proxy", header)
    assert "created; log " in told
    assert client_of(server, f"Behind two, {family}") == (source, "client.example")


def test_tls_ends_at_us_and_not_at_haproxy(server: Server, haproxy: HAProxy) -> None:
    source = "127.0.0.2", 0
    context = trusting()
    context.check_hostname = False
    with smtplib.SMTP("127.0.0.1", haproxy.version_2, "client.example", PATIENCE, source) as client:
        client.starttls(context=context)
        client.sendmail(SENDER, [TO], mail(TO, "STARTTLS").as_bytes(policy=SMTP))
    address = "127.0.0.1", haproxy.implicit_tls, "client.example"
    with smtplib.SMTP_SSL(*address, timeout=PATIENCE, source_address=source, context=context) as client:
        client.sendmail(SENDER, [TO], mail(TO, "Implicit TLS").as_bytes(policy=SMTP))
    for subject in ("STARTTLS", "Implicit TLS"):
        assert client_of(server, subject) == ("127.0.0.2", "client.example")
        ((row,),) = logged(server, subject)
        assert (row["tls"] or "").startswith("TLSv1.3 ")


def test_haproxy_finds_us_healthy_and_says_no_more_about_it(server: Server, haproxy: HAProxy) -> None:
    haproxy.until_healthy()
    assert "connect.proxy" not in server.journal.read_text()
