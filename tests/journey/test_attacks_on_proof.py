"""Attacks on what is verified: signatures, seals and claims of others, with what DNS would say."""

from datetime import UTC, datetime

import pytest

from smtpintake.auth import verify as authentication
from smtpintake.auth.answers import Answer, Found
from smtpintake.auth.results import AuthResult, SpfIdentity, SpfResult
from smtpintake.intake.submission import Submission
from smtpintake.mail.prescan import prescan
from tests.auth.signing import rsa_key, sealed, signed
from tests.intake.test_record import World
from tests.journey.attacked import assert_no_more_than_a_stranger, everything, mail, outcomes
from tests.mail.letters import crlf

AGENTS_KEY, EVES_KEY = rsa_key(), rsa_key(number=1)
ZONE = {
    "s1._domainkey.agents.example": AGENTS_KEY.record,
    "s1._domainkey.evil.example": EVES_KEY.record,
    "s1._domainkey.lists.example": AGENTS_KEY.record,
}
ANAS = crlf("From: Ana <ana@agents.example>\nSubject: [SUP-1] Done\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n")
BODY = b"\r\nDone.\r\n"
CLAIM = "lists.example; dmarc=pass header.from=agents.example"


def verified(raw: bytes) -> Submission:
    """As from a client of evil.example, whose SPF passes."""
    names = authentication.questions(prescan(raw), "evil.example")
    answers = tuple(
        Answer(name, "TXT", Found.RECORDS, (ZONE[name],)) if name in ZONE else Answer(name, "TXT", Found.NXDOMAIN)
        for name in names
    )
    spf = SpfResult(AuthResult.PASS, SpfIdentity.MAIL_FROM, "evil.example")
    helo = SpfResult(AuthResult.NONE, SpfIdentity.HELO, "client.example")
    head, _, body = raw.partition(b"\r\n\r\n")
    evidence = authentication.Evidence(spf, helo, answers, datetime.now(UTC))
    return mail(head + b"\r\n", body=body, auth=None, evidence=evidence)


SIGNED = {
    "the attacker's own signature": signed(ANAS + BODY, "evil.example", "s1", EVES_KEY),
    "a signature in the agent's name with the attacker's key": signed(ANAS + BODY, "agents.example", "s1", EVES_KEY),
    "a signed mail with another body": signed(ANAS + BODY, "agents.example", "s1", AGENTS_KEY) + b"#status closed\r\n",
    "a signed mail with another subject": signed(ANAS + BODY, "agents.example", "s1", AGENTS_KEY).replace(
        b"[SUP-1] Done", b"[SUP-1] Paid"
    ),
    "a signed mail with a second subject": b"Subject: [SUP-1] Paid\r\n"
    + signed(ANAS + BODY, "agents.example", "s1", AGENTS_KEY),
    "a seal in the trusted list's name": sealed(ANAS + BODY, "lists.example", "s1", EVES_KEY, CLAIM),
    "a seal of the attacker's own": sealed(ANAS + BODY, "evil.example", "s1", EVES_KEY, CLAIM),
    "a sealed mail with another body": sealed(ANAS + BODY, "lists.example", "s1", AGENTS_KEY, CLAIM) + b"Paid.\r\n",
    "a seal that is only text": b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=lists.example; s=s1; b=AAAA\r\n"
    b"ARC-Message-Signature: i=1; a=rsa-sha256; d=lists.example; s=s1; h=from; bh=AAAA; b=AAAA\r\n"
    b"ARC-Authentication-Results: i=1; " + CLAIM.encode() + b"\r\n" + ANAS + BODY,
    "results in our own name": b"Authentication-Results: mx.example.org; dmarc=pass header.from=agents.example\r\n"
    + ANAS
    + BODY,
}


@pytest.mark.parametrize("raw", SIGNED.values(), ids=SIGNED.keys())
def test_it_proves_nothing(raw: bytes, world: World) -> None:
    before = everything(world)
    world.submit(verified(raw))
    assert outcomes(world) == [("created", "thread.new")]
    assert_no_more_than_a_stranger(before, world, "ana@agents.example", "none", answered=False)


def test_and_the_genuine_ones_do(world: World) -> None:
    world.submit(verified(signed(ANAS + BODY, "agents.example", "s1", AGENTS_KEY)))
    world.submit(verified(sealed(ANAS + b"\r\nSealed.\r\n", "lists.example", "s1", AGENTS_KEY, CLAIM)))
    assert outcomes(world) == [("commented", "thread.token")] * 2
