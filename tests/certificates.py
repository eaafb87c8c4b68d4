"""Certificates of an authority that only the tests trust."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import trustme

NAME = "mx.example.org"


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def issue(folder: Path, name: str = NAME, days: int = 365) -> tuple[Path, Path]:
    """A certificate and its key as files of `folder`, in place of those that are there."""
    issued = authority().issue_cert(name, not_after=datetime.now(UTC) + timedelta(days=days))
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return certificate, key


def trusting() -> ssl.SSLContext:
    """What a client uses that trusts the authority."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context
