"""Block lists, asked of a real DNS server."""

from ipaddress import IPv4Network

import pytest
from structlog.testing import capture_logs

from smtpintake.mail.envelope import Listing
from smtpintake.net.dnsbl import Dnsbl, Listed, reversed_label
from smtpintake.net.resolver import Resolver
from smtpintake.net.zone import Action, Zone
from tests.dns import DROP, SERVFAIL, Server, dns_server

CLIENT = "198.41.0.4"
LABEL = "4.0.41.198"


@pytest.mark.parametrize(
    ("ip", "label"),
    [
        (CLIENT, LABEL),
        (f"::ffff:{CLIENT}", LABEL),
        ("2001:503:ba3e::2:30", "0.3.0.0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.e.3.a.b.3.0.5.0.1.0.0.2"),
        ("127.0.0.1", None),
        ("10.1.2.3", None),
        ("192.168.1.1", None),
        ("169.254.1.1", None),
        ("100.64.0.1", None),
        ("192.0.2.1", None),
        ("::1", None),
        ("fe80::1", None),
        ("fd00::1", None),
        ("", None),
        ("unknown", None),
    ],
)
def test_what_is_asked_about(ip: str, label: str | None) -> None:
    assert reversed_label(ip) == label


def resolver(dns: Server) -> Resolver:
    return Resolver([dns.address], query_timeout=0.2, total_timeout=0.5)


@pytest.mark.parametrize(
    ("answer", "codes", "listed"),
    [
        ("127.0.0.2", (), ("127.0.0.2",)),
        (("127.0.0.2", "127.0.0.10"), (), ("127.0.0.2", "127.0.0.10")),
        (("127.0.0.2", "127.0.0.10"), ("127.0.0.8/29",), ("127.0.0.10",)),
        ("127.0.0.4", ("127.0.0.2/31",), ()),
        ("127.0.0.3", ("127.0.0.9/32", "127.0.0.2/31"), ("127.0.0.3",)),
        ("192.0.2.7", (), ()),  # a parked domain
        ("127.255.255.254", (), ()),  # "you ask through a public resolver"
        (("127.255.255.254", "127.0.0.2"), (), ("127.0.0.2",)),
    ],
)
async def test_answers(answer: str | tuple[str, ...], codes: tuple[str, ...], listed: tuple[str, ...]) -> None:
    zone = Zone("list.example", tuple(map(IPv4Network, codes)), Action.DEFER)
    with dns_server({f"{LABEL}.list.example": {"A": answer}}) as dns:
        async with resolver(dns) as asked:
            found = await Dnsbl(asked, [zone]).ask(CLIENT)
    assert found == ((Listed(Action.DEFER, Listing("list.example", listed)),) if listed else ())


async def test_all_lists_at_once_and_trouble_lists_nobody() -> None:
    zones = [Zone(name) for name in ("a.example", "broken.example", "silent.example", "none.example", "b.example")]
    zone = {
        f"{LABEL}.a.example": {"A": "127.0.0.2"},
        f"{LABEL}.broken.example": SERVFAIL,
        f"{LABEL}.silent.example": DROP,
        f"{LABEL}.b.example": {"A": "127.0.0.3", "TXT": "see https://b.example/?198.41.0.4"},
    }
    with dns_server(zone) as dns:
        async with resolver(dns) as asked:
            found = await Dnsbl(asked, zones).ask(CLIENT)
        assert {rdtype for _, rdtype in dns.queries} == {"A"}
    assert [listed.listing.zone for listed in found] == ["a.example", "b.example"]


async def test_nobody_is_asked_about_private_peers() -> None:
    with dns_server({}) as dns:
        async with resolver(dns) as asked:
            assert await Dnsbl(asked, [Zone("list.example")]).ask("10.1.2.3") == ()
        assert not dns.queries


async def test_a_list_that_declines_is_told_once() -> None:
    zone = {f"{number}.0.41.198.list.example": {"A": "127.255.255.254"} for number in (4, 5)}
    with dns_server(zone) as dns, capture_logs() as journal:
        async with resolver(dns) as asked:
            dnsbl = Dnsbl(asked, [Zone("list.example")])
            assert await dnsbl.ask("198.41.0.4") == await dnsbl.ask("198.41.0.5") == ()
    assert [line["zone"] for line in journal if "declines" in line["event"]] == ["list.example"]
