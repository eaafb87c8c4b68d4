"""Which addresses are one peer."""

from ipaddress import ip_network

import pytest

from smtpintake.intake.peers import network, within


@pytest.mark.parametrize(
    ("ip", "one", "wide"),
    [
        ("192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:0:1:ffff::2", "2001:db8:0:1::/64", "2001:db8:0:1::/64"),
        ("", "", ""),
        ("unknown", "unknown", "unknown"),
    ],
)
def test_the_network_that_counts_as_one_peer(ip: str, one: str, wide: str) -> None:
    assert network(ip) == one
    assert network(ip, ipv4=24) == wide


@pytest.mark.parametrize(
    ("ip", "inside"),
    [
        ("127.0.0.9", True),
        ("::ffff:127.0.0.9", True),
        ("2001:db8::9", True),
        ("::1", False),
        ("192.0.2.1", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_networks_that_the_admin_names(ip: str, inside: bool) -> None:
    assert within(ip, (ip_network("127.0.0.0/8"), ip_network("2001:db8::/32"))) is inside
    assert not within(ip, ())
