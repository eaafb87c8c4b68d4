"""Our own mail, signed: our own verifier, OpenDKIM, and the worker that signs what it sends."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from smtpintake.auth import dkim
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import AuthResult
from smtpintake.compose.autoreply import compose_autoreply
from smtpintake.mail.prescan import prescan
from smtpintake.outbox.signing import Signer, SigningKey, new_key, read_key
from tests.auth.signing import answers, rsa_key
from tests.compose.letters import SECRET, autoreply, templates
from tests.mail.letters import mail

RSA = SigningKey("example.org", "r", rsa_key().private)
ED25519 = new_key("example.org", "e", "ed25519")
BOTH = Signer((RSA, ED25519))
ZONE = {key.name: key.record for key in (RSA, ED25519)}
ANSWER = compose_autoreply(autoreply(title="Drucker brennt, überall"), templates(), SECRET).octets


def verified(octets: bytes) -> list[tuple[AuthResult, str]]:
    scan = prescan(octets)
    fetched = answers(ZONE, dkim.key_names(dkim.signatures(scan.fields)))
    results = dkim.verify(octets, scan, fetched, datetime.now(UTC), BodyHashes(octets, scan.body_offset))
    return [(each.result, each.algorithm) for each in results]


def test_each_key_of_the_domain_signs_and_both_verify() -> None:
    octets = BOTH.signed(ANSWER)
    assert verified(octets) == [(AuthResult.PASS, "rsa-sha256"), (AuthResult.PASS, "ed25519-sha256")]
    assert octets.endswith(ANSWER)


@pytest.mark.parametrize("field", [b"From: Mallory <m@evil.example>", b"Subject: Pay here", b"Cc: a@x", b"To: b@x"])
def test_a_field_that_is_added_breaks_every_signature(field: bytes) -> None:
    assert {result for result, _ in verified(field + b"\r\n" + BOTH.signed(ANSWER))} <= {
        AuthResult.FAIL,
        AuthResult.POLICY,
    }


def test_a_body_that_is_changed_breaks_every_signature() -> None:
    changed = BOTH.signed(ANSWER).replace(b"SUP-12", b"SUP-13")
    assert {result for result, _ in verified(changed)} == {AuthResult.FAIL}


@pytest.mark.parametrize(
    ("author", "domains"),
    [
        ("a@example.org", [b"example.org"]),
        ("a@EXAMPLE.org", [b"example.org"]),
        ("a@deep.in.example.org", [b"example.org"]),
        ("a@own.example.org", [b"own.example.org"]),
        ("a@notexample.org", []),
        ("a@example.net", []),
    ],
)
def test_the_nearest_domain_signs(author: str, domains: list[bytes]) -> None:
    signer = Signer((ED25519, SigningKey("own.example.org", "e", ED25519.private)))
    octets = signer.signed(mail("To: x@y.example", author=author))
    signatures = dkim.signatures(prescan(octets).fields)
    assert [each.key_name.partition("._domainkey.")[2].encode() for each in signatures] == domains


def test_a_mail_without_an_author_stays_as_it_is() -> None:
    assert BOTH.signed(b"To: x@y.example\r\n\r\nbody\r\n") == b"To: x@y.example\r\n\r\nbody\r\n"


def test_a_key_comes_back_from_its_file() -> None:
    for key in (RSA, ED25519):
        assert read_key(key.domain, key.selector, key.pem).record == key.record


ELLIPTIC = ec_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
        (rsa_key(1024).pem, "1024 bits; allowed are 2048 to 4096"),
        (ELLIPTIC, "neither an RSA key nor one of Ed25519"),
    ],
)
def test_what_is_no_signing_key_says_so(pem: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_key("example.org", "s", pem)


@pytest.mark.skipif(not shutil.which("opendkim"), reason="opendkim is not installed")
def test_opendkim_verifies_what_we_sign(tmp_path: Path) -> None:
    (tmp_path / "dns").write_text("".join(f"{name} {record}\n" for name, record in ZONE.items()))
    (tmp_path / "conf").write_text(f"Mode v\nSyslog no\nTestDNSData file:{tmp_path}/dns\n")

    def seen(octets: bytes) -> str:
        (tmp_path / "mail").write_bytes(octets)
        told = subprocess.run(
            [shutil.which("opendkim") or "", "-x", tmp_path / "conf", "-vv", "-t", tmp_path / "mail"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return told.stdout + told.stderr

    signed = BOTH.signed(ANSWER)
    right = seen(signed)
    assert right.count("dkim=pass") == 2, right
    assert "header.a=rsa-sha256" in right
    assert "header.a=ed25519-sha256" in right
    assert "dkim=pass" not in seen(signed.replace(b"SUP-12", b"SUP-13"))
