"""DKIM: what verifies, what does not, and what verifies and is not relied on."""

from datetime import UTC, datetime

import pytest

from smtpintake.auth import dkim
from smtpintake.auth.answers import Answers
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import AuthResult, DkimResult
from smtpintake.mail.prescan import prescan
from tests.auth.signing import answers, ed25519_key, rsa_key, signed
from tests.mail.letters import mail

NOW = datetime.now(UTC)
KEY = "s1._domainkey.example.com"
MAIL = mail("To: support@example.org", "Subject:  Printer\t on\n fire ", body="It  burns. \n\n\n")


def verify(octets: bytes, records: Answers, now: datetime = NOW) -> tuple[DkimResult, ...]:
    scan = prescan(octets)
    return dkim.verify(octets, scan, records, now, BodyHashes(octets, scan.body_offset))


@pytest.mark.parametrize("key", [rsa_key(1024), rsa_key(), ed25519_key()], ids=["rsa1024", "rsa2048", "ed25519"])
@pytest.mark.parametrize("header", ["simple", "relaxed"])
@pytest.mark.parametrize("body", ["simple", "relaxed"])
def test_pass(key, header: str, body: str) -> None:
    octets = signed(MAIL, "example.com", "s1", key, canonicalization=f"{header}/{body}")
    [result] = verify(octets, answers({KEY: key.record}))
    assert result == DkimResult(AuthResult.PASS, "example.com", "s1", "@example.com", key.algorithm)
