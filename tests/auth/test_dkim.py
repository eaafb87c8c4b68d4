"""DKIM: what verifies, what does not, and what verifies and is not relied on."""

from datetime import UTC, datetime, timedelta

import dkim as dkimpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.auth import dkim
from smtpintake.auth.answers import Answer, Answers, Found
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import MAX_DETAIL, AuthResult, DkimResult
from smtpintake.mail.prescan import prescan
from tests.auth.signing import SigningKey, answers, ed25519_key, rsa_key, signed
from tests.mail.letters import crlf, mail

NOW = datetime.now(UTC)
NAME = "s1._domainkey.example.com"
MAIL = mail("To: support@example.org", "Subject:  Printer\t on\n fire ", body="It  burns. \n\n\n")
KEY = rsa_key()
ZONE = {NAME: KEY.record}


def verify(octets: bytes, records: dict[str, str] = ZONE, now: datetime = NOW) -> tuple[DkimResult, ...]:
    """With the keys that are asked for, as though `records` were all of DNS."""
    scan = prescan(octets)
    fetched = answers(records, dkim.key_names(dkim.signatures(scan.fields)))
    return dkim.verify(octets, scan, fetched, now, BodyHashes(octets, scan.body_offset))


def sign(octets: bytes = MAIL, key: SigningKey = KEY, **options) -> bytes:
    return signed(octets, "example.com", "s1", key, **options)


def outcome(octets: bytes, records: dict[str, str] = ZONE, now: datetime = NOW) -> tuple[AuthResult, str]:
    [result] = verify(octets, records, now)
    return result.result, result.detail


def seconds(**difference: float) -> str:
    return str(int((NOW + timedelta(**difference)).timestamp()))


@pytest.mark.parametrize("key", [rsa_key(1024), rsa_key(), ed25519_key()], ids=["rsa1024", "rsa2048", "ed25519"])
@pytest.mark.parametrize("header", ["simple", "relaxed"])
@pytest.mark.parametrize("body", ["simple", "relaxed"])
def test_pass(key: SigningKey, header: str, body: str) -> None:
    octets = sign(key=key, canonicalization=f"{header}/{body}")
    [result] = verify(octets, {NAME: key.record})
    assert result == DkimResult(AuthResult.PASS, "example.com", "s1", "@example.com", key.algorithm)


def test_no_signature() -> None:
    assert verify(MAIL) == ()


# RFC 8463 Appendix A.2 and A.3.
RFC_8463_KEYS = {
    "brisbane._domainkey.football.example.com": ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
    "test._domainkey.football.example.com": (
        "v=DKIM1; k=rsa; p="
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16"
        "JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l"
        "/K4w3QIDAQAB"
    ),
}
RFC_8463_MAIL = crlf("""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""")


def test_rfc_8463_example() -> None:
    assert [(result.result, result.algorithm) for result in verify(RFC_8463_MAIL, RFC_8463_KEYS)] == [
        (AuthResult.PASS, "ed25519-sha256"),
        (AuthResult.PASS, "rsa-sha256"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"It  burns", b"It smokes"),
        (b"Ana <ana@", b"Eve <eve@"),
        (b"Printer", b"Toaster"),
        (b"d=example.com", b"d=example.com; x=9999999999"),
    ],
    ids=["body", "From", "Subject", "the signature itself"],
)
def test_changed_after_signing(old: bytes, new: bytes) -> None:
    octets = sign()
    assert old in octets
    assert outcome(octets.replace(old, new))[0] is AuthResult.FAIL


def test_another_key() -> None:
    assert outcome(sign(), {NAME: rsa_key(2048, 2).record})[0] is AuthResult.FAIL


def test_what_relaxed_lets_change() -> None:
    octets = sign().replace(b"Subject:  Printer\t on\r\n fire ", b"SUBJECT : Printer on fire")
    assert outcome(octets.replace(b"It  burns. ", b"It burns.")) == (AuthResult.PASS, "")


def test_simple_lets_nothing_change() -> None:
    octets = sign(canonicalization="simple/simple")
    assert outcome(octets) == (AuthResult.PASS, "")
    assert outcome(octets.replace(b"Subject:", b"subject:"))[0] is AuthResult.FAIL


def test_several_fields_of_one_name_are_covered_from_the_last() -> None:
    octets = sign(mail("Received: 1", "Received: 2"), names=("From", "Received"))
    assert outcome(b"Received: 0\r\n" + octets) == (AuthResult.PASS, "")
    assert outcome(octets.replace(b"Received: 1", b"Received: 3")) == (AuthResult.PASS, "")
    assert outcome(octets.replace(b"Received: 2", b"Received: 3"))[0] is AuthResult.FAIL


def test_white_space_around_the_value_is_deleted_with_it() -> None:
    """RFC 6376 s3.7; s3.5 lets b= stand anywhere and be folded anywhere."""
    head, _, value = sign().partition(b" b=")
    value, _, rest = value.partition(b"\r\nFrom:")
    field, _, tags = head.partition(b"DKIM-Signature:")
    assert not field
    octets = b"DKIM-Signature:" + tags + b" b= \r\n\t" + value + b"\r\nFrom:" + rest
    assert outcome(octets) == (AuthResult.PASS, "")


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"names": ("to", "subject")}, "From is not signed"),
        ({"length": 4}, "only the first 4 octets of the body are signed"),
        ({"length": 0}, "only the first 0 octets of the body are signed"),
        ({"l": "5000"}, "l= says more than the body has"),
        ({"algorithm": "rsa-sha1"}, "rsa-sha1 proves nothing"),
        ({"t": seconds(days=-2), "x": seconds(days=-1)}, "the signature has expired"),
        ({"t": None, "x": seconds(minutes=-6)}, "the signature has expired"),
        ({"t": seconds(hours=1)}, "the signature is of the future"),
        ({"i": "ana@example.org"}, "i= is not of d="),
        ({"i": "@notexample.com"}, "i= is not of d="),
    ],
)
def test_verifies_and_is_not_relied_on(options: dict[str, object], detail: str) -> None:
    assert outcome(sign(**options)) == (AuthResult.POLICY, detail)


@pytest.mark.parametrize(
    "options",
    [
        {"length": len(b"It burns.\r\n")},  # all of it, in the canonical form
        {"x": seconds(minutes=-4), "t": seconds(hours=-1)},
        {"t": seconds(minutes=4)},
        {"t": None},
        {"i": "ana@EXAMPLE.com"},
        {"i": "ana@sales.example.com"},
        {"names": ("from", "from", "to", "subject", "x-absent")},
        {"q": "dns/txt"},
        {"z": "From:whoever"},
        {"unheard": "of"},
    ],
)
def test_relied_on(options: dict[str, object]) -> None:
    assert outcome(sign(**options)) == (AuthResult.PASS, "")


def test_time_is_the_callers() -> None:
    """A mail explained later is judged as of its arrival."""
    octets = sign(t=seconds(days=-9), x=seconds(days=-8))
    assert outcome(octets, now=NOW - timedelta(days=8, hours=1)) == (AuthResult.PASS, "")


@pytest.mark.parametrize("extra", [b"From: eve@example.com\r\n", b"FROM : eve@example.com\r\n"])
def test_a_from_beside_the_signed_one(extra: bytes) -> None:
    assert outcome(extra + sign()) == (AuthResult.POLICY, "a From was added to those signed")
    # A signer that names From once more than there are has it fail at once (RFC 6376 s8.15).
    octets = extra + sign(names=("from", "from", "subject"))
    assert outcome(octets)[0] is AuthResult.FAIL


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"h": "sha1"}, (AuthResult.POLICY, "the key is not for SHA-256")),
        ({"h": "sha1 : sha256"}, (AuthResult.PASS, "")),
        ({"s": "tlsrpt"}, (AuthResult.POLICY, "the key is not for mail")),
        ({"s": "other:email"}, (AuthResult.PASS, "")),
        ({"s": "*"}, (AuthResult.PASS, "")),
        ({"t": "s"}, (AuthResult.PASS, "")),
        ({"n": "a note"}, (AuthResult.PASS, "")),
    ],
)
def test_what_a_key_is_for(tags: dict[str, str], expected: tuple[AuthResult, str]) -> None:
    assert outcome(sign(), {NAME: KEY.published(**tags)}) == expected


def test_a_key_that_is_not_for_subdomains() -> None:
    octets = sign(i="ana@sales.example.com")
    expected = (AuthResult.POLICY, "i= is of a subdomain, which the key does not allow")
    assert outcome(octets, {NAME: KEY.published(t="y:s")}) == expected


def test_testing_is_told_and_changes_nothing() -> None:
    records = {NAME: KEY.published(t="y")}
    [passed] = verify(sign(), records)
    [failed] = verify(sign() + b"more\r\n", records)
    assert (passed.result, passed.testing) == (AuthResult.PASS, True)
    assert (failed.result, failed.testing) == (AuthResult.FAIL, True)


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        ("v=DKIM1; p=", "the key is revoked"),
        ("v=DKIM1; k=rsa; p", "no key at"),
        ("v=DKIM2; " + KEY.record.partition("; ")[2], "version"),
        ("k=dsa; " + KEY.record.partition("p=")[2].join(("p=", "")), "not known"),
        ("p=!!!!", "cannot be read"),
        ("p=AAAA", "cannot be read"),
        ("k=ed25519; p=AAAA", "cannot be read"),
        ("p=AAAA; p=AAAA", "cannot be read"),
        # Ids of their own: the keys are drawn anew in every process.
        pytest.param(ed25519_key().record, "the key is of ed25519", id="ed25519"),
        ("v=spf1 -all", "no key at"),
        (KEY.record + "; n=" + "x" * 4096, "more than 4096 octets"),
        ("p=é", "cannot be read"),
    ],
)
def test_keys_that_are_none(record: str, detail: str) -> None:
    result, found = outcome(sign(), {NAME: record})
    assert result is AuthResult.PERMERROR
    assert detail in found


def test_a_key_that_is_not_there() -> None:
    assert outcome(sign(), {}) == (AuthResult.PERMERROR, f"no key at {NAME} (nxdomain)")


def fetched(*answered: Answer) -> Answers:
    return {answer.name: answer for answer in answered}


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Answer(NAME, "TXT", Found.TROUBLE, detail="SERVFAIL"), AuthResult.TEMPERROR),
        (Answer(NAME, "TXT", Found.NODATA), AuthResult.PERMERROR),
        (Answer(NAME, "TXT", Found.RECORDS, (), detail="too long"), AuthResult.PERMERROR),
        (Answer(NAME, "TXT", Found.RECORDS, (KEY.record, rsa_key(1024).record)), AuthResult.PERMERROR),
        (Answer(NAME, "TXT", Found.RECORDS, ("v=spf1 -all", KEY.record)), AuthResult.PASS),
    ],
)
def test_answers(answer: Answer, result: AuthResult) -> None:
    octets = sign()
    scan = prescan(octets)
    [found] = dkim.verify(octets, scan, fetched(answer), NOW, BodyHashes(octets, scan.body_offset))
    assert found.result is result


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"v=1", b"v=2"),
        (b"v=1; ", b""),
        (b"a=rsa-sha256", b"a=rsa-md5"),
        (b"s=s1", b"s=s1; s=s1"),
        (b"s=s1", b"s=.."),
        (b"s=s1", b"s=" + b"x" * 64),
        (b"d=example.com", b"d=example..com"),
        (
            b"d=example.com",
            b"d=" + b"x" * 60 + b"." + b"y" * 60 + b"." + b"z" * 60 + b"." + b"w" * 60 + b".example.com",
        ),
        (b"d=example.com", "d=exämple.com".encode()),
        (b"d=example.com", b"d=example.com; i=example.com"),
        (b"d=example.com", b"d=example.com; l="),
        (b"d=example.com", b"d=example.com; l=-1"),
        (b"d=example.com", b"d=example.com; x=soon"),
        (b"d=example.com", b"d=example.com; x=1"),
        (b"d=example.com", b"d=example.com; x=" + b"9" * 5000),
        (b"d=example.com", b"d=example.com; q=http"),
        (b"d=example.com", b"d=example.com;; q=dns/txt"),
        (b"c=relaxed/relaxed", b"c=relaxed/relaxed/relaxed"),
        (b"c=relaxed/relaxed", b"c=nofws"),
        (b"bh=", b"bh=A"),
        (b"bh=", b"bh=!!!!"),
        (b"bh=", b"hb="),
        (b" b=", b" b=A"),
        (b" b=", b" b=!!!!"),
        (b" b=", b" b=;c="),
        (b"t=", b"t=-"),
    ],
)
def test_grammar(old: bytes, new: bytes) -> None:
    octets = sign()
    assert old in octets
    result, detail = outcome(octets.replace(old, new, 1))
    assert result is AuthResult.PERMERROR
    assert detail
    assert detail.isprintable()
    assert len(detail) <= MAX_DETAIL


def test_two_of_one_domain_one_good() -> None:
    bad = sign(key=rsa_key(1024)).partition(b"From:")[0]
    found = verify(bad + sign())
    assert [(result.result, result.domain) for result in found] == [
        (AuthResult.FAIL, "example.com"),
        (AuthResult.PASS, "example.com"),
    ]


def test_more_signatures_than_are_checked() -> None:
    octets = MAIL
    for number in range(8):
        octets = signed(octets, "example.com", f"s{number}", KEY)
    scan = prescan(octets)
    names = dkim.key_names(dkim.signatures(scan.fields))
    assert names == tuple(f"s{number}._domainkey.example.com" for number in (7, 6, 5, 4, 3))
    found = verify(octets, dict.fromkeys(names, KEY.record))
    assert [result.result for result in found] == [AuthResult.PASS] * 5 + [AuthResult.NEUTRAL]
    assert found[-1].detail == "3 more signatures were not checked"


def test_nothing_is_asked_for_what_is_hopeless() -> None:
    scan = prescan(sign(algorithm="rsa-sha1"))
    assert dkim.key_names(dkim.signatures(scan.fields)) == ()
    assert dkim.key_names(dkim.signatures(prescan(b"DKIM-Signature: nothing\r\n" + MAIL).fields)) == ()


@pytest.mark.parametrize("change", [lambda mail: mail.replace(b"\r\n", b"\n"), lambda mail: mail + b"\0"])
def test_a_mail_that_is_refused(change) -> None:
    [result] = verify(change(sign()))
    assert result.result is AuthResult.PERMERROR


def test_as_dkimpy_on_its_own() -> None:
    """Where both are right, they agree: here on every octet of a small mail changed in turn."""
    octets = sign(canonicalization="relaxed/simple")
    for at in range(0, len(octets), 7):
        changed = octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]
        passed = any(result.result is AuthResult.PASS for result in verify(changed))
        if passed:
            assert dkimpy.verify(changed, dnsfunc=lambda name, timeout: KEY.record.encode())


TAGS = st.sampled_from(
    (
        "v=1",
        "a=rsa-sha256",
        "b=AAAA",
        "bh=AAAA",
        "d=example.com",
        "h=from",
        "s=s1",
        "i=@",
        "l=",
        "x=",
        "t=1",
        "c=/",
        "=",
    )
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(TAGS).map("; ".join)), st.text(max_size=60))
def test_anything_has_a_result(value: str, record: str) -> None:
    field = value.encode().replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
    [result] = verify(b"DKIM-Signature:" + field + b"\r\n" + MAIL, {NAME: record.encode().decode("latin-1")})
    assert result.result is not AuthResult.PASS
    assert result.detail.isprintable()


def test_white_space_in_a_key() -> None:
    record = KEY.record.replace("p=", "p = ").replace("A", "A \t")
    assert outcome(sign(), {NAME: record}) == (AuthResult.PASS, "")
