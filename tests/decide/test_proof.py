"""How well an author is proved: what counts, and what looks as if it did."""

from dataclasses import replace

import pytest

from smtpintake.auth.results import UNVERIFIED, ArcResult, AuthVerdict
from smtpintake.decide.policy import Proof
from smtpintake.decide.proof import proof
from smtpintake.mail.envelope import Login
from tests import make
from tests.decide.verdicts import sealed, verdict

ANYTHING = Login("scanner", ("@customer.example",))
TRUSTING = make.policy(trusted_sealers=["lists.example.net", "*.forwarder.example"]).inboxes["support"]


def of(auth: AuthVerdict, login: Login | None = None) -> Proof:
    return proof(auth, TRUSTING, make.envelope(login=login), make.author().mailbox)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (UNVERIFIED, Proof.NONE),
        (verdict(), Proof.NONE),
        (verdict("pass", aligned="spf"), Proof.ALIGNED),
        (verdict("fail", "pass", aligned="dkim"), Proof.ALIGNED),
        (verdict("pass", "pass", "reject", aligned="spf dkim"), Proof.ALIGNED),
        # An SPF pass of another domain is no proof of this one.
        (verdict("pass other.example", "pass list.example"), Proof.NONE),
        (verdict("pass other.example", "pass list.example", "reject"), Proof.FAILED),
        (verdict("none", "", "quarantine"), Proof.FAILED),
        # p=none asks for reports only; the owner has not disowned anything.
        (verdict("fail", "fail", "none"), Proof.NONE),
        # SPF fails for whatever was forwarded.
        (verdict("fail"), Proof.NONE),
        (verdict("temperror", "", "reject", undecided=True), Proof.NONE),
        (verdict("none", "policy"), Proof.NONE),
    ],
)
def test_what_spf_dkim_and_dmarc_prove(auth: AuthVerdict, expected: Proof) -> None:
    assert of(auth) is expected


@pytest.mark.parametrize(
    ("arc", "expected"),
    [
        (sealed(dmarc="pass", about="customer.example"), Proof.ALIGNED),
        (sealed(dmarc="pass"), Proof.ALIGNED),
        (sealed(by="eu.forwarder.example", dmarc="pass"), Proof.ALIGNED),
        # Not of this author, not a pass, not whole, not trusted.
        (sealed(dmarc="pass", about="other.example"), Proof.FAILED),
        (sealed(dmarc="fail"), Proof.FAILED),
        (sealed(spf="pass"), Proof.FAILED),
        (sealed("fail", dmarc="pass"), Proof.FAILED),
        (sealed("temperror", dmarc="pass"), Proof.FAILED),
        (sealed(by="forwarder.example", dmarc="pass"), Proof.FAILED),
        (sealed(by="lists.example.net.evil.example", dmarc="pass"), Proof.FAILED),
        # The newest seal is what counts, whoever sealed before.
        (replace(sealed(by="evil.example", dmarc="pass"), sealers=("lists.example.net", "evil.example")), Proof.FAILED),
    ],
)
def test_a_chain_counts_where_a_trusted_sealer_saw_dmarc_pass(arc: ArcResult, expected: Proof) -> None:
    assert of(verdict("fail", "fail", "reject", arc=arc)) is expected


@pytest.mark.parametrize(
    ("senders", "expected"),
    [
        (("cara@customer.example",), Proof.ALIGNED),
        (("@customer.example",), Proof.ALIGNED),
        (("dora@customer.example", "@other.example"), Proof.FAILED),
        ((), Proof.FAILED),
    ],
)
def test_an_account_proves_the_authors_that_it_may_write_as(senders: tuple[str, ...], expected: Proof) -> None:
    assert of(verdict("fail", "", "reject"), Login("scanner", senders)) is expected


def test_without_one_author_nothing_is_proved() -> None:
    proved = verdict("pass", "pass", "reject", aligned="spf dkim")
    assert proof(proved, TRUSTING, make.envelope(login=ANYTHING), None) is Proof.NONE
