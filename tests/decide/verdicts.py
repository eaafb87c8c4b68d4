"""Verdicts of authentication, made by hand: what SPF, DKIM, DMARC and ARC would have said."""

from typing import Any

from smtpintake.auth.results import (
    ArcResult,
    AuthResult,
    AuthVerdict,
    DkimResult,
    DmarcResult,
    RequestedPolicy,
    SpfIdentity,
    SpfResult,
)

AUTHOR = "customer.example"


def verdict(
    spf: str = "none",
    dkim: str = "",
    policy: str = "",
    *,
    aligned: str = "",
    dmarc: str | None = None,
    undecided: bool = False,
    arc: ArcResult | None = None,
) -> AuthVerdict:
    """`spf` is `result` or `result of.domain`, of the author's domain by default; `dkim` lists such, with commas.
    `aligned` holds `spf`, `dkim` or both; DMARC then passes where a policy is published, unless `dmarc` says otherwise.
    """
    if dmarc is None:
        dmarc = "none" if not policy else "pass" if aligned else "temperror" if undecided else "fail"
    return AuthVerdict(
        spf=SpfResult(domain=_domain(spf), result=AuthResult(spf.split(maxsplit=1)[0])),
        helo=SpfResult(AuthResult.NONE, SpfIdentity.HELO, "client.example"),
        dkim=tuple(
            DkimResult(AuthResult(each.split()[0]), _domain(each), "s1", algorithm="rsa-sha256")
            for each in dkim.split(",")
            if each
        ),
        dmarc=DmarcResult(
            AuthResult(dmarc),
            AUTHOR,
            AUTHOR,
            AUTHOR if policy else "",
            RequestedPolicy(policy),
            aligned_spf=AUTHOR if "spf" in aligned else "",
            aligned_dkim=(AUTHOR,) if "dkim" in aligned else (),
            undecided=undecided,
        ),
        arc=arc or ArcResult(),
    )


def sealed(result: str = "pass", by: str = "lists.example.net", **claims: str) -> ArcResult:
    """A chain of one seal; `dmarc="pass"`, `about="customer.example"`."""
    about = claims.pop("about", None)
    said: list[tuple[str, Any]] = list(claims.items())
    if about is not None:
        said.append(("dmarc.header.from", about))
    return ArcResult(AuthResult(result), by, (by,), tuple(said))


def _domain(text: str) -> str:
    return text.split()[1] if " " in text else AUTHOR
