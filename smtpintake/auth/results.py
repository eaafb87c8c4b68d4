"""`AuthVerdict`: what SPF, DKIM, DMARC and ARC say of one message. Values only; what they cost is for policy to say.

Contract: every domain is folded (lower case, A-labels, no last dot). `detail` is for the log, printable, one line, at
most `MAX_DETAIL` characters; it never goes over the wire.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_DETAIL: Final = 300


class AuthResult(StrEnum):
    """RFC 8601 s2.7."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class SpfIdentity(StrEnum):
    """RFC 7208 s2.3, s2.4. A null reverse-path is checked as `postmaster@` the HELO name, and is MAIL_FROM still."""

    MAIL_FROM = "mailfrom"
    HELO = "helo"


@dataclass(frozen=True, slots=True)
class SpfResult:
    """`domain` is that of the identity; it is what DMARC aligns (RFC 9989 s4.4.2)."""

    result: AuthResult
    identity: SpfIdentity = SpfIdentity.MAIL_FROM
    domain: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DkimResult:
    """One signature's. `domain` is its SDID (d=), `auid` its i=, `algorithm` as in a=; empty where it named none.

    `testing` is True where the key says `t=y`: a failure then means nothing (RFC 6376 s3.6.1).
    """

    result: AuthResult
    domain: str = ""
    selector: str = ""
    auid: str = ""
    algorithm: str = ""
    detail: str = ""
    testing: bool = False


class RequestedPolicy(StrEnum):
    """What a domain owner asks for (DMARC p=, sp=, np=). NOTHING: there is no record."""

    NOTHING = ""
    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """`domain` is the author domain, `org_domain` the one it belongs to, `published_at` where the record was found.

    `policy` is what applies to this message: of p=, sp= or np= the right one, weakened by one step where `t=y`.
    `aligned_spf` and `aligned_dkim` name the authenticated identifiers that align, record or no record: alignment is
    proof of the author's domain, `result` is what the owner's record makes of it. `undecided` is True where nothing
    aligns but trouble with DNS hides whether something would: only then can a later try bring the proof.
    """

    result: AuthResult
    domain: str = ""
    org_domain: str = ""
    published_at: str = ""
    policy: RequestedPolicy = RequestedPolicy.NOTHING
    aligned_spf: str = ""
    aligned_dkim: tuple[str, ...] = ()
    detail: str = ""
    undecided: bool = False

    @property
    def aligned(self) -> bool:
        """True where some authenticated identifier belongs to the author domain."""
        return bool(self.aligned_spf or self.aligned_dkim)


@dataclass(frozen=True, slots=True)
class ArcResult:
    """The chain's validation status (RFC 8617 s4.4): none, pass, fail; temperror where a key could not be fetched.

    `sealer` is d= of the newest seal; `sealers` all of them, oldest first. `claims` is what the newest
    ARC-Authentication-Results says (`authres.claims`: `dmarc` -> `pass`, `dmarc.header.from` -> the author domain);
    empty where its set does not sign From. It is worth something only if the sealer is trusted.
    """

    result: AuthResult = AuthResult.NONE
    sealer: str = ""
    sealers: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuthVerdict:
    """All of it, for one message."""

    spf: SpfResult
    helo: SpfResult
    dkim: tuple[DkimResult, ...]
    dmarc: DmarcResult
    arc: ArcResult

    @property
    def aligned(self) -> bool:
        """True where SPF or a signature proves the author's domain."""
        return self.dmarc.aligned


UNVERIFIED: Final = AuthVerdict(
    SpfResult(AuthResult.NONE, detail="not verified"),
    SpfResult(AuthResult.NONE, SpfIdentity.HELO, detail="not verified"),
    (),
    DmarcResult(AuthResult.NONE, detail="not verified"),
    ArcResult(detail="not verified"),
)
