"""DMARC (RFC 9989): does an authenticated domain belong to the author's, and what does the owner ask for if none does?

Contract: pure and total. `names` says which TXT questions to ask, all of which can be asked at once; `evaluate` reads
the answers and nothing else. Without a public suffix list: whose a domain is, the DNS tree walk finds (s4.10).

DNS trouble makes `temperror` only where the missing answer could change the outcome. So a forger gains nothing from
name servers of their own that don't answer: their domain could not align, whatever these would say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from smtpintake.auth.answers import Answer, Answers, Found, txt
from smtpintake.auth.dmarcrecord import PolicyRecord, Psd, parse
from smtpintake.auth.results import (
    MAX_DETAIL,
    AuthResult,
    DkimResult,
    DmarcResult,
    RequestedPolicy,
    SpfIdentity,
    SpfResult,
)

MAX_QUERIES: Final = 8  # s4.10: of one walk
_MAX_NAME: Final = 253  # RFC 1035 s2.3.4, as text


def walk(domain: str) -> tuple[str, ...]:
    """The names at which a record for `domain` may be, nearest first (s4.10); none for what is no domain."""
    labels = domain.split(".")
    if len(domain) > _MAX_NAME or domain.startswith("[") or not all(0 < len(label) < 64 for label in labels):
        return ()
    # Step 4: of a long name what is left after the first query are seven labels.
    parents = labels[1:] if len(labels) <= MAX_QUERIES else labels[1 - MAX_QUERIES :]
    names = [f"_dmarc.{domain}", *(f"_dmarc.{'.'.join(parents[index:])}" for index in range(len(parents)))]
    return tuple(name for name in names if len(name) <= _MAX_NAME)


def names(author_domain: str, identifiers: Iterable[str]) -> tuple[str, ...]:
    """Every name whose TXT records `evaluate` may read, each once.

    `identifiers` are the domains that SPF and signatures may authenticate. The author domain's own TXT records are
    among the questions because their NXDOMAIN is what np= is about (s3.2.13).
    """
    wanted = [*walk(author_domain)]
    if wanted:
        wanted.append(author_domain)
        for identifier in identifiers:
            if identifier != author_domain and _related(author_domain, identifier):
                wanted.extend(walk(identifier))
    return tuple(dict.fromkeys(wanted))


def evaluate(author_domain: str, spf: SpfResult, dkim: Sequence[DkimResult], answers: Answers) -> DmarcResult:
    """What DMARC says of a mail whose one author writes from `author_domain`; an empty one gives `none` (s4.4)."""
    if not walk(author_domain):
        return DmarcResult(AuthResult.NONE, author_domain, detail="there is no author domain to ask about")
    author = _Climb.of(author_domain, answers)
    applied = author.applied
    strict_dkim, strict_spf = (applied[1].strict_dkim, applied[1].strict_spf) if applied else (False, False)
    # s3.2.4: the MAIL FROM identity alone; of a null reverse-path that is postmaster at the HELO name.
    mail_from = [spf] if spf.identity is SpfIdentity.MAIL_FROM else []
    by_spf, spf_open = _alignments(author, mail_from, answers, strict=strict_spf)
    by_dkim, dkim_open = _alignments(author, dkim, answers, strict=strict_dkim)
    aligned = bool(by_dkim or by_spf)
    undecided = not aligned and (spf_open or dkim_open)
    policy, uncertain = _policy(author, answers)
    result, detail = _result(author, aligned=aligned, undecided=undecided, uncertain=uncertain)
    return DmarcResult(
        result,
        domain=author_domain,
        org_domain=author.org_domain,
        published_at=applied[0] if applied else "",
        policy=policy,
        aligned_spf="".join(by_spf),
        aligned_dkim=by_dkim,
        detail=detail[:MAX_DETAIL],
        undecided=undecided,
    )


@dataclass(frozen=True, slots=True)
class _Climb:
    """One tree walk: the records found from `domain` upwards, until a psd= ended it, or trouble did."""

    domain: str
    found: tuple[tuple[str, PolicyRecord], ...]
    trouble: Answer | None

    @classmethod
    def of(cls, domain: str, answers: Answers) -> "_Climb":
        found: list[tuple[str, PolicyRecord]] = []
        for name in walk(domain):
            answer = txt(answers, name)
            if answer.found is Found.TROUBLE:
                return cls(domain, tuple(found), answer)
            records = [record for record in map(parse, answer.records) if record is not None]
            # Steps 2 and 6: what is no record does not count, and several count as none.
            if len(records) == 1:
                found.append((name.removeprefix("_dmarc."), records[0]))
                if records[0].psd is not Psd.UNKNOWN:
                    break
        return cls(domain, tuple(found), None)

    @property
    def org_domain(self) -> str:
        """The organizational domain (s4.10.2); empty where trouble hides it."""
        if self.trouble is not None:
            return ""
        if not self.found:
            return self.domain
        # The walk ended at the first psd=y or psd=n, so whichever rule applies speaks of the highest record.
        highest, record = self.found[-1]
        if record.psd is Psd.YES and highest != self.domain:
            labels = highest.count(".") + 2
            return ".".join(self.domain.split(".")[-labels:])
        return highest

    @property
    def applied(self) -> tuple[str, PolicyRecord] | None:
        """The record that applies to mail from `domain` (s4.10.1), and where it is; None: there is none, or trouble."""
        if not self.found:
            return None
        if self.found[0][0] == self.domain:
            return self.found[0]
        if self.trouble is not None:
            return None
        own = [each for each in self.found if each[0] == self.org_domain]
        return own[0] if own else self.found[-1]


def _alignments(
    author: _Climb, checked: Sequence[SpfResult | DkimResult], answers: Answers, *, strict: bool
) -> tuple[tuple[str, ...], bool]:
    """The authenticated domains that align, and whether trouble leaves open if another one would."""
    domains: list[str] = []
    undecided = False
    for each in checked:
        if each.domain and each.result in (AuthResult.PASS, AuthResult.TEMPERROR):
            aligned = _aligned(author, each.domain, answers, strict=strict)
            if aligned and each.result is AuthResult.PASS:
                domains.append(each.domain)
            # s5.3.6: where a query did not complete, the mail can neither pass nor fail.
            undecided = undecided or aligned is None or (aligned and each.result is AuthResult.TEMPERROR)
    return tuple(dict.fromkeys(domains)), undecided


def _aligned(author: _Climb, identifier: str, answers: Answers, *, strict: bool) -> bool | None:
    """Does `identifier` align (s4.10.2)? None where trouble leaves it open."""
    if identifier == author.domain:
        return True
    if strict or not _related(author.domain, identifier):
        return False
    if author.applied is None and author.trouble is not None:
        return None  # the record that says how to align is hidden
    if author.org_domain and not _within(identifier, author.org_domain):
        return False
    other = _Climb.of(identifier, answers)
    if author.org_domain and other.org_domain:
        return author.org_domain == other.org_domain
    if other.org_domain and not _within(author.domain, other.org_domain):
        return False
    # Above a record that both walks passed they are one walk: whatever trouble hides there is the same for both.
    met = {domain for domain, record in author.found if record.psd is not Psd.YES}
    return True if any(domain in met for domain, _ in other.found) else None


def _related(one: str, other: str) -> bool:
    """False where the two cannot have an organizational domain in common, because they end differently."""
    return one.rpartition(".")[2] == other.rpartition(".")[2]


def _within(domain: str, parent: str) -> bool:
    return domain == parent or domain.endswith(f".{parent}")


def _policy(author: _Climb, answers: Answers) -> tuple[RequestedPolicy, bool]:
    """What the owner asks for, and whether trouble hides it: s4.10.1, p= at the domain itself, else sp= or np=."""
    if author.applied is None:
        return RequestedPolicy.NOTHING, author.trouble is not None
    published_at, record = author.applied
    if published_at == author.domain:
        return record.weakened(record.policy), False
    itself = txt(answers, author.domain).found
    below = txt(answers, f"_dmarc.{author.domain}").found
    if itself is Found.NXDOMAIN:
        return record.weakened(record.nonexistent), False
    # RFC 8020 s2: nothing is below a name that does not exist, so what is there proves the name.
    unsure = itself is Found.TROUBLE and below is not Found.NODATA and below is not Found.RECORDS
    if unsure and record.subdomains is not record.nonexistent:
        return RequestedPolicy.NOTHING, True
    return record.weakened(record.subdomains), False


def _result(author: _Climb, *, aligned: bool, undecided: bool, uncertain: bool) -> tuple[AuthResult, str]:
    """The result (s9.2) and why."""
    if author.applied is None:
        if author.trouble is not None:
            return AuthResult.TEMPERROR, f"{author.trouble.name}: {author.trouble.detail}"
        return AuthResult.NONE, "no policy is published"
    published_at, record = author.applied
    if record.policy is RequestedPolicy.NOTHING:
        return AuthResult.PERMERROR, f"the record at _dmarc.{published_at} has no valid policy"
    if aligned:
        return AuthResult.PASS, ""
    if undecided:
        return AuthResult.TEMPERROR, "trouble with DNS hides whether a domain aligns"
    if uncertain:
        return AuthResult.TEMPERROR, f"trouble with DNS hides whether {author.domain} exists"
    return AuthResult.FAIL, "no authenticated domain belongs to the author's"
