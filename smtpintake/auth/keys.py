"""`Key`: the public key of a DKIM or ARC signature, from the TXT record that publishes it (RFC 6376 s3.6.1, RFC 8463).

Contract: any answer gives a key or a `KeyFault`. A key that exists is one that is cheap to use: RSA of 1024 to 8192
bits with an exponent of at most 2^32, or ed25519. What was read is kept, the last few hundred records.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from smtpintake.auth.answers import Answers, Found, txt
from smtpintake.auth.results import AuthResult
from smtpintake.auth.tags import TagError, read_tags

MAX_RECORD: Final = 4 << 10
MIN_BITS: Final = 1024  # RFC 8301 s3.2: "Verifiers MUST NOT consider signatures using RSA keys of less than 1024 bits"
MAX_BITS: Final = 8192  # the time of a verification grows with the square of it, and with the exponent
MAX_EXPONENT: Final = 1 << 32

_KEY: Final = re.compile(r"(?:^|;)\s*p\s*=")

PublicKey = RSAPublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class KeyFault:
    """There is no key to verify with: TEMPERROR where DNS did not answer, else PERMERROR."""

    result: AuthResult
    detail: str


@dataclass(frozen=True, slots=True)
class Key:
    """A published key. `hashes`, where not empty, are those that it may be used with (h=)."""

    public: PublicKey
    hashes: frozenset[bytes] = frozenset()
    services: frozenset[bytes] = frozenset((b"*",))
    flags: frozenset[bytes] = frozenset()

    @property
    def algorithm(self) -> str:
        """As in the first half of a="""
        return "rsa" if isinstance(self.public, RSAPublicKey) else "ed25519"

    @property
    def testing(self) -> bool:
        return b"y" in self.flags

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """True where `signature` is that of the SHA-256 hash of `signed`."""
        try:
            if isinstance(self.public, RSAPublicKey):
                self.public.verify(signature, signed, PKCS1v15(), hashes.SHA256())
            else:
                # RFC 8463 s3: Ed25519 signs the hash as a message of its own.
                digest = hashes.Hash(hashes.SHA256())
                digest.update(signed)
                self.public.verify(signature, digest.finalize())
        except InvalidSignature:
            return False
        return True


def find(answers: Answers, name: str) -> Key | KeyFault:
    """The key published at `name`, which ends in `._domainkey.` and a domain."""
    answer = txt(answers, name)
    if answer.found is Found.TROUBLE:
        return KeyFault(AuthResult.TEMPERROR, f"no answer for the key {name}: {answer.detail}")
    # RFC 6376 s3.6.2.2 leaves more than one record undefined. What is no key, such as a wildcard's SPF, is passed over.
    records = [record for record in answer.records if _KEY.search(record)]
    if len(records) > 1:
        return KeyFault(AuthResult.PERMERROR, f"more than one key at {name}")
    if not records:
        return KeyFault(AuthResult.PERMERROR, f"no key at {name} ({answer.found})")
    return read(records[0])


@lru_cache(maxsize=512)
def read(record: str) -> Key | KeyFault:
    """The key in a TXT record."""
    try:
        return _read(record)
    except (TagError, UnsupportedAlgorithm, binascii.Error, ValueError) as error:
        return KeyFault(AuthResult.PERMERROR, f"the key cannot be read: {error}")


def _read(record: str) -> Key | KeyFault:
    if len(record) > MAX_RECORD:
        return KeyFault(AuthResult.PERMERROR, f"a key record of more than {MAX_RECORD} octets")
    tags = read_tags(record.encode("latin-1"))
    if tags.get(b"v", b"DKIM1") != b"DKIM1":
        return KeyFault(AuthResult.PERMERROR, "the key's version is not DKIM1")
    encoded = b"".join(tags.get(b"p", b"").split())
    if not encoded:
        return KeyFault(AuthResult.PERMERROR, "the key is revoked" if b"p" in tags else "the key has no p=")
    public = _public(tags.get(b"k", b"rsa"), base64.b64decode(encoded, validate=True))
    if isinstance(public, str):
        return KeyFault(AuthResult.PERMERROR, public)
    return Key(public, _listed(tags, b"h"), _listed(tags, b"s") or frozenset((b"*",)), _listed(tags, b"t"))


def _public(kind: bytes, octets: bytes) -> PublicKey | str:
    """The key, or what is wrong with it. Raises ValueError and UnsupportedAlgorithm."""
    if kind == b"ed25519":
        return Ed25519PublicKey.from_public_bytes(octets)
    if kind != b"rsa":
        return f"keys of type {kind!r} are not known"
    # Takes a SubjectPublicKeyInfo, and the bare RSAPublicKey that RFC 6376 s3.6.1 speaks of.
    public = load_der_public_key(octets)
    if not isinstance(public, RSAPublicKey):
        return "the key is not of RSA, though it says so"
    if not MIN_BITS <= public.key_size <= MAX_BITS:
        return f"an RSA key of {public.key_size} bits, not {MIN_BITS} to {MAX_BITS}"
    if public.public_numbers().e > MAX_EXPONENT:
        return "an RSA key with an exponent above 2^32"
    return public


def _listed(tags: dict[bytes, bytes], tag: bytes) -> frozenset[bytes]:
    return frozenset(item for item in (item.strip() for item in tags.get(tag, b"").split(b":")) if item)
