"""The DMARC policy record: one TXT text -> `PolicyRecord` (RFC 9989 s4.7, s4.8).

Contract: total and linear; any text gives a record or None. What the RFC dropped (`pct`, `rf`, `ri`) is unknown here
and so ignored; of the tags for reports only `rua` is looked at, because a record's worth can hang on it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from smtpintake.auth.results import RequestedPolicy

# s4.8: the name of the tag is a plain literal, and so of either case; the value is not. Nothing may stand before it.
_VERSION: Final = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
# RFC 3986 s2 and s3, the comma and the exclamation mark left out; the latter begins the obsolete size (s4.8).
_URI: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*:(?:[A-Za-z0-9\-._~:/?#\[\]@$&'()*+=]|%[0-9A-Fa-f]{2})+(?:![0-9]+[kmgt]?)?"
)

_WEAKER: Final = {
    RequestedPolicy.REJECT: RequestedPolicy.QUARANTINE,
    RequestedPolicy.QUARANTINE: RequestedPolicy.NONE,
}


class Psd(StrEnum):
    """psd=: is the domain one under which others register theirs? With UNKNOWN the tree walk decides."""

    YES = "y"
    NO = "n"
    UNKNOWN = "u"


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """`policy` is p=; NOTHING where the record is so broken that DMARC does not apply (s4.10.1).

    `subdomains` and `nonexistent` are sp= and np=, with what stands in for an absent one.
    """

    policy: RequestedPolicy
    subdomains: RequestedPolicy
    nonexistent: RequestedPolicy
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: Psd = Psd.UNKNOWN
    testing: bool = False

    def weakened(self, policy: RequestedPolicy) -> RequestedPolicy:
        """`policy`, one step milder where the owner only tests (t=y, s4.7)."""
        return _WEAKER.get(policy, policy) if self.testing else policy


@lru_cache(maxsize=512)
def parse(text: str) -> PolicyRecord | None:
    """The record that `text` is; None where it is none, which the whole text then counts for (s4.7, v=)."""
    if not _VERSION.match(text):
        return None
    tags: dict[str, str] = {}
    for piece in text.split(";")[1:]:
        name, equals, value = piece.partition("=")
        if equals:
            tags.setdefault(name.strip(" \t").lower(), value.strip(" \t").lower())
    policy, subdomains, nonexistent = _policies(tags)
    return PolicyRecord(
        policy,
        subdomains,
        nonexistent,
        strict_dkim=tags.get("adkim") == "s",
        strict_spf=tags.get("aspf") == "s",
        psd=Psd(tags["psd"]) if tags.get("psd") in tuple(Psd) else Psd.UNKNOWN,
        testing=tags.get("t") == "y",
    )


def _policies(tags: dict[str, str]) -> tuple[RequestedPolicy, RequestedPolicy, RequestedPolicy]:
    """p=, sp= and np=. s4.10.1: one wrong value spoils all three; then rua= tells an owner who listens from none."""
    given = [tags[name] for name in ("p", "sp", "np") if name in tags]
    valid = "p" in tags and all(value and value in tuple(RequestedPolicy) for value in given)
    if not valid:
        listens = any(_URI.fullmatch(uri.strip(" \t")) for uri in tags.get("rua", "").split(","))
        policy = RequestedPolicy.NONE if listens else RequestedPolicy.NOTHING
        return policy, policy, policy
    policy = RequestedPolicy(tags["p"])
    subdomains = RequestedPolicy(tags.get("sp", policy))
    return policy, subdomains, RequestedPolicy(tags.get("np", subdomains))
