"""DKIM: every signature of a mail verified with the keys that DNS gave (RFC 6376, RFC 8301, RFC 8463).

Contract: pure and total. `key_names` says which keys are wanted, as soon as the header section is there; `verify` gives
a result for each signature, the topmost first, and for those past `MAX_SIGNATURES` one that counts them. Results are
those of RFC 8601 s2.7.1; no signature at all is an empty tuple. A signature that verifies and still should not be
relied on is `policy`, with the reason. The body is hashed once for all signatures alike, and for none whose header
does not verify.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from smtpintake.auth import keys
from smtpintake.auth.answers import Answers
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.keys import Key, KeyFault
from smtpintake.auth.results import MAX_DETAIL, AuthResult, DkimResult
from smtpintake.auth.signature import Header, Signature, failure, objection, read
from smtpintake.mail.prescan import Field, Octets, Prescan

MAX_SIGNATURES: Final = 5  # RFC 6376 s6.1 lets a verifier limit them: each costs a look-up and a hash

_REQUIRED: Final = (b"v", b"a", b"b", b"bh", b"d", b"h", b"s")
_NAME: Final = b"dkim-signature"


def signatures(fields: Sequence[Field]) -> tuple[Signature, ...]:
    """Those that are verified. One that breaks the grammar is there too, with its fault."""
    places = [position for position, field in enumerate(fields) if field.name == _NAME]
    return tuple(read(position, fields[position], _REQUIRED) for position in places[:MAX_SIGNATURES])


def key_names(found: Sequence[Signature]) -> tuple[str, ...]:
    """The names whose TXT records `verify` reads for the signatures `found`."""
    return tuple(dict.fromkeys(signature.key_name for signature in found if not _hopeless(signature)))


def verify(raw: Octets, scan: Prescan, answers: Answers, now: datetime, bodies: BodyHashes) -> tuple[DkimResult, ...]:
    """The result of each signature. `now` has a time zone; `answers` hold what `key_names` wanted."""
    found = signatures(scan.fields)
    header = Header(raw, scan)
    if scan.refusal is None:
        results = [_verified(signature, header, answers, now, bodies) for signature in found]
    else:
        detail = f"not verified, for the mail is refused: {scan.detail}"
        results = [_result(signature, AuthResult.PERMERROR, detail) for signature in found]
    unread = header.count(_NAME) - len(found)
    if unread:
        results.append(DkimResult(AuthResult.NEUTRAL, detail=f"{unread} more signatures were not checked"))
    return tuple(results)


def _hopeless(signature: Signature) -> tuple[AuthResult, str] | None:
    """The result of a signature that no key can help."""
    if signature.fault:
        return AuthResult.PERMERROR, signature.fault
    if signature.algorithm == "rsa-sha1":
        # RFC 8301 s3.1: "rsa-sha1 MUST NOT be used for signing or verifying."
        return AuthResult.POLICY, "rsa-sha1 proves nothing"
    return None


def _verified(signature: Signature, header: Header, answers: Answers, now: datetime, bodies: BodyHashes) -> DkimResult:
    if hopeless := _hopeless(signature):
        return _result(signature, *hopeless)
    key = keys.find(answers, signature.key_name)
    if isinstance(key, KeyFault):
        return _result(signature, key.result, key.detail)
    if not signature.algorithm.startswith(key.algorithm):
        # RFC 6376 s6.1.2 (6): PERMFAIL (inappropriate key algorithm)
        return _result(signature, AuthResult.PERMERROR, f"the key is of {key.algorithm}", testing=key.testing)
    if reason := failure(signature, key, header, bodies):
        return _result(signature, AuthResult.FAIL, reason, testing=key.testing)
    if reason := _objection(signature, key, header, bodies, now):
        return _result(signature, AuthResult.POLICY, reason, testing=key.testing)
    return _result(signature, AuthResult.PASS, testing=key.testing)


def _result(signature: Signature, result: AuthResult, detail: str = "", *, testing: bool = False) -> DkimResult:
    return DkimResult(
        result,
        signature.domain,
        signature.selector,
        signature.auid,
        signature.algorithm,
        detail[:MAX_DETAIL],
        testing,
    )


def _objection(signature: Signature, key: Key, header: Header, bodies: BodyHashes, now: datetime) -> str:
    """Why a signature that verifies is not relied on; empty where nothing speaks against it."""
    if not signature.signs_author:
        return "From is not signed"
    return objection(signature, header, bodies, now) or _about_identity(signature, key) or _about_use(key)


def _about_identity(signature: Signature, key: Key) -> str:
    """RFC 6376 s6.1.1 and, of the key's t=s, s3.6.1."""
    domain = signature.auid.rpartition("@")[2].lower()
    if domain == signature.domain:
        return ""
    if not domain.endswith("." + signature.domain):
        return "i= is not of d="
    return "i= is of a subdomain, which the key does not allow" if b"s" in key.flags else ""


def _about_use(key: Key) -> str:
    """RFC 6376 s3.6.1, h= and s= of a key."""
    if key.hashes and b"sha256" not in key.hashes:
        return "the key is not for SHA-256"
    if not key.services & {b"*", b"email"}:
        return "the key is not for mail"
    return ""
