"""SPF without DNS: the grammar, the limits, and what a hostile record costs. The published suite has the rest."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.auth.answers import Answer, Found
from smtpintake.auth.results import AuthResult, SpfIdentity, SpfResult
from smtpintake.auth.spf import MAX_QUESTIONS, Check, Question, is_domain
from smtpintake.auth.spfmacro import Sender, expand
from smtpintake.auth.spfrecord import Kind, parse

Zone = Mapping[Question, Sequence[str] | Found]


def look_up(zone: Zone, question: Question) -> Answer:
    data = zone.get(question, Found.NXDOMAIN)
    if isinstance(data, Found):
        return Answer(*question, data, detail="no answer" if data is Found.TROUBLE else "")
    return Answer(*question, Found.RECORDS, tuple(data))


def run(check: Check, zone: Zone) -> tuple[SpfResult, list[Question]]:
    """The result, and all that was asked."""
    asked: list[Question] = []
    steps = check.evaluate()
    try:
        questions = next(steps)
        while True:
            asked += questions
            questions = steps.send([look_up(zone, question) for question in questions])
    except StopIteration as end:
        return end.value, asked


def spf(record: str, zone: Zone | None = None, ip: str = "192.0.2.7", local_part: str = "jo") -> SpfResult:
    full = {("example.org", "TXT"): [record], **(zone or {})}
    return run(Check(SpfIdentity.MAIL_FROM, ip, "mx.example.org", "example.org", local_part), full)[0]


@pytest.mark.parametrize(
    ("record", "ip", "result"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.7", AuthResult.PASS),
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.3.7", AuthResult.FAIL),
        ("v=spf1 ip4:192.0.2.0/24 -all", "::ffff:192.0.2.7", AuthResult.PASS),
        ("v=spf1 ip4:0.0.0.0/0 -all", "2001:db8::1", AuthResult.FAIL),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::1", AuthResult.PASS),
        ("v=spf1 ip6:2001:db8::/32 -all", "fe80::1%eth0", AuthResult.FAIL),
        ("v=spf1 ?all", "192.0.2.7", AuthResult.NEUTRAL),
        ("v=spf1 ~ALL", "192.0.2.7", AuthResult.SOFTFAIL),
        ("V=SPF1", "192.0.2.7", AuthResult.NEUTRAL),
        ("v=spf10 -all", "192.0.2.7", AuthResult.NONE),
    ],
)
def test_results(record: str, ip: str, result: AuthResult) -> None:
    assert spf(record, ip=ip).result is result


@pytest.mark.parametrize(
    "term",
    [
        "all:x",
        "-",
        "foo",
        "foo:bar.example",
        "a:",
        "a:museum",
        "a:example.-org",
        "a:example.123",
        "a/33",
        "a//129",
        "a/08",
        "a/24/64",
        "mx:/24",
        "ip4",
        "ip4:192.0.2",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.1/032",
        "ip4:192.0.2.01",
        "ip6:192.0.2.1",
        "ip6:::1/129",
        "ip6:::1/ 24",
        "include",
        "include:",
        "include:%{x}.example",
        "include:%{c}.example",
        "include:%{d0}.example",
        "include:%{d",
        "include:%",
        "include:example.org%{d}x",
        "exists:example..org.%(d)",
        "ptr/24",
        "ptr:",
        "redirect=example",
        "redirect=",
        "redirect=a.example redirect=b.example",
        "exp=a.example exp=a.example",
        "other=%{q}",
        "+redirect=a.example",
        "a:ex\tample.org",
        "a:ex\u00e4mple.org",
    ],
)
def test_what_is_against_the_grammar_is_permerror_wherever_it_stands(term: str) -> None:
    assert parse(f"v=spf1 +all {term}").fault
    result = spf(f"v=spf1 +all {term}")
    assert result.result is AuthResult.PERMERROR
    assert result.detail.isprintable()


@pytest.mark.parametrize(
    "term",
    [
        "a/0",
        "mx:example.org/24//64",
        "a:foo/bar.example.org",
        "A:Example.ORG.",
        "a:xn--zckzah.example-1",
        "ip6:2001:db8::/0",
        "exists:%{ir}.%{v}._spf.%{d2}",
        "exists:%{L-}.%{o}",
        "include:a%%b.%-c.%_d.example",
        "ptr",
        "other=",
        "x.y_z-1=%{s}",
        "exp=%{d}",
    ],
)
def test_what_follows_the_grammar(term: str) -> None:
    assert not parse(f"v=spf1  {term} ").fault


SENDER = Sender(
    Check(SpfIdentity.HELO, "192.0.2.3", "", "")._sender.address, "h.example", "strong-bad", "email.example.com"
)
SENDER6 = Sender(Check(SpfIdentity.HELO, "2001:db8::cb01", "", "")._sender.address, "h", "a", "b.example")


@pytest.mark.parametrize(
    ("text", "name"),
    [  # RFC 7208 s7.4
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("%{h}", "h.example"),
    ],
)
def test_macros(text: str, name: str) -> None:
    (mechanism,) = parse(f"v=spf1 exists:{text}").mechanisms
    assert expand(mechanism.target, SENDER, "email.example.com") == name


def test_macros_of_ipv6() -> None:
    (mechanism,) = parse("v=spf1 exists:%{ir}.%{v}._spf.%{d2}").mechanisms
    nibbles = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
    assert expand(mechanism.target, SENDER6, "email.example.com") == f"{nibbles}.ip6._spf.example.com"


def test_a_name_that_is_too_long_loses_labels_on_the_left() -> None:
    (mechanism,) = parse("v=spf1 exists:" + "%{d}." * 20 + "example").mechanisms
    name = expand(mechanism.target, SENDER, "email.example.com")
    assert 253 - 17 < len(name) <= 253
    assert name.split(".")[0] in ("email", "example", "com")
    assert name.endswith(".email.example.com.example")


def test_a_local_part_beyond_ascii_matches_nothing() -> None:
    zone: Zone = {("j\u00f6._spf.example.org", "A"): ["127.0.0.2"], ("j\u00f6", "A"): ["127.0.0.2"]}
    assert spf("v=spf1 exists:%{l}._spf.example.org -all", zone, local_part="j\u00f6").result is AuthResult.FAIL


@pytest.mark.parametrize(
    ("record", "zone", "result", "detail"),
    [
        ("v=spf1 include:a.example -all", {("a.example", "TXT"): Found.TROUBLE}, "temperror", "TXT of a.example: no"),
        ("v=spf1 a -all", {("example.org", "A"): Found.TROUBLE}, "temperror", "A of example.org: no answer"),
        ("v=spf1 include:a.example -all", {}, "permerror", "a.example has no SPF record"),
        ("v=spf1 redirect=a.example", {}, "permerror", "redirect of example.org"),
        ("v=spf1 include:example.org", {}, "permerror", "more than 10 terms"),
        ("v=spf1 redirect=example.org", {}, "permerror", "more than 10 terms"),
        ("v=spf1 " + "a:x.example " * 3, {}, "permerror", "more than 2 void lookups, at x.example"),
        ("v=spf1 a:x.example a:x.example -all", {}, "fail", "-all of example.org"),
        ("v=spf1 mx -all", {("example.org", "MX"): [f"1 h{n}" for n in range(11)]}, "permerror", "11 MX records"),
        ("v=spf1 mx -all", {("example.org", "MX"): ["0 ."]}, "fail", "-all of example.org"),
        ("v=spf1 ptr -all", {("7.2.0.192.in-addr.arpa", "PTR"): Found.TROUBLE}, "fail", "-all"),
    ],
)
def test_limits_and_trouble(record: str, zone: Zone, result: str, detail: str) -> None:
    found = spf(record, zone)
    assert (found.result, detail in found.detail) == (result, True), found.detail


def test_ten_mx_of_ten_hosts_end_in_bounds() -> None:
    zone: dict[Question, Sequence[str] | Found] = {
        ("example.org", "TXT"): ["v=spf1 " + " ".join(f"mx:m{n}.example" for n in range(10)) + " -all"]
    }
    for n in range(10):
        zone[f"m{n}.example", "MX"] = [f"10 h{n}-{m}.example" for m in range(10)]
        zone |= {(f"h{n}-{m}.example", "A"): ["198.51.100.1"] for m in range(10)}
    result, asked = run(Check(SpfIdentity.MAIL_FROM, "192.0.2.7", "h.example", "example.org", "jo"), zone)
    assert (result.result, result.detail) == (AuthResult.PERMERROR, f"more than {MAX_QUESTIONS} lookups")
    assert len(asked) <= MAX_QUESTIONS


def test_what_is_never_evaluated_is_not_kept() -> None:
    record = parse("v=spf1 " + "a " * 1000 + "-all")
    assert len(record.mechanisms) == 11
    record = parse("v=spf1 -all " + "ip4:192.0.2.1 " * 250 + "redirect=a.example")
    assert [mechanism.kind for mechanism in record.mechanisms] == [Kind.ALL]
    assert not record.redirect


def test_exp_is_never_asked_for() -> None:
    zone: Zone = {("example.org", "TXT"): ["v=spf1 -all exp=explain.example.org"]}
    result, asked = run(Check(SpfIdentity.MAIL_FROM, "192.0.2.7", "h.example", "example.org", "jo"), zone)
    assert result.result is AuthResult.FAIL
    assert asked == [("example.org", "TXT")]


def test_a_record_that_was_too_long_to_keep_is_permerror() -> None:
    check = Check(SpfIdentity.MAIL_FROM, "192.0.2.7", "h.example", "example.org", "jo")
    steps = check.evaluate()
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send([Answer("example.org", "TXT", Found.RECORDS, ("other",), "a record exceeds 4096")])
    assert (end.value.value.result, end.value.value.detail) == (
        AuthResult.PERMERROR,
        "TXT of example.org: a record exceeds 4096",
    )


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("example.org", True),
        ("a_b.example.org", True),
        ("localhost", False),
        ("", False),
        ("[192.0.2.1]", False),
        ("192.0.2.1", False),
        ("a..example", False),
        (".example", False),
        ("x" * 64 + ".example", False),
        (".".join(["x" * 60] * 5), False),
        ("b\u00fccher.example", False),
    ],
)
def test_a_helo_name_or_domain_that_can_have_a_record(name: str, is_one: bool) -> None:
    assert is_domain(name) is is_one
    result, asked = run(Check(SpfIdentity.HELO, "192.0.2.7", name, name), {})
    assert result.result is AuthResult.NONE
    assert bool(asked) is is_one


def test_what_may_be_asked_later_is_known_ahead() -> None:
    check = Check(SpfIdentity.MAIL_FROM, "2001:db8::1", "h.example", "example.org", "jo")
    text = (
        "v=spf1 include:a.example mx a:h.example/24 exists:%{l}.x.example ptr a:%{p}.y.example redirect=%{d2}.z.example"
    )
    assert list(check.ahead("example.org", Answer("example.org", "TXT", Found.RECORDS, (text,)))) == [
        ("a.example", "TXT"),
        ("example.org", "MX"),
        ("h.example", "AAAA"),
        ("jo.x.example", "A"),
        ("example.org.z.example", "TXT"),
    ]


TERM = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "-", "~"]),
        st.sampled_from(["a", "mx", "include", "exists", "ptr", "ip4", "ip6", "all", "redirect=", "exp="]),
        st.sampled_from(["", ":", "/24", ":a.example", ":%{s}.%{p}.example", ":%{lr-}", "%{d2}"]),
        st.sampled_from(["", "/24", "//64", "/24//64", ".example"]),
    ),
)


@given(st.lists(TERM, max_size=15), st.sampled_from(["192.0.2.7", "2001:db8::1"]))
def test_any_record_has_a_result(terms: list[str], ip: str) -> None:
    result = spf("v=spf1 " + " ".join(terms), {("a.example", "TXT"): ["v=spf1 -all"]}, ip=ip)
    assert result.result in AuthResult
    assert result.detail.isprintable()


@pytest.mark.parametrize(
    "record",
    [
        "a=" * 2000,
        " ".join(["x=y"] * 1000),
        "a:" + "/" * 4000,
        "a:" + "/1" * 2000,
        "exists:" + "%{s}" * 1000,
        "exists:" + "%{s" * 1000,
        "exists:%{d" + "9" * 4000 + "}.example",
        "exists:%{s" + "." * 4000 + "}",
        "ip6:" + ":" * 4000,
        "ip4:" + "1" * 4000,
        "a:" + "a-" * 2000 + ".example",
        "a:example." + "a-" * 2000,
        "?" * 4000,
    ],
)
def test_a_hostile_record_ends(record: str) -> None:
    spf("v=spf1 " + record, local_part="x" * 64)
