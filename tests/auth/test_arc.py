"""ARC chains of our own making; the grammar and the cryptography are the published suite's (`test_arc_suite`)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.auth import arc
from smtpintake.auth.answers import Answer, Found
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import ArcResult, AuthResult
from smtpintake.mail.prescan import prescan
from tests.auth.signing import answers, rsa_key, sealed
from tests.mail.letters import mail

NOW = datetime.now(UTC)
KEY = rsa_key()
MAIL = mail("Subject: Printer on fire")
ZONE = {f"s1._domainkey.{domain}": KEY.record for domain in ("list.example", "relay.example")}


def chain(*domains: str, octets: bytes = MAIL) -> bytes:
    for domain in domains:
        octets = sealed(octets, domain, "s1", KEY, f"mx.{domain}; spf=pass; dmarc=fail")
    return octets


def verify(octets: bytes, records: dict[str, str] = ZONE, trouble: str = "", now: datetime = NOW) -> ArcResult:
    scan = prescan(octets)
    fetched = dict(answers(records, arc.key_names(scan.fields)))
    if trouble:
        fetched[trouble] = Answer(trouble, "TXT", Found.TROUBLE, detail="SERVFAIL")
    return arc.verify(octets, scan, fetched, now, BodyHashes(octets, scan.body_offset))


def test_no_chain() -> None:
    assert verify(MAIL) == ArcResult()


def test_sealers_oldest_first() -> None:
    found = verify(chain("list.example", "relay.example"))
    assert (found.result, found.detail) == (AuthResult.PASS, "")
    assert found.sealers == ("list.example", "relay.example")
    assert found.sealer == "relay.example"


def test_only_the_newest_message_signature_counts() -> None:
    """A list changes the mail and seals it again: that is what chains are for (RFC 8617 s5.2)."""
    octets = chain("list.example").replace(b"Printer", b"[list] Printer")
    assert verify(octets).result is AuthResult.FAIL
    assert verify(chain("relay.example", octets=octets)).result is AuthResult.PASS


def test_a_changed_claim() -> None:
    octets = chain("list.example", "relay.example").replace(b"dmarc=fail", b"dmarc=pass")
    found = verify(octets)
    assert (found.result, found.detail) == (AuthResult.FAIL, "the ARC-Seal of relay.example does not verify")


def test_trouble_is_no_failure() -> None:
    found = verify(chain("list.example", "relay.example"), trouble="s1._domainkey.list.example")
    assert (found.result, found.detail) == (
        AuthResult.TEMPERROR,
        "no answer for the key s1._domainkey.list.example: SERVFAIL",
    )


def test_what_is_broken_is_broken_whatever_could_not_be_fetched() -> None:
    octets = chain("list.example", "relay.example").replace(b"i=1; mx", b"i=1; my")
    # The seal of relay.example covers the first set as well.
    assert verify(octets, trouble="s1._domainkey.list.example").result is AuthResult.FAIL
    octets = chain("list.example", "relay.example").replace(b"Printer", b"Toaster")
    assert verify(octets, trouble="s1._domainkey.list.example").result is AuthResult.FAIL


def test_no_key() -> None:
    found = verify(chain("list.example"), {})
    assert (found.result, found.detail) == (AuthResult.FAIL, "no key at s1._domainkey.list.example (nxdomain)")


def test_the_newest_sealer_says_what_it_saw() -> None:
    seen = "list.example; spf=pass smtp.mailfrom=ana@example.org; dmarc=pass header.from=Example.org"
    octets = sealed(MAIL, "list.example", "s1", KEY, seen)
    assert verify(octets).claims == (("spf", "pass"), ("dmarc", "pass"), ("dmarc.header.from", "example.org"))
    octets = sealed(octets, "relay.example", "s1", KEY, "relay.example; arc=pass; dmarc=fail header.from=example.org")
    assert dict(verify(octets).claims)["dmarc"] == "fail"


def test_another_author_breaks_the_chain() -> None:
    assert verify(chain("list.example").replace(b"ana@example.com", b"eva@example.com")).result is AuthResult.FAIL


def test_a_from_that_is_not_signed() -> None:
    """The suite has such a chain pass; what its sealer says may then be of another author."""
    found = verify(sealed(MAIL, "list.example", "s1", KEY, "mx.list.example; dmarc=pass", names=("subject",)))
    assert found.result is AuthResult.PASS
    assert found.claims == ()
    assert found.detail.startswith("From is not signed")


def test_a_from_beside_the_signed_one() -> None:
    assert verify(b"From: eve@example.com\r\n" + chain("list.example")).result is AuthResult.FAIL


def test_a_signature_of_the_future() -> None:
    assert verify(chain("list.example"), now=NOW - timedelta(hours=1)).result is AuthResult.FAIL


@pytest.mark.parametrize(("count", "result"), [(10, AuthResult.PASS), (11, AuthResult.FAIL)])
def test_length(count: int, result: AuthResult) -> None:
    octets = chain(*["list.example"] * count)
    scan = prescan(octets)
    assert arc.key_names(scan.fields) == (("s1._domainkey.list.example",) if result is AuthResult.PASS else ())
    found = verify(octets)
    assert found.result is result
    assert result is AuthResult.PASS or "too many" in found.detail


FIELDS = st.sampled_from(("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"))
TAGS = st.sampled_from(
    (
        "i=1",
        "i=2",
        "i=51",
        "i=x",
        "a=rsa-sha256",
        "b=AAAA",
        "bh=AAAA",
        "d=list.example",
        "h=from",
        "s=s1",
        "cv=none",
        "=",
    )
)


@settings(deadline=None)
@given(st.lists(st.tuples(FIELDS, st.one_of(st.lists(TAGS).map("; ".join), st.text(max_size=40))), min_size=1))
def test_anything_has_a_result(fields: list[tuple[str, str]]) -> None:
    cut = str.maketrans("", "", "\r\n\0")
    octets = b"".join(f"{name}: {value.translate(cut)}\r\n".encode() for name, value in fields) + MAIL
    found = verify(octets)
    assert found.result is AuthResult.FAIL
    assert found.detail
    assert found.detail.isprintable()
