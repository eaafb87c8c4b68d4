"""Authentication-Results (RFC 8601): what we write is read by somebody else's reader; what others write, by ours."""

import re

import authres as second_reader
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.auth.authres import claims, forged, presented, render
from smtpintake.auth.results import (
    UNVERIFIED,
    ArcResult,
    AuthResult,
    AuthVerdict,
    DkimResult,
    DmarcResult,
    RequestedPolicy,
    SpfIdentity,
    SpfResult,
)
from smtpintake.mail.prescan import Field

PASS, NONE = AuthResult.PASS, AuthResult.NONE

VERDICT = AuthVerdict(
    SpfResult(PASS, domain="example.org"),
    SpfResult(AuthResult.NEUTRAL, SpfIdentity.HELO, "out.example.org"),
    (
        DkimResult(PASS, "example.org", "2026", "@example.org", "rsa-sha256"),
        DkimResult(AuthResult.FAIL, "list.example", "s", "", "ed25519-sha256", detail="it was changed"),
    ),
    DmarcResult(PASS, "example.org", "example.org", "example.org", RequestedPolicy.REJECT),
    ArcResult(PASS, "list.example", ("list.example",)),
)


def test_a_whole_verdict_line_by_line() -> None:
    rendered = render("mx.example.net", VERDICT, mail_from="ana@example.org", helo="out.example.org", login="scanner")
    assert rendered.split("\r\n") == [
        "mx.example.net;",
        "    auth=pass smtp.auth=scanner;",
        "    spf=pass smtp.mailfrom=ana@example.org;",
        "    spf=neutral smtp.helo=out.example.org;",
        "    dkim=pass header.d=example.org header.i=@example.org header.s=2026",
        "        header.a=rsa-sha256;",
        "    dkim=fail header.d=list.example header.s=s header.a=ed25519-sha256;",
        "    dmarc=pass header.from=example.org policy.dmarc=reject;",
        "    arc=pass (sealed by list.example)",
    ]


def test_the_null_reverse_path_is_the_helo_name() -> None:
    assert render("mx", VERDICT, helo="out.example.org").split(";\r\n")[1] == "    spf=pass smtp.helo=out.example.org"


def test_nothing_done_is_said_in_one_word() -> None:
    assert render("mx.example.net", UNVERIFIED, mail_from="a@b.example") == "mx.example.net;\r\n    none"
    assert render("mx", UNVERIFIED, login="scanner") == "mx;\r\n    auth=pass smtp.auth=scanner"


def test_nothing_found_is_told() -> None:
    verdict = AuthVerdict(SpfResult(NONE), SpfResult(NONE, SpfIdentity.HELO), (), DmarcResult(NONE), ArcResult())
    assert render("mx", verdict, mail_from="a@b.example").split(";\r\n    ") == [
        "mx", "spf=none smtp.mailfrom=a@b.example", "dkim=none", "dmarc=none", "arc=none",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "rendered"),
    [
        ("ana@example.org", "ana@example.org"),
        ("a+b=c@example.org", '"a+b=c@example.org"'),
        ('"a b"@example.org', '"\\"a b\\"@example.org"'),
        ("a;dmarc=pass@example.org", '"a;dmarc=pass@example.org"'),
        ("a@b\r\nX-Forged: yes", '"a@b??X-Forged: yes"'),
        ("a\\", '"a\\\\"'),
        ("a(b@example.org", '"a(b@example.org"'),
        ("ä@example.org", '"?@example.org"'),
        ("a@b@c", '"a@b@c"'),
        ("a\x00b", '"a?b"'),
    ],
)
def test_no_address_breaks_out(written: str, rendered: str) -> None:
    value = render("mx", VERDICT, mail_from=written)
    assert f"spf=pass smtp.mailfrom={rendered};" in value


ANY = st.text(max_size=400) | st.text('ab.@;="\\()\r\n \x00\xe9', max_size=60)


@given(ANY, ANY, ANY, ANY, ANY)
def test_whatever_is_told_two_readers_find_the_same_results(
    mail_from: str, helo: str, domain: str, selector: str, login: str
) -> None:
    verdict = AuthVerdict(
        SpfResult(PASS, domain=domain),
        SpfResult(PASS, SpfIdentity.HELO, domain),
        tuple(DkimResult(AuthResult.FAIL, domain, selector, domain, selector) for _ in range(30)),
        DmarcResult(AuthResult.FAIL, domain, policy=RequestedPolicy.REJECT),
        ArcResult(AuthResult.FAIL, domain),
    )
    value = render("mx.example.net", verdict, mail_from=mail_from, helo=helo, login=login)
    assert all(re.fullmatch(r"[ -~]*", line) and len(line) < 998 for line in value.split("\r\n"))
    assert all(line[0] == " " and line.strip() for line in value.split("\r\n")[1:])
    assert len(value) < 16 << 10
    spf = ["spf", "spf"] if mail_from else ["spf"]
    expected = ["auth", *spf, *["dkim"] * 10, "dmarc", "arc"]
    read = second_reader.parse(f"Authentication-Results: {value}")
    assert [result.method for result in read.results] == expected
    assert dict(claims(value))["dmarc"] == "fail"
    assert dict(claims(value))["arc"] == "fail"
    assert forged(Field(b"authentication-results", value.encode()), "MX.example.net")


@given(st.from_regex(r"[a-z.]{0,90}", fullmatch=True), st.from_regex(r"[a-z.]{0,60}@[a-z.]{0,60}", fullmatch=True))
def test_a_line_is_longer_than_78_only_for_one_long_value(domain: str, mail_from: str) -> None:
    verdict = AuthVerdict(VERDICT.spf, VERDICT.helo, (DkimResult(PASS, domain, domain),), VERDICT.dmarc, VERDICT.arc)
    for line in render("mx.example.net", verdict, mail_from=mail_from).split("\r\n"):
        assert len(line) <= 78 or len(line.split()) == 1 or line.startswith("    spf=pass smtp.")


GOOGLE = (
    "i=1; mx.google.com;\r\n       dkim=pass header.i=@example.org header.s=20161025 header.b=abc/DE+f;\r\n"
    "       spf=pass (google.com: domain of ana@example.org designates 192.0.2.1 as permitted sender)"
    " smtp.mailfrom=ana@example.org;\r\n       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=Example.org"
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (GOOGLE, "dkim=pass spf=pass dmarc=pass dmarc.header.from=example.org"),
        ("i=2; microsoft.com 1; spf=pass smtp.mailfrom=a; dmarc=pass action=none header.from=a.example; arc=none",
         "spf=pass dmarc=pass dmarc.header.from=a.example arc=none"),
        ("mx.example.org; none", ""),
        ("mx.example.org", ""),
        ("", ""),
        ('mx; dmarc/1 = pass (a (nested) comment; spf=pass) header.from\r\n = "a.example"',
         "dmarc=pass dmarc.header.from=a.example"),
        ("mx; DMARC=Pass HEADER.FROM=A.example.", "dmarc=pass dmarc.header.from=a.example"),
        ('mx; spf=fail smtp.mailfrom="a; dmarc=pass header.from=b.example"; dmarc=fail header.from=a.example',
         "spf=fail dmarc=fail dmarc.header.from=a.example"),
        ('mx; spf=fail smtp.mailfrom="a\\"; dmarc=pass"', "spf=fail"),
        ("mx; dkim=fail header.d=a; dkim=pass header.d=b", "dkim=fail"),
        ("mx; dmarc=pass header.from=evil.example; dmarc=fail header.from=a.example", ""),
        ("mx; dmarc=pass header.from=a.example; spf=pass; dmarc=pass header.from=a.example", "spf=pass"),
        ("mx; dmarc=pass header.from=a.example header.from=b.example", "dmarc=pass dmarc.header.from=a.example"),
        ("dmarc=pass; spf=pass", "spf=pass"),
        ("mx; spf=pass; (never closed; dmarc=pass", ""),
        ('mx; spf=pass; "never closed; dmarc=pass', ""),
        ("mx; spf=pass; ) dmarc=pass", ""),
        ("mx; spf=pass; \\; dmarc=pass", ""),
        ("mx;; ;=; =pass; spf=; spf=; dkim==pass; spf dmarc=pass; dmarc=pass", "dmarc=pass"),
    ],
)  # fmt: skip
def test_what_others_claim(value: str, expected: str) -> None:
    assert " ".join(f"{name}={said}" for name, said in claims(value)) == expected


@pytest.mark.parametrize("piece", ["(", ")", '"', '\\"', "\\", "a=b ", ";a=b", '"a"', "()", " ", "=", "(\\)", "a"])
def test_hostile_values_are_read_once(piece: str) -> None:
    """Bounded, linear, and no recursion: nine hundred nested comments end the stack of another reader."""
    for length in (16 << 10, 64 << 10):
        claims("mx; " + piece * (length // len(piece) - 4))
        claims('mx; "' + piece * (length // len(piece) - 5))


@given(st.text() | st.text('i=1;dmarc= pass"()\\/.\r\n'))
def test_any_text_claims_something_or_nothing(value: str) -> None:
    for name, said in claims(value):
        assert name
        assert isinstance(said, str)


@pytest.mark.parametrize(
    ("name", "value", "ours"),
    [
        ("authentication-results", " mx.example.net; spf=pass", True),
        ("authentication-results", "\r\n (a comment) MX.Example.NET 1;\r\n spf=pass", True),
        ("authentication-results", ' "mx.example.net"; spf=pass', True),
        ("authentication-results", "mx.example.net.", True),
        ("authentication-results", " mx.example.net; spf=pass (unfinished", True),
        ("authentication-results", " mx.example.org; spf=pass", False),
        ("authentication-results", " mx.example.org; x=mx.example.net", False),
        ("authentication-results", " ; spf=pass", True),
        ("authentication-results", "", True),
        ("arc-authentication-results", "i=1; mx.example.net; spf=pass", False),
        ("subject", "mx.example.net; spf=pass", False),
    ],
)
def test_what_pretends_to_be_ours(name: str, value: str, ours: bool) -> None:
    assert forged(Field(name.encode(), value.encode()), "mx.example.net") is ours


OURS = render("mx.example.net", VERDICT, mail_from="ana@example.org")
TOP = b"Authentication-Results: " + OURS.encode() + b"\r\n"


@pytest.mark.parametrize(
    ("raw", "rest"),
    [
        (b"Subject: x\r\n\r\nHello\r\n", b"Subject: x\r\n\r\nHello\r\n"),
        (
            (
                b"Authentication-Results: mx.example.net;\r\n spf=pass\r\nSubject: x\r\n"
                b"authentication-results : MX.example.net; dmarc=pass\r\n"
                b"Authentication-Results: mx.example.org; spf=fail\r\n\r\nAuthentication-Results: mx.example.net\r\n"
            ),
            (
                b"Subject: x\r\nAuthentication-Results: mx.example.org; spf=fail\r\n\r\n"
                b"Authentication-Results: mx.example.net\r\n"
            ),
        ),
        (b"Subject: x\nAuthentication-Results: mx.example.net\n\nHello", b"Subject: x\n\nHello"),
        (b"\r\nHello", b"\r\nHello"),
        (b"Authentication-Results: mx.example.net", b""),
        (b"", b""),
    ],
)
def test_a_mail_as_it_is_shown(raw: bytes, rest: bytes) -> None:
    assert presented(raw, OURS) == TOP + rest
