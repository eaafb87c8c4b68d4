"""DNS messages: what dnslib writes is read as dnslib means it, and octets of any kind are read or refused."""

import struct

import pytest
from dnslib import AAAA, CNAME, MX, NS, PTR, QTYPE, RR, SOA, TXT, A, DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.auth.answers import Found
from smtpintake.net import dnswire
from smtpintake.net.dnsreply import read
from smtpintake.net.dnswire import MAX_ANSWERS, Query, RdType, WireError, parse

LABEL = st.from_regex(r"[a-z0-9_]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)
RECORD = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just("PTR"), NAME),
    st.tuples(st.just("NS"), NAME),
    st.tuples(st.just("MX"), st.builds("{} {}".format, st.integers(0, 65535), NAME)),
    st.tuples(st.just("TXT"), st.text(st.characters(max_codepoint=255), max_size=700)),
)


def rdata(rdtype: str, text: str) -> object:
    octets = text.encode("latin-1")
    match rdtype:
        case "MX":
            preference, exchange = text.split()
            return MX(exchange, int(preference))
        case "TXT":
            return TXT([octets[i : i + 255] for i in range(0, len(octets), 255)] or [b""])
        case _:
            return {"A": A, "AAAA": AAAA, "PTR": PTR, "NS": NS}[rdtype](text)


def reply_to(query: Query, *records: tuple[str, str, int], rcode: int = 0, soa: int | None = None) -> bytes:
    """dnslib's reply: `records` are type, text, TTL, all of the name that was asked for."""
    reply = DNSRecord.parse(query.octets).reply()
    for rdtype, text, ttl in records:
        reply.add_answer(RR(reply.q.qname, getattr(QTYPE, rdtype), ttl=ttl, rdata=rdata(rdtype, text)))
    if soa is not None:
        reply.add_auth(RR("org", QTYPE.SOA, ttl=900, rdata=SOA("ns.org", "root.org", (1, 2, 3, 4, soa))))
    reply.header.rcode = rcode
    return bytes(reply.pack())


def query(name: str = "example.org", rdtype: RdType = RdType.TXT) -> Query:
    wire = dnswire.name(name)
    assert wire
    return Query(wire, rdtype, 4711)


@settings(deadline=None)
@given(NAME, st.lists(RECORD, max_size=8), st.integers(0, (1 << 31) - 1))
def test_what_dnslib_writes_is_read(name: str, records: list[tuple[str, str]], ttl: int) -> None:
    asked = query(name)
    message = parse(reply_to(asked, *((rdtype, text, ttl) for rdtype, text in records)))
    assert asked.is_answered_by(message)
    assert [(RdType(record.rdtype).name, record.data) for record in message.records] == records
    assert {record.owner for record in message.records} <= {asked.name}
    assert {record.ttl for record in message.records} <= {ttl}


@settings(deadline=None)
@given(NAME, st.sampled_from(RdType))
def test_what_is_asked_is_what_dnslib_reads(name: str, rdtype: RdType) -> None:
    asked = query(name, rdtype)
    record = DNSRecord.parse(asked.octets)
    assert (str(record.q.qname), QTYPE[record.q.qtype], record.header.id) == (f"{name}.", rdtype.name, asked.ident)
    assert record.header.rd
    assert record.ar[0].edns_len == 1232


@settings(deadline=None)
@given(st.data())
def test_any_octets_are_read_or_refused(data: st.DataObject) -> None:
    good = reply_to(query(), ("TXT", "x" * 300, 5), ("MX", "10 mx.example.org", 5), ("A", "192.0.2.1", 5), soa=60)
    octets = bytearray(good[: data.draw(st.integers(0, len(good)))])
    for at in data.draw(st.lists(st.integers(0, max(len(octets) - 1, 0)), max_size=6)) if octets else ():
        octets[at] = data.draw(st.integers(0, 255))
    try:
        message = parse(bytes(octets))
    except WireError:
        return
    for rdtype in RdType:
        read("example.org", rdtype, message)


@pytest.mark.parametrize("octets", [b"", b"\0" * 12, b"\xff" * 600], ids=["empty", "zeros", "ones"])
def test_what_is_no_reply_is_refused(octets: bytes) -> None:
    with pytest.raises(WireError):
        parse(octets)


@pytest.mark.parametrize(
    "owner",
    [b"\xc0\x1d", b"\xc0\x21", b"\x01a\xc0\x1d", b"\xff\xff", b"\x80abc\0", (b"\x3f" + b"a" * 63) * 4 + b"\0"],
    ids=["itself", "forwards", "a loop", "far away", "no such label", "too long"],
)
def test_a_name_that_has_no_end_is_refused(owner: bytes) -> None:
    asked = query()
    header = struct.pack("!6H", asked.ident, 0x8180, 1, 1, 0, 0)
    octets = header + asked.name + struct.pack("!2H", 16, 1)
    assert len(octets) == 0x1D
    with pytest.raises(WireError):
        parse(octets + owner + struct.pack("!2HIH", 16, 1, 5, 1) + b"\0")


def test_a_thousand_pointers_into_one_long_name_are_read_once() -> None:
    asked = query()
    header = struct.pack("!6H", asked.ident, 0x8180, 1, 65535, 0, 0)
    long = b"\x01a" * 126 + b"\0"
    octets = header + asked.name + struct.pack("!2H", 16, 1) + long + struct.pack("!2HIH", 99, 1, 5, 0)
    octets += (b"\xc0\x1d" + struct.pack("!2HIH", 12, 1, 5, 2) + b"\xc0\x1d") * 4000
    message = parse(octets)
    assert message.is_cut
    assert len(message.records) == MAX_ANSWERS - 1
    answer = read("example.org", RdType.TXT, message).answer
    assert (answer.found, answer.records, answer.detail) == (Found.RECORDS, (), "more than 256 records")


def test_a_reply_to_something_else_is_none_of_ours() -> None:
    asked = query()
    for other in (query("example.com"), query(rdtype=RdType.A)):
        message = parse(reply_to(Query(other.name, other.rdtype, asked.ident)))
        assert not asked.is_answered_by(message)
    assert not asked.is_answered_by(parse(reply_to(Query(asked.name, asked.rdtype, asked.ident ^ 1))))


def test_records_of_other_names_are_no_answer() -> None:
    reply = DNSRecord.parse(query().octets).reply()
    reply.add_answer(RR("evil.example", QTYPE.TXT, ttl=5, rdata=TXT("v=spf1 +all")))
    answer = read("example.org", RdType.TXT, parse(bytes(reply.pack()))).answer
    assert (answer.found, answer.records) == (Found.NODATA, ())


def test_aliases_are_followed_inside_a_reply_and_out_of_it() -> None:
    reply = DNSRecord.parse(query("WWW.example.org").octets).reply()
    reply.add_answer(RR("www.Example.org", QTYPE.CNAME, ttl=50, rdata=CNAME("a.example")))
    reply.add_answer(RR("a.example", QTYPE.CNAME, ttl=40, rdata=CNAME("b.example")))
    followed = read("www.example.org", RdType.TXT, parse(bytes(reply.pack())))
    assert (followed.alias, followed.answer.found) == (dnswire.name("b.example"), Found.NODATA)
    reply.add_answer(RR("b.example", QTYPE.TXT, ttl=60, rdata=TXT("here")))
    followed = read("www.example.org", RdType.TXT, parse(bytes(reply.pack())))
    assert (followed.alias, followed.answer.records, followed.ttl) == (None, ("here",), 40)


@pytest.mark.parametrize(("soa", "ttl"), [(60, 60), (5000, 900), (None, 5)])
def test_nothing_lives_as_long_as_its_soa_says(soa: int | None, ttl: int) -> None:
    for rcode, found in ((3, Found.NXDOMAIN), (0, Found.NODATA)):
        reply = read("example.org", RdType.TXT, parse(reply_to(query(), rcode=rcode, soa=soa)))
        assert (reply.answer.found, reply.ttl) == (found, ttl)


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("", b"\0"),
        ("A.b", b"\1a\1b\0"),
        ("a..b", None),
        (".a", None),
        ("x" * 63, b"\x3f" + b"x" * 63 + b"\0"),
        ("x" * 64, None),
        (".".join(["x" * 49] * 5), (b"\x31" + b"x" * 49) * 5 + b"\0"),
        (".".join(["x" * 50] * 5), None),
    ],
)
def test_the_wire_form_of_a_name(text: str, wire: bytes | None) -> None:
    assert dnswire.name(text) == wire


def test_odd_octets_of_a_name_are_told_from_dots() -> None:
    assert dnswire.text(b"\4a.b\\\2\0\xff\3org\0") == "a\\046b\\092.\\000\\255.org"
    assert dnswire.text(b"\0") == "."
