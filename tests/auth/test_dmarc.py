"""DMARC held against RFC 9989: each case names the section it is taken from."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.auth import dmarc, dmarcrecord
from smtpintake.auth.answers import Found
from smtpintake.auth.results import (
    AuthResult,
    DkimResult,
    DmarcResult,
    RequestedPolicy,
    SpfIdentity,
    SpfResult,
)
from tests.auth.zones import Zone, answers

NONE, PASS, FAIL = AuthResult.NONE, AuthResult.PASS, AuthResult.FAIL
TEMPERROR, PERMERROR = AuthResult.TEMPERROR, AuthResult.PERMERROR
TROUBLE, NODATA = Found.TROUBLE, Found.NODATA

REJECT = "v=DMARC1; p=reject"
STRICT = "v=DMARC1; p=reject; adkim=s; aspf=s"
LEVELS = "v=DMARC1; p=none; sp=quarantine; np=reject"
BANK = {
    "_dmarc.bank.example": "v=DMARC1; p=reject; psd=y",
    "_dmarc.giant.bank.example": "v=DMARC1; p=quarantine",
}
DEEP = {"_dmarc.example.com": REJECT, "_dmarc.signing.example.com": "v=DMARC1; p=none"}


@dataclass(frozen=True)
class Case:
    """`spf` and `dkim` are domains that passed; with `!` in front they met trouble with DNS, with `-` they failed."""

    section: str
    author: str
    zone: Zone
    expected: AuthResult
    spf: str = ""
    dkim: str = ""
    policy: str = ""
    org: str | None = None
    at: str | None = None
    aligned: tuple[str, ...] = ()
    undecided: bool = False
    name: str = field(default="", kw_only=True)

    def __str__(self) -> str:
        return f"{self.section} {self.name or self.author}"


CASES = [
    # --- s4.4 and B.1: alignment ---
    Case("B.1.1", "example.com", {"_dmarc.example.com": REJECT}, PASS, spf="example.com", policy="reject",
         aligned=("example.com",), name="SPF, the same domain"),
    Case("B.1.1", "example.com", {"_dmarc.example.com": STRICT}, PASS, spf="example.com", policy="reject",
         aligned=("example.com",), name="SPF, the same domain, strict"),
    Case("B.1.1", "example.com", {"_dmarc.example.com": REJECT}, PASS, spf="child.example.com", policy="reject",
         aligned=("child.example.com",), name="SPF, a child, relaxed"),
    Case("B.1.1", "example.com", {"_dmarc.example.com": STRICT}, FAIL, spf="child.example.com", policy="reject",
         name="SPF, a child, strict"),
    Case("B.1.1", "child.example.com", {"_dmarc.example.com": REJECT}, FAIL, spf="example.net", policy="reject",
         org="example.com", name="SPF, somebody else"),
    Case("B.1.2", "example.com", {"_dmarc.example.com": REJECT}, PASS, dkim="example.com", policy="reject",
         aligned=("example.com",), name="DKIM, the same domain"),
    Case("B.1.2", "example.com", {"_dmarc.example.com": STRICT}, PASS, dkim="example.com", policy="reject",
         aligned=("example.com",), name="DKIM, the same domain, strict"),
    Case("B.1.2", "child.example.com", {"_dmarc.example.com": REJECT}, PASS, dkim="example.com", policy="reject",
         aligned=("example.com",), name="DKIM, the parent, relaxed"),
    Case("B.1.2", "child.example.com", {"_dmarc.example.com": STRICT}, FAIL, dkim="example.com", policy="reject",
         name="DKIM, the parent, strict"),
    Case("B.1.2", "child.example.com", {"_dmarc.example.com": REJECT}, FAIL, dkim="example.net", policy="reject",
         name="DKIM, somebody else"),
    Case("4.4 table 1", "news.example.com", {"_dmarc.example.com": REJECT}, PASS, dkim="foo.example.com",
         policy="reject", org="example.com", aligned=("foo.example.com",), name="siblings"),
    Case("4.4 table 1", "news.example.com", {"_dmarc.example.com": STRICT}, PASS, dkim="news.example.com",
         policy="reject", aligned=("news.example.com",), name="identical below the record, strict"),
    Case("4.4 table 1", "news.example.com", {"_dmarc.example.com": REJECT}, FAIL, dkim="foo.example.net",
         policy="reject", name="no domain in common"),
    Case("4.4.1", "example.com", {"_dmarc.example.com": REJECT}, PASS, dkim="list.example -example.com example.com",
         policy="reject", aligned=("example.com",), name="one of several signatures is enough"),
    Case("4.4.1", "example.com", {"_dmarc.example.com": REJECT}, FAIL, dkim="-example.com", policy="reject",
         name="a signature that fails proves nothing"),
    Case("4.4.2", "example.com", {"_dmarc.example.com": REJECT}, FAIL, spf="-example.com", policy="reject",
         name="SPF that fails proves nothing"),
    Case("4.4", "example.com", {"_dmarc.example.com": REJECT}, FAIL, dkim="badexample.com", policy="reject",
         name="a name that only ends the same is no child"),
    Case("4.4", "example.com", {"_dmarc.example.com": REJECT}, FAIL, dkim="com", policy="reject",
         name="d=com is nobody's"),
    Case("4.7 adkim", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; adkim=s"}, PASS,
         spf="b.example.com", dkim="c.example.com", policy="reject", aligned=("b.example.com",)),
    Case("4.7 aspf", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; aspf=s"}, PASS,
         spf="b.example.com", dkim="c.example.com", policy="reject", aligned=("c.example.com",)),
    Case("4.8 defaults", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; adkim=x; aspf="}, PASS,
         spf="b.example.com", dkim="c.example.com", policy="reject", aligned=("b.example.com", "c.example.com"),
         name="a wrong adkim is relaxed"),
    Case("B.3", "example.com",
         {"_dmarc.example.com": "v=DMARC1; p=reject; aspf=r; rua=mailto:dmarc-feedback@example.com"}, PASS,
         spf="mail.example.com", dkim="example.com", policy="reject", aligned=("mail.example.com", "example.com")),
    # --- s4.10.2 and B.4: the organizational domain ---
    Case("B.4.1", "example.com", DEEP, PASS, spf="example.com", dkim="signing.example.com", policy="reject",
         org="example.com", at="example.com", aligned=("example.com", "signing.example.com")),
    Case("B.4.2", "a.b.c.d.e.f.g.h.i.j.k.example.com", DEEP, PASS, spf="example.com", dkim="signing.example.com",
         policy="reject", org="example.com", at="example.com", aligned=("example.com", "signing.example.com")),
    Case("B.4.3", "giant.bank.example", BANK, PASS, spf="mail.giant.bank.example", dkim="mail.mega.bank.example",
         policy="quarantine", org="giant.bank.example", at="giant.bank.example",
         aligned=("mail.giant.bank.example",)),
    Case("B.4.3", "giant.bank.example", BANK, FAIL, dkim="mail.mega.bank.example", policy="quarantine",
         org="giant.bank.example", name="two customers of one registry"),
    Case("4.10.2", "a.mail.example.com", {"_dmarc.mail.example.com": REJECT, "_dmarc.example.com": REJECT}, FAIL,
         policy="reject", org="example.com", at="example.com", name="the fewest labels"),
    Case("4.10.2", "a.mail.example.com",
         {"_dmarc.mail.example.com": "v=DMARC1; p=reject; psd=n", "_dmarc.example.com": "v=DMARC1; p=none"}, FAIL,
         policy="reject", org="mail.example.com", at="mail.example.com", name="psd=n"),
    Case("4.10.2", "a.mail.example.com", {"_dmarc.com": "v=DMARC1; p=reject; psd=y"}, FAIL, policy="reject",
         org="example.com", at="com", name="psd=y, one label below"),
    Case("4.10.2", "mail.example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; psd=y"}, PASS,
         dkim="mail.example.com", policy="reject", org="mail.example.com", at="example.com",
         aligned=("mail.example.com",), name="psd=y right above"),
    Case("4.10.2", "mail.example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; psd=n"}, FAIL,
         dkim="other.example.net", policy="reject", org="example.com", name="psd=n at the parent"),
    Case("4.10.2", "example.com", {"_dmarc.example.com": REJECT, "_dmarc.sub.example.com": "v=DMARC1; p=none; psd=n"},
         FAIL, dkim="sub.example.com", policy="reject", org="example.com", name="psd=n cuts a child off"),
    Case("4.10.2", "sub.example.com", {"_dmarc.example.com": REJECT, "_dmarc.sub.example.com": f"{REJECT}; psd=n"},
         FAIL, dkim="example.com", policy="reject", org="sub.example.com", name="psd=n, and so not the parent's"),
    Case("4.10.2", "example.com", {"_dmarc.example.com": REJECT, "_dmarc.com": "v=DMARC1; p=none"}, PASS,
         dkim="other.com", policy="reject", org="com", aligned=("other.com",),
         name="a registry without psd=y makes one organization"),
    Case("4.10.2", "example.com", {"_dmarc.example.com": f"{REJECT}; psd=n", "_dmarc.com": "v=DMARC1; p=none"}, FAIL,
         dkim="other.com", policy="reject", org="example.com", name="which psd=n is there against"),
    Case("4.10.2", "bank.example", BANK, FAIL, dkim="giant.bank.example", policy="reject", org="bank.example",
         name="a registry is not its customers"),
    Case("4.10.2", "giant.bank.example", BANK, FAIL, dkim="bank.example", policy="quarantine",
         org="giant.bank.example", name="nor are they the registry"),
    Case("4.10.2", "bank.example", BANK, PASS, dkim="bank.example", policy="reject", org="bank.example",
         aligned=("bank.example",), name="a registry writes itself"),
    Case("4.10.2", "a.b.c.d.e.f.g.h.example.com", {"_dmarc.d.e.f.g.h.example.com": "v=DMARC1; p=reject; psd=y"}, FAIL,
         policy="reject", org="c.d.e.f.g.h.example.com", name="one label below, which the walk skipped"),
    Case("4.10.2", "example.com", {}, NONE, dkim="mail.example.com", org="example.com",
         name="without records each domain is its own"),
    Case("4.10.2", "example.com", {}, NONE, dkim="example.com", aligned=("example.com",),
         name="without records the same domain still aligns"),
    Case("4.10.2", "mail.example.com", {"_dmarc.mail.example.com": REJECT}, FAIL, dkim="example.com",
         policy="reject", org="mail.example.com", name="a parent without record is another organization"),
    # --- s4.10.1: which record, which tag ---
    Case("4.10.1", "mail.example.com", {"_dmarc.mail.example.com": "v=DMARC1; p=none", "_dmarc.example.com": REJECT},
         FAIL, policy="none", org="example.com", at="mail.example.com", name="the author domain's own record first"),
    Case("4.10.1", "mail.example.com", {"_dmarc.mail.example.com": "v=DMARC1; p=none; sp=reject"}, FAIL,
         policy="none", name="sp= is not for the domain itself"),
    Case("4.10.1", "mail.example.com", {"_dmarc.example.com": LEVELS, "mail.example.com": "hello"}, FAIL,
         policy="quarantine", at="example.com", name="sp= for a domain that exists"),
    Case("4.10.1", "mail.example.com", {"_dmarc.example.com": LEVELS, "mail.example.com": NODATA}, FAIL,
         policy="quarantine", name="that exists without TXT"),
    Case("4.10.1", "mail.example.com", {"_dmarc.example.com": LEVELS}, FAIL, policy="reject",
         name="np= for a domain that does not exist"),
    Case("4.10.1", "mail.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; np=reject",
                                        "mail.example.com": NODATA}, FAIL, policy="none",
         name="p= where sp= is absent"),
    Case("4.7 np", "mail.example.com", {"_dmarc.example.com": "v=DMARC1; p=none; sp=reject"}, FAIL, policy="reject",
         name="sp= where np= is absent"),
    Case("4.7 np", "mail.example.com", {"_dmarc.example.com": REJECT}, FAIL, policy="reject",
         name="p= where both are absent"),
    Case("4.7 np", "example.com", {"_dmarc.example.com": LEVELS}, FAIL, policy="none",
         name="np= is not for the domain itself"),
    Case("4.10.1", "www.mega.bank.example", {"_dmarc.bank.example": "v=DMARC1; p=none; sp=quarantine; np=reject; psd=y",
                                             "www.mega.bank.example": NODATA}, FAIL, policy="quarantine",
         org="mega.bank.example", at="bank.example", name="the registry's record, where its customer has none"),
    Case("4.10.1", "a.mail.giant.bank.example", BANK, FAIL, policy="quarantine", at="giant.bank.example",
         name="the customer's record, not the registry's"),
    Case("4.10.1", "a.mail.example.com", {"_dmarc.mail.example.com": "v=DMARC1; p=none",
                                          "_dmarc.com": "v=DMARC1; p=reject; psd=y"}, FAIL, policy="reject",
         org="example.com", at="com", name="a record between the author and the organization"),
    Case("4.10.1", "example.com", {"_dmarc.example.com": "v=DMARC1; adkim=s"}, PERMERROR, dkim="example.com",
         at="example.com", aligned=("example.com",), name="neither p= nor rua="),
    Case("4.10.1", "example.com", {"_dmarc.example.com": "v=DMARC1; rua=mailto:a@example.com"}, FAIL, policy="none",
         name="rua= alone is p=none"),
    Case("4.10.1", "example.com", {"_dmarc.example.com": "v=DMARC1; p=discard; rua=mailto:a@example.com"}, FAIL,
         policy="none", name="a wrong p= with rua="),
    Case("4.10.1", "example.com", {"_dmarc.example.com": "v=DMARC1; p=discard"}, PERMERROR, name="a wrong p="),
    Case("4.10.1", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com"}, FAIL,
         policy="none", name="a wrong sp= spoils p="),
    Case("4.10.1", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; np=x"}, PERMERROR, name="a wrong np="),
    Case("4.10.1", "example.com", {"_dmarc.example.com": "v=DMARC1; p=x; rua=not a uri, mailto:a@b.example!10m"}, FAIL,
         policy="none", name="one URI of several is enough, an obsolete size is no fault"),
    Case("4.10.1", "example.com", {"_dmarc.example.com": "v=DMARC1; p=x; rua=postmaster"}, PERMERROR,
         name="an address is no URI"),
    Case("4.10.1", "mail.example.com", {"_dmarc.mail.example.com": "v=DMARC1; p=x", "_dmarc.example.com": REJECT},
         PERMERROR, at="mail.example.com", name="a broken record does not send us to the parent's"),
    Case("4.10.1", "example.com", {}, NONE, spf="example.com", aligned=("example.com",), name="no record at all"),
    # --- s4.10, steps 2 and 6: what is a record ---
    Case("4.10 step 2", "example.com", {"_dmarc.example.com": [REJECT, "v=DMARC1; p=none"]}, NONE, name="two records"),
    Case("4.10 step 2", "mail.example.com",
         {"_dmarc.mail.example.com": [REJECT, REJECT], "_dmarc.example.com": "v=DMARC1; p=quarantine"}, FAIL,
         policy="quarantine", at="example.com", name="two records, and the walk goes on"),
    Case("4.10 step 6", "mail.example.com", {"_dmarc.example.com": [REJECT, REJECT]}, NONE, org="mail.example.com",
         name="two records at the parent"),
    Case("4.10 step 2", "example.com", {"_dmarc.example.com": ["v=spf1 -all", REJECT, ""]}, FAIL, policy="reject",
         name="other texts beside it"),
    Case("4.7 v", "example.com", {"_dmarc.example.com": "v=DMARC2; p=reject"}, NONE, name="another version"),
    Case("4.7 v", "example.com", {"_dmarc.example.com": "v=DMARC10; p=reject"}, NONE, name="a longer version"),
    Case("4.7 v", "example.com", {"_dmarc.example.com": "v=dmarc1; p=reject"}, NONE, name="a version in small letters"),
    Case("4.7 v", "example.com", {"_dmarc.example.com": "p=reject; v=DMARC1"}, NONE, name="v= is not first"),
    Case("4.7 v", "example.com", {"_dmarc.example.com": "p=reject"}, NONE, name="no v="),
    Case("4.8", "example.com", {"_dmarc.example.com": " v=DMARC1; p=reject"}, NONE, name="a space before v="),
    Case("4.8", "example.com", {"_dmarc.example.com": "V \t=\tDMARC1 ;\tp = Reject ; ;"}, FAIL, policy="reject",
         name="white space and case where they are allowed"),
    Case("4.8", "example.com", {"_dmarc.example.com": "v=DMARC1;p=reject;new=thing;x;;=;p=none"}, FAIL,
         policy="reject", name="unknown tags, no tags, a tag again"),
    Case("C.5.2", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; pct=0; rf=afrf; ri=60"}, FAIL,
         policy="reject", name="pct, rf and ri are gone"),
    Case("4.7 psd", "mail.example.com", {"_dmarc.mail.example.com": f"{REJECT}; psd=maybe",
                                             "_dmarc.example.com": REJECT}, FAIL, policy="reject", org="example.com",
         name="a wrong psd= is u"),
    # --- s4.7 t= ---
    Case("4.7 t", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; t=y"}, FAIL, policy="quarantine",
         name="t=y, reject"),
    Case("4.7 t", "example.com", {"_dmarc.example.com": "v=DMARC1; p=quarantine; t=y"}, FAIL, policy="none",
         name="t=y, quarantine"),
    Case("4.7 t", "example.com", {"_dmarc.example.com": "v=DMARC1; p=none; t=y"}, FAIL, policy="none",
         name="t=y, none"),
    Case("4.7 t", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; t=n"}, FAIL, policy="reject", name="t=n"),
    Case("4.7 t", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; t=yes"}, FAIL, policy="reject",
         name="a wrong t= is n"),
    Case("4.7 t", "a.example.com", {"_dmarc.example.com": f"{LEVELS}; t=y"}, FAIL, policy="quarantine",
         name="np=reject, tested"),
    Case("4.7 t", "a.example.com", {"_dmarc.example.com": f"{LEVELS}; t=y", "a.example.com": NODATA}, FAIL,
         policy="none", name="sp=quarantine, tested"),
    Case("4.7 t", "example.com", {"_dmarc.example.com": "v=DMARC1; p=reject; t=y"}, PASS, dkim="example.com",
         policy="quarantine", aligned=("example.com",), name="a pass is a pass"),
    # --- s4.10.1, s5.3.6: trouble with DNS ---
    Case("5.3.6", "example.com", {"_dmarc.example.com": TROUBLE}, TEMPERROR, org="", name="the record is hidden"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": TROUBLE}, TEMPERROR, dkim="example.com",
         aligned=("example.com",), name="hidden, but proved already"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": TROUBLE}, TEMPERROR, dkim="mail.example.com", undecided=True,
         name="hidden, and with it whether a child aligns"),
    Case("5.3.6", "mail.example.com", {"_dmarc.example.com": TROUBLE}, TEMPERROR, name="the parent's is hidden"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT, "_dmarc.com": TROUBLE}, FAIL, policy="reject", org="",
         name="the registry's is hidden, which changes nothing"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT, "_dmarc.com": TROUBLE}, PASS, dkim="mail.example.com",
         policy="reject", aligned=("mail.example.com",), name="hidden above where both walks met"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT, "_dmarc.com": TROUBLE}, TEMPERROR, dkim="other.com",
         policy="reject", undecided=True, name="hidden where both walks would meet"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": STRICT, "_dmarc.com": TROUBLE}, FAIL, dkim="other.com",
         policy="reject", name="strict needs no walk"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT, "_dmarc.evil.com": TROUBLE}, FAIL, dkim="evil.com",
         policy="reject", name="a forger's silent name servers"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT, "_dmarc.evil.net": TROUBLE}, FAIL, dkim="!evil.net",
         policy="reject", name="and their silent key"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT, "_dmarc.a.example.com": TROUBLE}, TEMPERROR,
         dkim="a.example.com", policy="reject", undecided=True, name="a child that may say psd=n"),
    Case("5.3.6", "a.example.com", {"_dmarc.a.example.com": REJECT, "_dmarc.example.com": TROUBLE,
                                    "_dmarc.b.example.com": f"{REJECT}; psd=n"}, FAIL, dkim="b.example.com",
         policy="reject", name="whatever the parent says, psd=n stays apart"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT}, TEMPERROR, dkim="!example.com", policy="reject",
         undecided=True, name="its own key is hidden"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT}, TEMPERROR, spf="!example.com", policy="reject",
         undecided=True, name="its own SPF record is hidden"),
    Case("5.3.6", "example.com", {"_dmarc.example.com": REJECT}, PASS, spf="!example.com", dkim="example.com",
         policy="reject", aligned=("example.com",), name="hidden SPF beside an aligned signature"),
    Case("5.3.6", "example.com", {}, NONE, spf="!example.com", undecided=True, name="no record, hidden SPF"),
    Case("5.3.6", "a.example.com", {"_dmarc.example.com": LEVELS, "a.example.com": TROUBLE}, TEMPERROR,
         name="does the domain exist?"),
    Case("5.3.6", "a.example.com", {"_dmarc.example.com": REJECT, "a.example.com": TROUBLE}, FAIL, policy="reject",
         name="it need not be known where sp= and np= are the same"),
    Case("RFC 8020 s2", "a.example.com",
         {"_dmarc.example.com": LEVELS, "a.example.com": TROUBLE, "_dmarc.a.example.com": NODATA}, FAIL,
         policy="quarantine", name="what has something below exists"),
    # --- s4.2, s5.3.1: no author domain ---
    Case("4.2", "", {}, NONE, dkim="example.com", name="no author"),
    Case("4.2", "[192.0.2.1]", {}, NONE, dkim="example.com", name="an address literal"),
]  # fmt: skip


def judged(case: Case) -> DmarcResult:
    spf = SpfResult(_result(case.spf), domain=case.spf.lstrip("!-")) if case.spf else SpfResult(NONE)
    dkim = [DkimResult(_result(domain), domain.lstrip("!-")) for domain in case.dkim.split()]
    asked = dmarc.names(case.author, [spf.domain, *(each.domain for each in dkim)])
    return dmarc.evaluate(case.author, spf, dkim, answers(case.zone, asked))


def _result(domain: str) -> AuthResult:
    return {"!": TEMPERROR, "-": FAIL}.get(domain[0], PASS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_of_the_rfc(case: Case) -> None:
    result = judged(case)
    aligned = tuple(filter(None, (result.aligned_spf, *result.aligned_dkim)))
    assert (result.result, result.policy, aligned) == (case.expected, RequestedPolicy(case.policy), case.aligned)
    assert result.undecided is case.undecided
    assert result.domain == case.author
    assert case.org is None or result.org_domain == case.org
    assert case.at is None or result.published_at == case.at


def test_every_case_says_where_it_comes_from() -> None:
    assert len(CASES) >= 60
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("example.com", ["example.com", "com"]),
        ("com", ["com"]),
        ("a.b.c.d.e.f.example.com", ["a.b.c.d.e.f.example.com", "b.c.d.e.f.example.com", "c.d.e.f.example.com",
                                     "d.e.f.example.com", "e.f.example.com", "f.example.com", "example.com", "com"]),
        ("x.a.b.c.d.e.f.example.com", ["x.a.b.c.d.e.f.example.com", "b.c.d.e.f.example.com", "c.d.e.f.example.com",
                                       "d.e.f.example.com", "e.f.example.com", "f.example.com", "example.com", "com"]),
        ("a.b.c.d.e.f.g.h.i.j.mail.example.com",
         ["a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com",
          "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com"]),
        ("", []),
        ("[192.0.2.1]", []),
        ("a..example.com", []),
        ("example.com.", []),
        (f"{'a' * 64}.example.com", []),
        ("a." * 127 + "b" * 50, []),
    ],
)  # fmt: skip
def test_the_walk_asks_what_section_4_10_asks(domain: str, expected: list[str]) -> None:
    assert list(dmarc.walk(domain)) == [f"_dmarc.{name}" for name in expected]


def test_a_name_that_would_be_too_long_is_not_asked_for() -> None:
    domain = f"{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.com"
    assert dmarc.walk(domain)[0] == f"_dmarc.{'b' * 60}.{'c' * 60}.{'d' * 60}.com"


def test_each_name_is_asked_once_and_strangers_not_at_all() -> None:
    assert dmarc.names("a.example.com", ["example.com", "a.example.com", "example.net", "", "b.example.com"]) == (
        "_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com", "a.example.com", "_dmarc.b.example.com",
    )  # fmt: skip
    assert dmarc.names("", ["example.com"]) == ()


def test_the_helo_identity_does_not_count() -> None:  # s4.4.2
    spf = SpfResult(PASS, SpfIdentity.HELO, "example.com")
    zone = {"_dmarc.example.com": REJECT}
    assert dmarc.evaluate("example.com", spf, (), answers(zone, dmarc.names("example.com", ()))).result is FAIL


def test_what_nobody_asked_is_trouble() -> None:
    assert dmarc.evaluate("example.com", SpfResult(NONE), (), {}).result is TEMPERROR


TAGS = st.sampled_from(["v", "p", "sp", "np", "t", "psd", "adkim", "aspf", "rua", "pct", "P", ""])
VALUES = st.sampled_from(["DMARC1", "none", "reject", "y", "n", "s", "mailto:a@b.example", "x", ""]) | st.text(
    max_size=9
)
RECORDS = st.lists(st.tuples(TAGS, VALUES).map("=".join), max_size=9).map("; ".join)


@given(st.text() | RECORDS | RECORDS.map("v=DMARC1; {}".format))
def test_any_text_is_a_record_or_none(text: str) -> None:
    record = dmarcrecord.parse(text)
    if record is not None:
        assert text.lower().startswith("v")
        assert (record.policy is RequestedPolicy.NOTHING) == (record.nonexistent is RequestedPolicy.NOTHING)


@pytest.mark.parametrize("piece", ["; p=reject", ";", "=", " ", "; rua=mailto:a", ",", "a", "!1", "%41", "; v=DMARC1"])
def test_a_long_text_is_read_once(piece: str) -> None:
    """Quadratic reading of a megabyte would not end before the suite's time-out."""
    dmarcrecord.parse("v=DMARC1" + piece * (1_000_000 // len(piece)))
    dmarcrecord.parse("v=DMARC1; p=x; rua=mailto:" + piece * (1_000_000 // len(piece)))


DOMAINS = st.lists(st.sampled_from(["a", "b", "example", "com", "bank"]), min_size=1, max_size=10).map(".".join)
ENTRIES = st.sampled_from([REJECT, STRICT, f"{LEVELS}; psd=y", f"{REJECT}; psd=n", "v=DMARC1", TROUBLE, NODATA])
RESULTS = st.sampled_from([PASS, FAIL, TEMPERROR])


@given(DOMAINS, DOMAINS, DOMAINS, RESULTS, RESULTS, st.dictionaries(DOMAINS.map("_dmarc.{}".format), ENTRIES))
def test_what_every_verdict_keeps(
    author: str, mail_from: str, signer: str, spf: AuthResult, dkim: AuthResult, zone: Zone
) -> None:
    said = answers(zone, dmarc.names(author, [mail_from, signer]))
    result = dmarc.evaluate(author, SpfResult(spf, domain=mail_from), [DkimResult(dkim, signer)], said)
    assert not (result.aligned and result.undecided)
    assert result.aligned or result.result is not PASS
    assert not result.aligned or result.result is not FAIL
    assert not result.aligned or PASS in (spf, dkim)
    if TROUBLE not in zone.values() and TEMPERROR not in (spf, dkim):
        assert result.result is not TEMPERROR
    for entry in (REJECT, STRICT, f"{LEVELS}; psd=y", f"{REJECT}; psd=n", NODATA):
        # What is certain in spite of trouble stays so, whatever the answer would have been.
        healed = {name: entry if was is TROUBLE else was for name, was in zone.items()}
        said = answers(healed, dmarc.names(author, [mail_from, signer]))
        later = dmarc.evaluate(author, SpfResult(spf, domain=mail_from), [DkimResult(dkim, signer)], said)
        assert later.aligned == result.aligned or result.undecided
        if result.result is not TEMPERROR:
            assert (later.result, later.policy) == (result.result, result.policy)
