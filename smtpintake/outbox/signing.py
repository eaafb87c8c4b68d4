"""DKIM signatures for our own mail (RFC 6376; RFC 8463 for ed25519): dkimpy signs, with the keys of the domain in From.

Contract: `Signer.signed` puts a signature for each key of the domain in From before the mail, the oldest key's last; a
mail of a domain without keys stays as it is. It takes some milliseconds of processor time a key, so it is called from a
thread. A mail is signed when it is sent, and not when it is written: what waits for days is signed with the key that
DNS has then, and `t=` is true.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from smtpintake.mail import authors
from smtpintake.mail.prescan import scan_section

LEAST_BITS: Final = 2048  # RFC 8301 s3.2: "Signers SHOULD use RSA keys of at least 2048 bits"
MAX_BITS: Final = 4096  # a longer key's record does not fit into what every verifier takes

# Signed once more than they occur, so that nobody can add another one (RFC 6376 s8.15).
_SIGNED: Final = (
    b"from",
    b"to",
    b"cc",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"auto-submitted",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
_RELAXED: Final = (b"relaxed", b"relaxed")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and where its public half is published: `selector`._domainkey.`domain`."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def name(self) -> str:
        """The name in DNS."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def algorithm(self) -> str:
        """As in the first half of a=, and in k= of the record."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def record(self) -> str:
        """What DNS is to say at `name` (RFC 6376 s3.6.1, RFC 8463 s4.2)."""
        if isinstance(self.private, RSAPrivateKey):
            public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            public = self.private.public_key().public_bytes_raw()
        return f"v=DKIM1; k={self.algorithm}; p={base64.b64encode(public).decode('ascii')}"

    @property
    def pem(self) -> bytes:
        """The private key, as a file keeps it."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def for_dkimpy(self) -> bytes:
        """The private key as dkimpy wants it: RSA as PKCS #1 in PEM, the seed of Ed25519 in base64."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return base64.b64encode(self.private.private_bytes_raw())


def read_key(domain: str, selector: str, pem: bytes) -> SigningKey:
    """The key in `pem`. Raises ValueError that says what is wrong with it."""
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it wants a password
        raise ValueError(f"no private key in PEM without a password: {error}") from error
    if isinstance(private, RSAPrivateKey):
        if not LEAST_BITS <= private.key_size <= MAX_BITS:
            raise ValueError(f"an RSA key of {private.key_size} bits; allowed are {LEAST_BITS} to {MAX_BITS}")
    elif not isinstance(private, Ed25519PrivateKey):
        raise ValueError("neither an RSA key nor one of Ed25519")  # noqa: TRY004 - the file is wrong, not the program
    return SigningKey(domain, selector, private)


def new_key(domain: str, selector: str, algorithm: str) -> SigningKey:
    """A key that nobody has yet; `algorithm` is `rsa` or `ed25519`."""
    private = Ed25519PrivateKey.generate() if algorithm == "ed25519" else generate_private_key(65537, LEAST_BITS)
    return SigningKey(domain, selector, private)


class Signer:
    """Signs with `keys`, in the order in which they are given."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys: Final[dict[str, list[tuple[SigningKey, bytes]]]] = {}
        for key in keys:
            self._keys.setdefault(key.domain, []).append((key, key.for_dkimpy))

    def signed(self, octets: bytes) -> bytes:
        """`octets`, a whole mail, with the signatures that it can have."""
        headers = [_signature(octets, key, private) for key, private in self._for(_author_domain(octets))]
        return b"".join((*headers, octets))

    def _for(self, domain: str) -> Sequence[tuple[SigningKey, bytes]]:
        """The keys of `domain`, or of the nearest above it: its signature is aligned as well (RFC 9989 s4.4.1)."""
        while domain and domain not in self._keys:
            domain = domain.partition(".")[2]
        return self._keys.get(domain, ())


def _author_domain(octets: bytes) -> str:
    values = [each.value for each in scan_section(octets, 0, len(octets)).fields if each.name == b"from"]
    found, _ = authors.authors(values)
    return found[0].mailbox.folded_domain if found else ""


def _signature(octets: bytes, key: SigningKey, private: bytes) -> bytes:
    import dkim  # noqa: PLC0415 - with the library for DNS that it brings, a tenth of a start, and most have no keys

    mail = dkim.DKIM(octets)
    present = [name.lower() for name, _ in mail.headers]
    names = [name for name in present if name in _SIGNED] + list(_SIGNED)
    signature: bytes = mail.sign(
        key.selector.encode("ascii"),
        key.domain.encode("ascii"),
        private,
        signature_algorithm=f"{key.algorithm}-sha256".encode("ascii"),
        canonicalize=_RELAXED,
        include_headers=names,
    )
    return signature
