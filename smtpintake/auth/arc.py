"""ARC: the chain of those who handled a mail and vouch for what they saw (RFC 8617), validated.

Contract: pure and total, as `auth.dkim`. `key_names` says which keys are wanted, `verify` gives the chain's validation
status: `none` without a chain, `pass` or `fail`, and `temperror` where nothing is wrong but a key could not be fetched.
Chains of more than `MAX_INSTANCES` fail.

An ARC set is three fields of one instance: ARC-Authentication-Results (AAR), ARC-Message-Signature (AMS), which signs
the mail as DKIM does, and ARC-Seal (AS), which signs the sets so far.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smtpintake.auth import authres, keys
from smtpintake.auth.answers import Answers
from smtpintake.auth.canonical import BodyHashes, Canonicalization
from smtpintake.auth.keys import Key, KeyFault
from smtpintake.auth.results import MAX_DETAIL, ArcResult, AuthResult
from smtpintake.auth.signature import Header, Signature, failure, objection, read
from smtpintake.mail.prescan import Field, Octets, Prescan

MAX_INSTANCES: Final = 10  # RFC 8617 s4.2.1 allows 50; each is a key to fetch and a signature to verify

_AAR: Final = b"arc-authentication-results"
_AMS: Final = b"arc-message-signature"
_AS: Final = b"arc-seal"
_KINDS: Final = (_AAR, _AMS, _AS)  # in the order in which a seal signs them (s5.1.1)
_AMS_REQUIRED: Final = (b"i", b"a", b"b", b"bh", b"d", b"h", b"s")
_AS_REQUIRED: Final = (b"i", b"a", b"b", b"cv", b"d", b"s")
_AAR_INSTANCE: Final = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,3})[ \t\r\n]*;")
_INSTANCE: Final = re.compile(rb"[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class _Set:
    """An ARC set. `aar` is the position of its ARC-Authentication-Results."""

    aar: int
    message_signature: Signature
    seal: Signature

    @property
    def positions(self) -> tuple[int, int, int]:
        return self.aar, self.message_signature.position, self.seal.position


def key_names(fields: Sequence[Field]) -> tuple[str, ...]:
    """The names whose TXT records `verify` reads: none where the chain is broken already."""
    sets, fault = _chain(fields)
    if fault or not sets:
        return ()
    signatures = (sets[-1].message_signature, *(instance.seal for instance in sets))
    return tuple(dict.fromkeys(signature.key_name for signature in signatures))


def verify(raw: Octets, scan: Prescan, answers: Answers, now: datetime, bodies: BodyHashes) -> ArcResult:
    """The chain's validation status (RFC 8617 s5.2). `now` has a time zone; `answers` hold what `key_names` wanted."""
    sets, fault = _chain(scan.fields)
    if not sets and not fault:
        return ArcResult()
    if scan.refusal is not None:
        return ArcResult(AuthResult.FAIL, detail=f"not verified, for the mail is refused: {scan.detail}"[:MAX_DETAIL])
    if fault:
        return ArcResult(AuthResult.FAIL, detail=fault[:MAX_DETAIL])
    header = Header(raw, scan)
    newest = sets[-1].message_signature
    result, detail = _message_signature(newest, header, answers, now, bodies)
    for instance in reversed(sets):
        if result is AuthResult.FAIL:
            break
        sealed, reason = _seal(instance, sets, header, answers)
        if sealed is not AuthResult.PASS:
            result, detail = sealed, reason
    claims: tuple[tuple[str, str], ...] = ()
    if newest.signs_author:
        claims = authres.claims(scan.fields[sets[-1].aar].value.decode("latin-1"))
    elif result is AuthResult.PASS:
        detail = "From is not signed, so what the sealer claims may be of another author"
    sealers = tuple(instance.seal.domain for instance in sets)
    return ArcResult(result, sealers[-1], sealers, claims, detail[:MAX_DETAIL])


def _chain(fields: Sequence[Field]) -> tuple[tuple[_Set, ...], str]:
    """The sets, oldest first, and what breaks the chain before any signature is verified (s5.2, steps 1 to 3)."""
    found: dict[tuple[int, bytes], int] = {}
    for position, field in enumerate(fields):
        if field.name not in _KINDS:
            continue
        instance = _instance(field)
        if not 1 <= instance <= 50:
            return (), f"{_title(field.name)} without a valid instance"
        if instance > MAX_INSTANCES:
            return (), f"too many ARC sets: more than {MAX_INSTANCES}"
        if (instance, field.name) in found:
            return (), f"{_title(field.name)} twice for instance {instance}"
        found[instance, field.name] = position
    newest = max((instance for instance, _ in found), default=0)
    sets = []
    for instance in range(1, newest + 1):
        missing = [kind for kind in _KINDS if (instance, kind) not in found]
        if missing:
            return (), f"no {_title(missing[0])} for instance {instance}"
        sets.append(_set(fields, found, instance))
    faults = [fault for number, instance in enumerate(sets, 1) if (fault := _fault(instance, number))]
    if sets and sets[-1].seal.status == "fail":
        return tuple(sets), "the newest seal says that the chain had failed"
    return tuple(sets), faults[0] if faults else ""


def _set(fields: Sequence[Field], found: Mapping[tuple[int, bytes], int], instance: int) -> _Set:
    aar, ams, seal = (found[instance, kind] for kind in _KINDS)
    return _Set(
        aar,
        read(ams, fields[ams], _AMS_REQUIRED, arc=True),
        read(seal, fields[seal], _AS_REQUIRED, arc=True),
    )


def _instance(field: Field) -> int:
    """i= of a field of an ARC set; 0 where it has none."""
    if field.name == _AAR:
        match = _AAR_INSTANCE.match(field.value)
        return int(match[1]) if match else 0
    for tag in field.value.split(b";"):
        name, _, value = tag.partition(b"=")
        if name.strip() == b"i":
            return int(value) if _INSTANCE.fullmatch(value.strip()) else 0
    return 0


def _fault(instance: _Set, number: int) -> str:
    """What is wrong with a set by itself (s5.2, step 3)."""
    message_signature, seal = instance.message_signature, instance.seal
    if fault := message_signature.fault or seal.fault:
        return f"instance {number}: {fault}"
    if seal.names:
        return f"instance {number}: h= in an ARC-Seal"  # s4.1.3
    if _AS in message_signature.names:
        return f"instance {number}: the ARC-Message-Signature covers ARC-Seal"  # s4.1.2
    if seal.status != ("none" if number == 1 else "pass"):
        return f"instance {number}: cv={seal.status} there"
    return ""


def _message_signature(
    signature: Signature, header: Header, answers: Answers, now: datetime, bodies: BodyHashes
) -> tuple[AuthResult, str]:
    """Step 4: the newest one signs the mail as it is."""
    key = _key(signature, answers)
    if isinstance(key, KeyFault):
        return key.result, key.detail
    if reason := failure(signature, key, header, bodies) or objection(signature, header, bodies, now):
        return AuthResult.FAIL, f"ARC-Message-Signature: {reason}"
    return AuthResult.PASS, ""


def _seal(sealed: _Set, sets: Sequence[_Set], header: Header, answers: Answers) -> tuple[AuthResult, str]:
    """Step 6: the seal signs its own set and those before it, in order, relaxed (s5.1.1)."""
    key = _key(sealed.seal, answers)
    if isinstance(key, KeyFault):
        return key.result, key.detail
    covered = [at for instance in sets[: sets.index(sealed) + 1] for at in instance.positions][:-1]
    signed = b"".join(header.field(at, Canonicalization.RELAXED) for at in covered)
    if key.verifies(sealed.seal.value, signed + header.own(sealed.seal.position, Canonicalization.RELAXED)):
        return AuthResult.PASS, ""
    return AuthResult.FAIL, f"the ARC-Seal of {sealed.seal.domain} does not verify"


def _key(signature: Signature, answers: Answers) -> Key | KeyFault:
    key = keys.find(answers, signature.key_name)
    if isinstance(key, KeyFault):
        # There is no permerror for a chain (s4.4).
        return KeyFault(AuthResult.TEMPERROR if key.result is AuthResult.TEMPERROR else AuthResult.FAIL, key.detail)
    if not signature.algorithm.startswith(key.algorithm):
        return KeyFault(AuthResult.FAIL, f"the key is of {key.algorithm}")
    return key


def _title(name: bytes) -> str:
    return {_AAR: "ARC-Authentication-Results", _AMS: "ARC-Message-Signature", _AS: "ARC-Seal"}[name]
