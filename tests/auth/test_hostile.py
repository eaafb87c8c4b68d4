"""Signatures that cost a verifier minutes. What is too large is refused before the library sees it; the rest is linear.

Bodies are in `test_canonical`, keys in `test_keys`.
"""

from datetime import UTC, datetime

import pytest

from smtpintake.auth import arc, dkim, signature
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import AuthResult
from smtpintake.mail.prescan import prescan
from tests.auth.signing import answers, rsa_key, sealed, signed
from tests.mail.letters import mail

NOW = datetime.now(UTC)
KEY = rsa_key()
MAIL = mail("Subject: Printer on fire")
ZONE = answers({"s1._domainkey.example.com": KEY.record})


def outcome(octets: bytes) -> tuple[AuthResult, str]:
    scan = prescan(octets)
    [found] = dkim.verify(octets, scan, ZONE, NOW, BodyHashes(octets, scan.body_offset))
    return found.result, found.detail


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def called(*_: object) -> None:
        pytest.fail("dkimpy is called")

    for name in ("read_tags", "validate", "canonicalizations", "relaxed_field"):
        monkeypatch.setattr(signature, name, called)


def padded(octets: bytes, padding: bytes) -> bytes:
    """`octets` with `padding` before the value of b= of its first field."""
    return octets.replace(b" b=", b" b=" + padding, 1)


@pytest.mark.usefixtures("no_library")
@pytest.mark.parametrize("padding", [b"\r\n " * 17_000, b" " * 50_000, b"A" * 9_000])
def test_a_signature_of_too_many_octets(padding: bytes) -> None:
    octets = padded(b"DKIM-Signature: v=1; b=\r\n" + MAIL, padding)
    assert outcome(octets) == (AuthResult.PERMERROR, "a field of more than 8192 octets")


def test_a_field_of_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    octets = b"DKIM-Signature: v=1; b=\r\nX: y" + b"\r\n z" * 200_000 + b"\r\n" + MAIL
    scan = prescan(octets)
    assert scan.refusal is not None
    monkeypatch.setattr(signature.Header, "field", lambda *_: pytest.fail("a field is canonicalized"))
    assert all(
        found.result is AuthResult.PERMERROR for found in dkim.verify(octets, scan, ZONE, NOW, BodyHashes(b"", 0))
    )


@pytest.mark.parametrize(
    "padding", [b"\r\n " * 2_300, b" " * 7_000, b" \t" * 3_500, b" !" + b" " * 7_000 + b"!"], ids=range(4)
)
def test_white_space_up_to_the_bound(padding: bytes) -> None:
    octets = padded(signed(MAIL, "example.com", "s1", KEY), padding)
    assert outcome(octets)[0] is (AuthResult.PERMERROR if b"!" in padding else AuthResult.PASS)


def test_many_names_and_many_fields() -> None:
    """Names of h= times fields of the mail would be millions of comparisons for each signature."""
    octets = mail(*[f"X{number:x}: y" for number in range(900)])
    names = ("from", *(f"X{number:x}" for number in range(850)))
    assert outcome(signed(octets, "example.com", "s1", KEY, names=names)) == (AuthResult.PASS, "")


def test_one_name_many_times() -> None:
    octets = mail(*["X: y"] * 990)
    names = ("from", *["x"] * 1_500)
    assert outcome(signed(octets, "example.com", "s1", KEY, names=names)) == (AuthResult.PASS, "")


def test_a_field_of_many_lines_up_to_the_bound() -> None:
    octets = mail("X: y" + "\n z" * 15_000)
    assert outcome(signed(octets, "example.com", "s1", KEY, names=("from", "x"))) == (AuthResult.PASS, "")


def test_no_body_is_read_for_a_forged_header(monkeypatch: pytest.MonkeyPatch) -> None:
    octets = signed(MAIL, "example.com", "s1", KEY).replace(b"Printer", b"Toaster")
    monkeypatch.setattr(BodyHashes, "digest", lambda *_: pytest.fail("the body is read"))
    assert outcome(octets)[0] is AuthResult.FAIL


@pytest.mark.usefixtures("no_library")
def test_arc_fields_of_too_many_octets() -> None:
    octets = b"".join(
        name + b": i=1; b=" + b"\r\n " * 17_000 + b"\r\n" for name in (b"ARC-Seal", b"ARC-Message-Signature")
    )
    octets = b"ARC-Authentication-Results: i=1; x\r\n" + octets + MAIL
    scan = prescan(octets)
    found = arc.verify(octets, scan, ZONE, NOW, BodyHashes(octets, scan.body_offset))
    assert (found.result, found.detail) == (AuthResult.FAIL, "instance 1: a field of more than 8192 octets")


def test_arc_results_up_to_the_bound() -> None:
    octets = sealed(MAIL, "example.com", "s1", KEY, "mx.example.com" + "; (" * 20_000)
    scan = prescan(octets)
    found = arc.verify(octets, scan, ZONE, NOW, BodyHashes(octets, scan.body_offset))
    assert found.result is AuthResult.PASS
