"""The resolver, against a real server over UDP and TCP: what it answers, what it asks, and when it stops asking."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from smtpintake.auth.answers import Answer, Found
from smtpintake.net import nameserver
from smtpintake.net.nameserver import Nameserver, system_nameservers
from smtpintake.net.resolver import Resolver
from tests.dns import DROP, REFUSED, SERVFAIL, Server, dns_server

ZONE = {
    "example.org": {
        "TXT": ["v=spf1 mx -all", 'quo"ted \\ back'],
        "MX": ["10 MX.example.org.", "20 mx2.example.org"],
        "A": ["192.0.2.1", "192.0.2.2"],
        "AAAA": "2001:db8::1",
    },
    "1.2.0.192.in-addr.arpa": {"PTR": "Host.example.org"},
    "raw.example.org": {"TXT": "caf\xe9 " + "x" * 600},
    "alias.example.org": {"CNAME": "alias2.example.org"},
    "alias2.example.org": {"CNAME": "example.org"},
    "dangling.example.org": {"CNAME": "nowhere.example.com"},
    "loop.example.org": {"CNAME": "loop2.example.org"},
    "loop2.example.org": {"CNAME": "loop.example.org"},
    "broken.example.org": SERVFAIL,
    "refused.example.org": REFUSED,
    "dead.example.org": DROP,
    "long.example.org": {"TXT": ["y" * 3000, "second"]},
    "longer.example.org": {"TXT": ["z" * 4097, "v=spf1 -all"]},
    "longest.example.org": {"TXT": [f"{number:03}" + "z" * 3990 for number in range(9)]},
}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def dns() -> Iterator[Server]:
    with dns_server(ZONE) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def resolver(dns: Server, clock: Clock) -> AsyncIterator[Resolver]:
    async with Resolver([dns.address], clock=clock) as resolver:
        yield resolver


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("name", "rdtype", "found", "records"),
    [
        ("example.org", "TXT", Found.RECORDS, ("v=spf1 mx -all", 'quo"ted \\ back')),
        ("example.org", "MX", Found.RECORDS, ("10 mx.example.org", "20 mx2.example.org")),
        ("example.org", "A", Found.RECORDS, ("192.0.2.1", "192.0.2.2")),
        ("example.org", "AAAA", Found.RECORDS, ("2001:db8::1",)),
        ("1.2.0.192.in-addr.arpa", "PTR", Found.RECORDS, ("host.example.org",)),
        ("raw.example.org", "TXT", Found.RECORDS, ("caf\xe9 " + "x" * 600,)),
        ("raw.example.org", "A", Found.NODATA, ()),
        ("in-addr.arpa", "TXT", Found.NODATA, ()),
        ("nobody.example.org", "TXT", Found.NXDOMAIN, ()),
        ("alias.example.org", "AAAA", Found.RECORDS, ("2001:db8::1",)),
        ("dangling.example.org", "TXT", Found.NXDOMAIN, ()),
        ("dead.example.org.", "TXT", Found.TROUBLE, ()),
        ("a..example.org", "TXT", Found.NXDOMAIN, ()),
        ("x" * 64 + ".example.org", "TXT", Found.NXDOMAIN, ()),
        (".".join(["x" * 60] * 5), "TXT", Found.NXDOMAIN, ()),
    ],
)
async def test_what_dns_says(dns: Server, name: str, rdtype: str, found: Found, records: tuple[str, ...]) -> None:
    async with Resolver([dns.address], query_timeout=0.2) as resolver:
        answer = await resolver.resolve(name, rdtype)
        assert (answer.name, answer.rdtype) == (name.removesuffix("."), rdtype)
        assert (answer.found, answer.records) == (found, records)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("broken.example.org", "SERVFAIL"),
        ("refused.example.org", "REFUSED"),
        ("loop.example.org", "more than 8 aliases"),
        ("dead.example.org", "no answer"),
    ],
)
async def test_trouble_is_an_answer_and_says_why(dns: Server, name: str, detail: str) -> None:
    async with Resolver([dns.address], query_timeout=0.1) as resolver:
        answer = await resolver.resolve(name, "TXT")
        assert answer.found is Found.TROUBLE
        assert answer.detail.endswith(detail)


async def test_names_are_asked_octet_by_octet(dns: Server, resolver: Resolver) -> None:
    dns.zone['a b\\032"@c._spf.example.org'] = {"A": "127.0.0.2"}
    assert (await resolver.resolve('a b\\032"@C._spf.example.org', "A")).records == ("127.0.0.2",)


async def test_what_is_truncated_comes_over_tcp(dns: Server, resolver: Resolver) -> None:
    assert (await resolver.resolve("long.example.org", "TXT")).records == ("y" * 3000, "second")
    assert dns.over_tcp == [("long.example.org", "TXT")]


async def test_records_that_are_too_long_are_cut_out_and_are_no_trouble(resolver: Resolver) -> None:
    answer = await resolver.resolve("longer.example.org", "TXT")
    assert (answer.found, answer.records) == (Found.RECORDS, ("v=spf1 -all",))
    assert answer.detail == "a record exceeds 4096"
    answer = await resolver.resolve("longest.example.org", "TXT")
    assert (answer.found, answer.records) == (Found.RECORDS, ())
    assert answer.detail == "35937 characters of records are more than 32768"


async def test_aliases_are_followed_where_the_server_does_not(resolver: Resolver, dns: Server) -> None:
    for number in range(20):
        dns.zone[f"a{number}.example"] = {"CNAME": f"a{number + 1}.example"}
    dns.chases = False
    dns.zone["a7.example"] = {"TXT": "the end"}
    assert (await resolver.resolve("a0.example", "TXT")).records == ("the end",)
    assert (await resolver.resolve("a8.example", "TXT")).detail == "more than 8 aliases"


async def test_an_answer_lives_as_long_as_its_ttl(dns: Server, resolver: Resolver, clock: Clock) -> None:
    assert not (await resolver.resolve("example.org", "TXT")).cached
    clock.now += 299
    assert (await resolver.resolve("EXAMPLE.org.", "TXT")).cached
    clock.now += 2
    assert not (await resolver.resolve("example.org", "TXT")).cached
    assert dns.count("example.org") == 2


@pytest.mark.parametrize("name", ["nobody.example.org", "raw.example.org"])
async def test_a_negative_answer_lives_as_long_as_the_soa_says(
    dns: Server, resolver: Resolver, clock: Clock, name: str
) -> None:
    dns.negative_ttl = 60
    await resolver.resolve(name, "A")
    clock.now += 59
    assert (await resolver.resolve(name, "A")).cached
    clock.now += 2
    assert not (await resolver.resolve(name, "A")).cached


@pytest.mark.parametrize(("ttl", "kept", "gone"), [(0, 1.9, 2.1), ((1 << 31) - 1, 86_399, 86_401)])
async def test_a_ttl_has_bounds(
    dns: Server, resolver: Resolver, clock: Clock, ttl: int, kept: float, gone: float
) -> None:
    dns.ttl = ttl
    await resolver.resolve("example.org", "A")
    clock.now += kept
    assert (await resolver.resolve("example.org", "A")).cached
    clock.now += gone - kept
    assert not (await resolver.resolve("example.org", "A")).cached


async def test_trouble_is_remembered_for_some_seconds(dns: Server, resolver: Resolver, clock: Clock) -> None:
    await resolver.resolve("broken.example.org", "TXT")
    assert (await resolver.resolve("broken.example.org", "TXT")).cached
    dns.zone["broken.example.org"] = {"TXT": "mended"}
    clock.now += 6
    assert (await resolver.resolve("broken.example.org", "TXT")).records == ("mended",)


async def test_the_least_used_answers_make_room(dns: Server) -> None:
    async with Resolver([dns.address], cache_size=2) as resolver:
        for name in ("a.example", "b.example", "a.example", "c.example"):
            await resolver.resolve(name, "A")
        assert (await resolver.resolve("a.example", "A")).cached
        assert (await resolver.resolve("c.example", "A")).cached
        assert not (await resolver.resolve("b.example", "A")).cached


async def test_many_who_ask_the_same_cause_one_query(dns: Server, resolver: Resolver) -> None:
    dns.holding = True
    waiters = [asyncio.create_task(resolver.resolve("example.org", "TXT")) for _ in range(20)]
    while not dns.queries:
        await asyncio.sleep(0)
    waiters[0].cancel()  # the one that began it
    dns.release()
    answers = await asyncio.gather(*waiters, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(isinstance(answer, Answer) and answer.found is Found.RECORDS for answer in answers[1:])
    assert dns.count("example.org") == 1


async def test_a_server_that_fails_is_followed_by_the_next(dns: Server) -> None:
    with dns_server({"example.org": SERVFAIL}) as failing:
        async with Resolver([failing.address, dns.address]) as resolver:
            assert (await resolver.resolve("example.org", "A")).found is Found.RECORDS
    assert failing.count("example.org", "A") == 1


async def test_a_server_that_is_silent_is_asked_last_from_then_on(dns: Server) -> None:
    with dns_server({}) as silent:
        silent.silent = True
        async with Resolver([silent.address, dns.address], query_timeout=0.2) as resolver:
            assert (await resolver.resolve("example.org", "A")).found is Found.RECORDS
            assert (await resolver.resolve("example.org", "MX")).found is Found.RECORDS
            assert not resolver.breaker.is_open
    assert silent.queries == [("example.org", "A")]


async def test_without_a_name_server_there_is_trouble_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    monkeypatch.setattr(nameserver.system_nameservers, "__defaults__", (file,))
    async with Resolver() as resolver:
        answer = await resolver.resolve("example.org", "A")
        assert (answer.found, answer.detail) == (Found.TROUBLE, "no name server is configured")
        file.write_text("# nothing\nsearch example.org\n")
        assert (await resolver.resolve("example.org", "A")).detail == "no name server is configured"
        file.write_text("nameserver 192.0.2.53\nnameserver  2001:db8::53 # second\nnameserver nonsense\n")
        assert resolver.nameservers == (Nameserver("192.0.2.53"), Nameserver("2001:db8::53"))


async def test_the_breaker_opens_when_nobody_answers_and_closes_when_somebody_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with dns_server(ZONE) as dns:
        dns.silent = True
        async with Resolver([dns.address], query_timeout=0.05) as resolver:
            while not resolver.breaker.is_open:
                answer = await resolver.resolve(f"n{len(dns.queries)}.example.org", "TXT")
                assert answer.found is Found.TROUBLE
            asked = len([query for query in dns.queries if query[1] != "NS"])
            answers = await asyncio.gather(*(resolver.resolve(f"m{n}.example.org", "TXT") for n in range(100)))
            assert {answer.detail for answer in answers} == {"no name server answers (breaker open)"}
            assert len([query for query in dns.queries if query[1] != "NS"]) == asked
            dns.silent = False
            while resolver.breaker.is_open:
                await asyncio.sleep(0.01)
            assert (await resolver.resolve("example.org", "A")).found is Found.RECORDS
    said = capsys.readouterr().out
    assert said.count("no name server answers: mail is not authenticated") == 1
    assert said.count("a name server answers again") == 1


async def test_a_domain_whose_servers_are_dead_opens_no_breaker(dns: Server) -> None:
    for number in range(8):
        dns.zone[f"dead{number}.example.org"] = DROP
    async with Resolver([dns.address], query_timeout=0.1) as resolver:
        for number in range(8):
            assert (await resolver.resolve(f"dead{number}.example.org", "TXT")).found is Found.TROUBLE
            assert not resolver.breaker.is_open
        assert dns.count("", "NS") > 0
        assert (await resolver.resolve("example.org", "A")).found is Found.RECORDS


async def test_a_port_where_nobody_listens_is_known_at_once() -> None:
    server = f"127.0.0.1:{free_port()}"
    async with Resolver([server], query_timeout=3600, total_timeout=3600) as resolver:
        answer = await resolver.resolve("example.org", "TXT")
        assert (answer.found, answer.detail) == (Found.TROUBLE, f"{server}: Connection refused")


async def test_a_question_ends_in_time(dns: Server) -> None:
    dns.holding = True
    async with Resolver([dns.address], query_timeout=3600, total_timeout=0.1) as resolver:
        answer = await resolver.resolve("example.org", "TXT")
        assert (answer.found, answer.detail) == (Found.TROUBLE, f"{dns.address}: no answer")


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", Nameserver("192.0.2.1")),
        ("192.0.2.1:5353", Nameserver("192.0.2.1", 5353)),
        ("2001:db8::1", Nameserver("2001:db8::1")),
        ("[2001:db8::1]:5353", Nameserver("2001:db8::1", 5353)),
        ("[2001:db8::1]", Nameserver("2001:db8::1")),
    ],
)
def test_a_name_server_is_an_ip_address_and_perhaps_a_port(text: str, server: Nameserver) -> None:
    assert Nameserver.parse(text) == server
    assert Nameserver.parse(str(server)) == server


@pytest.mark.parametrize("text", ["", "dns.example.org", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2", "::1:x"])
def test_other_name_servers_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Nameserver.parse(text)


def test_this_machines_name_servers_are_listed(tmp_path: Path) -> None:
    assert system_nameservers(tmp_path / "none") == ()
