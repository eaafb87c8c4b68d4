"""Which relay is trusted for a peer, and what PROXY headers and XCLIENT attributes say: tables, no sockets."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.intake.proxyheader import MAX_HEADER, ProxyHeader, ProxyHeaderError, read_header
from smtpintake.intake.relay import NO_RELAYS, TrustedRelays
from smtpintake.intake.xclient import XCLIENT, XFORWARD, AttributeSyntaxError, Told
from smtpintake.mail.envelope import Peer, ToldBy

RELAYS = TrustedRelays.of(
    (ipaddress.ip_network(network), told)
    for network, told in (
        ("10.0.0.0/8", ToldBy.RECEIVED),
        ("10.1.0.0/16", ToldBy.NOBODY),
        ("10.1.2.3/32", ToldBy.PROXY),
        ("2001:db8::/32", ToldBy.XCLIENT),
    )
)


@pytest.mark.parametrize(
    ("ip", "told"),
    [
        ("10.1.2.3", ToldBy.PROXY),
        ("10.1.2.4", ToldBy.NOBODY),
        ("10.2.2.3", ToldBy.RECEIVED),
        ("11.1.2.3", None),
        ("2001:db8:1::1", ToldBy.XCLIENT),
        ("2001:db9::1", None),
        ("", None),  # it had gone before we could ask who it is
    ],
)
def test_the_longest_prefix_decides(ip: str, told: ToldBy | None) -> None:
    assert RELAYS.told_by(ip) is told
    assert NO_RELAYS.told_by(ip) is None


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes((192, 0, 2, 1, 198, 51, 100, 2)) + (51234).to_bytes(2, "big") + (25).to_bytes(2, "big")
V6 = ipaddress.ip_address("2001:db8::1").packed + ipaddress.ip_address("2001:db8::2").packed + b"\xc8\x22\0\x19"
MAPPED = ipaddress.ip_address("::ffff:192.0.2.1").packed * 2 + b"\xc8\x22\0\x19"
TLV = b"\x04\0\x03abc"


def binary(version_command: int, family: int, block: bytes = b"") -> bytes:
    return SIGNATURE + bytes((version_command, family)) + len(block).to_bytes(2, "big") + block


HEADERS = [
    (b"PROXY TCP4 192.0.2.1 198.51.100.2 51234 25\r\n", Peer("192.0.2.1", 51234)),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Peer("255.255.255.255", 65535)),
    (b"PROXY TCP6 2001:DB8:0::1 2001:db8::2 0 25\r\n", Peer("2001:db8::1", 0)),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 51234 25\r\n", Peer("192.0.2.1", 51234)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN whatever the sender likes\r\n", None),
    (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", None),
    (binary(0x21, 0x11, V4), Peer("192.0.2.1", 51234)),
    (binary(0x21, 0x21, V6), Peer("2001:db8::1", 51234)),
    (binary(0x21, 0x21, MAPPED), Peer("192.0.2.1", 51234)),
    (binary(0x21, 0x11, V4 + TLV * 80), Peer("192.0.2.1", 51234)),
    (binary(0x21, 0x11, V4 + bytes(MAX_HEADER - 16 - len(V4))), Peer("192.0.2.1", 51234)),
    (binary(0x20, 0x00), None),  # LOCAL
    (binary(0x20, 0x11, V4), None),
    (binary(0x21, 0x00, TLV), None),  # UNSPEC
    (binary(0x21, 0x12, V4), None),  # a datagram
    (binary(0x21, 0x31, bytes(216)), None),  # a UNIX socket
]


@pytest.mark.parametrize(("octets", "client"), HEADERS)
def test_a_proxy_header_is_read_to_its_end_and_no_further(octets: bytes, client: Peer | None) -> None:
    assert read_header(octets) == read_header(octets + b"EHLO x\r\n") == ProxyHeader(len(octets), client)
    for length in range(len(octets)):
        assert read_header(octets[:length]) is None


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO client.example\r\n",
        b"\r\nEHLO",
        b"\x16\x03\x01",  # TLS
        b"proxy TCP4 192.0.2.1 198.51.100.2 51234 25\r\n",
        b"PROXY\r\n",
        b"PROXY \r\n",
        b"PROXY TCP4\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 51234\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 51234 25 \r\n",
        b"PROXY TCP4  192.0.2.1 198.51.100.2 51234 25\r\n",
        b"PROXY TCP4 192.0.2.01 198.51.100.2 51234 25\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.2 51234 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 051234 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 +1 25\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 51234 25\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.2 51234 25\r\n",
        b"PROXY TCP6 2001:db8::1%eth0 2001:db8::2 51234 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 51234 25\n\r\n",
        b"PROXY UDP4 192.0.2.1 198.51.100.2 51234 25\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n",
        b"PROXY TCP4 " + b"1" * 1000,
        binary(0x11, 0x11, V4),  # another version
        binary(0x22, 0x11, V4),  # another command
        binary(0x21, 0x41, V4),
        binary(0x21, 0x13, V4),
        binary(0x21, 0x11, V4[:-1]),
        binary(0x21, 0x21, V4),
        binary(0x21, 0x11, V4 + bytes(MAX_HEADER)),
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_no_proxy_header_is_said_at_once(octets: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        read_header(octets)


@given(st.binary(max_size=300), st.sampled_from((b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11")))
def test_octets_give_a_header_or_a_fault_or_need_more(octets: bytes, start: bytes) -> None:
    try:
        header = read_header(start + octets)
    except ProxyHeaderError:
        return
    assert header is None or header.length <= len(start + octets)


TOLD = [
    ("ADDR=192.0.2.1", Told("192.0.2.1")),
    ("addr=192.0.2.1 PORT=51234 Helo=box.example proto=smtp", Told("192.0.2.1", 51234, "box.example", extended=False)),
    ("NAME=mail.example ADDR=IPV6:2001:DB8::1 PROTO=ESMTP", Told("2001:db8::1")),
    ("ADDR=ipv6:::ffff:192.0.2.1", Told("192.0.2.1")),
    ("NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] HELO=[tempunavail] PORT=[UNAVAILABLE] PROTO=[UNAVAILABLE]", Told()),
    ("HELO=[192.0.2.1]", Told(hello="[192.0.2.1]")),
    ("HELO=a+2Bb+3Dc+20d", Told(hello="a+b=c d")),
    ("HELO=", Told()),
    ("ADDR=192.0.2.1 ADDR=192.0.2.2", Told("192.0.2.2")),
    ("LOGIN=cara DESTADDR=198.51.100.2 DESTPORT=25", Told()),
]


@pytest.mark.parametrize(("argument", "told"), TOLD)
def test_attributes_tell_of_the_client(argument: str, told: Told) -> None:
    assert Told().and_then(argument, XCLIENT) == told


def test_commands_add_up_and_take_back() -> None:
    first = Told().and_then("NAME=mail.example ADDR=192.0.2.1 PORT=5", XFORWARD)
    second = first.and_then("PROTO=SMTP HELO=box IDENT=4XyZ SOURCE=REMOTE", XFORWARD)
    assert second == Told("192.0.2.1", 5, "box", extended=False)
    assert second.and_then("ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE]", XFORWARD) == Told(None, 5, None, extended=False)


@pytest.mark.parametrize(
    "argument",
    [
        None,
        "ADDR",
        "=192.0.2.1",
        "ADDR=",
        "ADDR=[192.0.2.1]",
        "ADDR=mail.example",
        "ADDR=2001:db8::1",
        "ADDR=IPV6:192.0.2.1",
        "ADDR=192.0.2.1/24",
        "PORT=-1",
        "PORT=65536",
        "PORT=٣",
        "HELO=a+0D+0Ab",
        "HELO=a+00",
        "HELO=a+zz",
        "HELO=a+2b",  # RFC 3461 s4: upper case
        "HELO=a+",
        "HELO=b\xfcro",
        "HELO=a+FC",
        "HELO=" + "x" * 256,
        "IDENT=4XyZ",
        "ADDR=192.0.2.1 HELLO=x",
    ],
)
def test_attributes_are_read_strictly(argument: str | None) -> None:
    with pytest.raises(AttributeSyntaxError):
        Told().and_then(argument, XCLIENT)


@given(st.text(st.characters(codec="utf-8"), max_size=100), st.sampled_from(("", "ADDR=", "HELO=", "PORT=")))
def test_an_argument_tells_or_is_a_fault(text: str, start: str) -> None:
    try:
        told = Told().and_then(start + text, XFORWARD)
    except AttributeSyntaxError:
        return
    assert told.hello is None or told.hello.isprintable()
