"""Signed mails for tests. dkimpy signs, so that what we verify is not of our own making.

key = rsa_key()
octets = signed(mail("Subject: x"), "example.com", "s1", key)
zone = {"s1._domainkey.example.com": key.record}

`sealed` adds an ARC set in the same way.
"""

import base64
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import HASH_ALGORITHMS, parse_pem_private_key
from nacl.encoding import RawEncoder
from nacl.signing import SigningKey as NaclKey

from smtpintake.auth.answers import Answer, Answers, Found, by_name

# One moment for all signatures, before any that a test judges them at: who reads the clock once, for a whole module,
# would find later ones to be of the future.
SIGNED_AT = str(int(time.time()))
NAMES = ("from", "to", "subject", "date", "message-id")


@dataclass(frozen=True)
class SigningKey:
    """A private key. `record` is the TXT record that publishes its public half."""

    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def record(self) -> str:
        return self.published()

    def published(self, **tags: str) -> str:
        """The record with further tags, such as t="y"."""
        if isinstance(self.private, RSAPrivateKey):
            octets = self.private.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        else:
            octets = self.private.public_key().public_bytes_raw()
        kind = self.algorithm.partition("-")[0]
        found = {"v": "DKIM1", "k": kind, **tags, "p": base64.b64encode(octets).decode("ascii")}
        return "; ".join(f"{tag}={value}" for tag, value in found.items())

    @property
    def for_dkimpy(self) -> Any:
        if isinstance(self.private, RSAPrivateKey):
            return parse_pem_private_key(self.pem)
        return NaclKey(self.private.private_bytes_raw(), encoder=RawEncoder)


@lru_cache
def rsa_key(bits: int = 2048, number: int = 0) -> SigningKey:
    """The same key for the same arguments, in one run; another `number` is another key."""
    return SigningKey(generate_private_key(65537, bits))


@lru_cache
def ed25519_key(number: int = 0) -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate())


def signed(
    raw: bytes,
    domain: str,
    selector: str,
    key: SigningKey,
    *,
    names: tuple[str, ...] = NAMES,
    canonicalization: str = "relaxed/relaxed",
    algorithm: str = "",
    length: int | None = None,
    **tags: str,
) -> bytes:
    """`raw` with a DKIM-Signature before it: of the fields `names`, of the first `length` octets of the body.

    Further `tags`, such as x="1", are signed as given; one that is None is left out.
    """
    algorithm = algorithm or key.algorithm
    policy = CanonicalizationPolicy.from_c_value(canonicalization.encode())
    signer = dkim.DKIM(raw, signature_algorithm=algorithm.encode())
    signer.hasher = HASH_ALGORITHMS[algorithm.encode()]
    body = policy.canonicalize_body(signer.body)[:length]
    fields: dict[str, str | None] = {
        "v": "1",
        "a": algorithm,
        "c": canonicalization,
        "d": domain,
        "s": selector,
        "t": SIGNED_AT,
        "l": None if length is None else str(length),
        **tags,
        "h": " : ".join(names),
        "bh": base64.b64encode(signer.hasher(body).digest()).decode(),
        "b": "0" * 60,
    }
    wanted = [(tag.encode(), value.encode()) for tag, value in fields.items() if value is not None]
    covered = [name.lower().encode() for name in names]
    value = signer.gen_header(wanted, covered, policy, b"DKIM-Signature", key.for_dkimpy)
    return b"DKIM-Signature: " + value + raw


def sealed(
    raw: bytes, domain: str, selector: str, key: SigningKey, results: str, names: tuple[str, ...] = NAMES
) -> bytes:
    """`raw` with one more ARC set, which claims `results`, such as "mx.example.com; dmarc=pass"."""
    instance = raw.count(b"\nARC-Seal:") + raw.startswith(b"ARC-Seal:") + 1
    relaxed = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    both = {"i": str(instance), "a": key.algorithm, "d": domain, "s": selector, "t": SIGNED_AT}

    def field(octets: bytes, name: bytes, tags: dict[str, str], covered: list[bytes]) -> bytes:
        signer = dkim.DKIM(octets, signature_algorithm=key.algorithm.encode())
        signer.hasher = hashlib.sha256
        wanted = [(tag.encode(), value.encode()) for tag, value in {**both, **tags, "b": "0" * 60}.items()]
        return name + b": " + signer.gen_header(wanted, covered, relaxed, name, key.for_dkimpy)

    body_hash = hashlib.sha256(relaxed.canonicalize_body(dkim.DKIM(raw).body)).digest()
    signs = {"c": "relaxed/relaxed", "h": " : ".join(names), "bh": base64.b64encode(body_hash).decode()}
    covered = [name.lower().encode() for name in names]
    octets = f"ARC-Authentication-Results: i={instance}; {results}\r\n".encode() + raw
    octets = field(raw, b"ARC-Message-Signature", signs, covered) + octets
    # RFC 8617 s5.1.1: the sets in order, the oldest first; of fields alike the last in the header is the oldest.
    sets = [b"arc-authentication-results", b"arc-message-signature", b"arc-seal"] * instance
    return field(octets, b"ARC-Seal", {"cv": "none" if instance == 1 else "pass"}, sets[:-1]) + octets


def answers(records: dict[str, str], names: Iterable[str] | None = None) -> Answers:
    """What DNS says of `names`, where these are all the TXT records; of all of them where no names are given."""
    return by_name(
        Answer(name, "TXT", Found.RECORDS, (records[name],)) if name in records else Answer(name, "TXT", Found.NXDOMAIN)
        for name in (records if names is None else names)
    )
