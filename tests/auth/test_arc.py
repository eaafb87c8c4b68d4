"""What a sealer claims is taken over where its seal covers the author."""

from datetime import UTC, datetime

import dkim

from smtpintake.auth import arc
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import ArcResult, AuthResult
from smtpintake.mail.prescan import prescan
from tests.auth.signing import answers, rsa_key

SEEN = "list.example; spf=pass smtp.mailfrom=ana@example.org; dmarc=pass header.from=Example.org"


def sealed(raw: bytes, results: str, names: list[bytes]) -> bytes:
    """`raw` with an ARC set by list.example, whose ARC-Authentication-Results are `results`."""
    key = rsa_key().pem
    mail = b"Authentication-Results: " + results.encode() + b"\r\n" + raw
    return b"".join(dkim.arc_sign(mail, b"s1", b"list.example", key, b"list.example", include_headers=names)) + raw


def verified(octets: bytes) -> ArcResult:
    scan = prescan(octets)
    fetched = answers({"s1._domainkey.list.example": rsa_key().record}, arc.key_names(scan.fields))
    return arc.verify(octets, scan, fetched, datetime.now(UTC), BodyHashes(octets, scan.body_offset))


RAW = b"From: Ana <ana@example.org>\r\nSubject: x\r\n\r\nHello\r\n"


def test_the_newest_sealer_says_what_it_saw() -> None:
    result = verified(sealed(RAW, SEEN, [b"from", b"subject"]))
    assert (result.result, result.sealer) == (AuthResult.PASS, "list.example")
    assert result.claims == (("spf", "pass"), ("dmarc", "pass"), ("dmarc.header.from", "example.org"))


def test_the_newest_of_two_counts() -> None:
    once = sealed(RAW, SEEN, [b"from"])
    twice = sealed(once, "list.example; arc=pass; dmarc=fail header.from=example.org", [b"from"])
    result = verified(twice)
    assert (result.result, result.sealers) == (AuthResult.PASS, ("list.example", "list.example"))
    assert dict(result.claims)["dmarc"] == "fail"


def test_another_author_breaks_the_chain() -> None:
    octets = sealed(RAW, SEEN, [b"from"]).replace(b"ana@example.org>", b"eva@example.com>")
    assert verified(octets).result is AuthResult.FAIL
