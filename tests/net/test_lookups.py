"""What one mail asks: each question once, all at the same time, and no longer than its deadline. SPF through it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from smtpintake.auth.answers import Found
from smtpintake.auth.results import AuthResult, SpfIdentity
from smtpintake.net.lookups import Lookups
from smtpintake.net.resolver import Resolver
from tests.dns import DROP, SERVFAIL, Server, dns_server

HOUR = 3600.0

ZONE = {
    "example.org": {"TXT": ["other", "v=spf1 mx include:a.example include:b.example -all"], "MX": "10 mx.example.org"},
    "a.example": {"TXT": "v=spf1 include:a1.example include:a2.example -all"},
    "a1.example": {"TXT": "v=spf1 ip4:198.51.100.1"},
    "a2.example": {"TXT": "v=spf1 ip4:198.51.100.2"},
    "b.example": {"TXT": "v=spf1 ip4:192.0.2.7"},
    "mx.example.org": {"TXT": "v=spf1 a -all", "A": "192.0.2.8"},
    "broken.example": SERVFAIL,
    "silent.example": DROP,
}


@pytest.fixture
def dns() -> Iterator[Server]:
    with dns_server(ZONE) as server:
        yield server


@pytest.fixture
async def resolver(dns: Server) -> AsyncIterator[Resolver]:
    async with Resolver([dns.address], query_timeout=HOUR, total_timeout=HOUR) as resolver:
        yield resolver


async def until_waiting(dns: Server, queries: int) -> None:
    """Until so many queries wait for their answer."""
    async with asyncio.timeout(20):
        while len(dns.waiting) < queries:
            await asyncio.sleep(0.001)


async def test_names_are_asked_once_and_at_the_same_time(dns: Server, resolver: Resolver) -> None:
    lookups = Lookups(resolver, HOUR)
    dns.holding = True
    names = ["a.example", "B.example.", "a.example", "none.example"]
    asking = asyncio.create_task(lookups.txt(names))
    again = asyncio.create_task(lookups.txt(["b.example"]))
    await until_waiting(dns, 3)
    assert lookups.answers == ()
    dns.release()
    answers = await asking
    assert [(answer.name, answer.found) for answer in answers] == [
        ("a.example", Found.RECORDS),
        ("b.example", Found.RECORDS),
        ("none.example", Found.NXDOMAIN),
    ]
    assert await again == (answers[1],)
    assert lookups.answers == answers
    assert sorted(dns.queries) == [("a.example", "TXT"), ("b.example", "TXT"), ("none.example", "TXT")]


async def test_an_answer_stays_the_same_for_the_whole_mail(dns: Server) -> None:
    async with Resolver([dns.address], cache_size=1) as resolver:
        lookups = Lookups(resolver, HOUR)
        (before,) = await lookups.txt(["a.example"])
        await lookups.txt(["b.example"])
        dns.zone["a.example"] = {"TXT": "another"}
        assert await lookups.txt(["a.example"]) == (before,)


async def test_who_leaves_takes_no_answer_away(dns: Server, resolver: Resolver) -> None:
    lookups = Lookups(resolver, HOUR)
    dns.holding = True
    first, second = (asyncio.create_task(lookups.txt(["a.example"])) for _ in range(2))
    await until_waiting(dns, 1)
    first.cancel()
    dns.release()
    (answer,) = await second
    assert answer.found is Found.RECORDS


async def test_all_lookups_end_at_the_mails_deadline(dns: Server, resolver: Resolver) -> None:
    lookups = Lookups(resolver, 0.1)
    dns.holding = True
    answers = await lookups.txt(["a.example", "b.example"])
    assert {(answer.found, answer.detail) for answer in answers} == {
        (Found.TROUBLE, "the mail's lookups took more than 0.1 s")
    }
    mail_from, _ = await lookups.spf("192.0.2.7", "mx.example.org", "example.org", "jo")
    assert mail_from.result is AuthResult.TEMPERROR


async def test_a_mail_has_only_so_many_questions(resolver: Resolver) -> None:
    lookups = Lookups(resolver, HOUR)
    answers = await lookups.txt(f"n{number}.example" for number in range(300))
    assert [answer.found for answer in answers] == [Found.NXDOMAIN] * 250 + [Found.TROUBLE] * 50
    assert len(lookups.answers) == 250


async def test_spf_of_both_identities(resolver: Resolver) -> None:
    lookups = Lookups(resolver, HOUR)
    mail_from, helo = await lookups.spf("192.0.2.7", "mx.example.org", "example.org", "jo")
    assert (mail_from.result, mail_from.identity, mail_from.domain, mail_from.detail) == (
        AuthResult.PASS,
        SpfIdentity.MAIL_FROM,
        "example.org",
        "include:b.example of example.org",
    )
    assert (helo.result, helo.identity, helo.domain) == (AuthResult.FAIL, SpfIdentity.HELO, "mx.example.org")


async def test_a_host_that_is_named_twice_is_asked_once(dns: Server, resolver: Resolver) -> None:
    dns.zone["twice.example"] = {"TXT": "v=spf1 mx -all", "MX": ["10 mx.example.org", "20 MX.example.org"]}
    mail_from, _ = await Lookups(resolver, HOUR).spf("192.0.2.8", "mx", "twice.example", "jo")
    assert mail_from.result is AuthResult.PASS
    assert dns.count("mx.example.org", "A") == 1


async def test_a_null_reverse_path_is_checked_as_postmaster_of_the_helo_name(resolver: Resolver) -> None:
    mail_from, helo = await Lookups(resolver, HOUR).spf("192.0.2.8", "mx.example.org", "", "")
    assert (mail_from.result, mail_from.identity, mail_from.domain) == (
        AuthResult.PASS,
        SpfIdentity.MAIL_FROM,
        "mx.example.org",
    )
    assert (helo.result, helo.identity) == (AuthResult.PASS, SpfIdentity.HELO)


async def test_a_client_without_an_address_has_no_result(dns: Server, resolver: Resolver) -> None:
    mail_from, helo = await Lookups(resolver, HOUR).spf("", "mx.example.org", "example.org", "jo")
    assert (mail_from.result, mail_from.domain, helo.result) == (AuthResult.NONE, "example.org", AuthResult.NONE)
    assert dns.queries == []


async def test_a_tree_of_records_takes_as_many_round_trips_as_it_is_deep(dns: Server, resolver: Resolver) -> None:
    lookups = Lookups(resolver, HOUR)
    dns.holding = True
    checking = asyncio.create_task(lookups.spf("192.0.2.7", "mx.example.org", "example.org", "jo"))
    for waiting in (
        {("example.org", "TXT"), ("mx.example.org", "TXT")},
        {("example.org", "MX"), ("a.example", "TXT"), ("b.example", "TXT"), ("mx.example.org", "A")},
        {("a1.example", "TXT"), ("a2.example", "TXT")},
    ):
        await until_waiting(dns, len(waiting))
        assert set(dns.queries) == waiting
        dns.queries.clear()
        dns.release(all_to_come=False)
    mail_from, _ = await checking
    assert mail_from.result is AuthResult.PASS


async def test_what_is_in_the_cache_is_not_waited_for(resolver: Resolver) -> None:
    await Lookups(resolver, HOUR).spf("192.0.2.7", "mx.example.org", "example.org", "jo")
    checking = Lookups(resolver, HOUR).spf("192.0.2.7", "mx.example.org", "example.org", "jo")
    with pytest.raises(StopIteration) as end:
        checking.send(None)
    mail_from, _ = end.value.value
    assert mail_from.result is AuthResult.PASS


@pytest.mark.parametrize(
    ("domain", "result"), [("broken.example", "temperror"), ("nobody.example", "none"), ("silent.example", "temperror")]
)
async def test_trouble_is_temperror(dns: Server, domain: str, result: str) -> None:
    async with Resolver([dns.address], query_timeout=0.1) as resolver:
        mail_from, helo = await Lookups(resolver, HOUR).spf("192.0.2.7", "mx", domain, "jo")
        assert (mail_from.result, helo.result) == (result, AuthResult.NONE)
