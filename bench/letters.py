"""Signed mails of domains that publish all there is, and what these publish.

Each domain has an SPF record that includes another one, a key for one RSA-2048 signature, and a DMARC policy. Most
domains send through a provider and include its record, as all do in one of the two kinds here; in the other kind each
has a record of its own to include, which only SPF leads to.
"""

from typing import Final

from bench.load import Letter
from bench.mails import MARK
from tests.auth.signing import rsa_key, signed

SELECTOR: Final = "s1"
PEER: Final = "127.0.0.1"
_DOMAIN_IN_MAILS: Final = b"clients.example"


def domain(number: int) -> str:
    return f"c{number:08d}.example"


def published(name: str, provider: str = "") -> dict[str, str]:
    """The TXT records of the domain `name`; its mail is sent by `provider`, or by itself."""
    included = f"spf.{provider or name}"
    return {
        name: f"v=spf1 include:{included} -all",
        included: f"v=spf1 ip4:192.0.2.0/24 ip4:{PEER} -all",
        f"{SELECTOR}._domainkey.{name}": rsa_key().record,
        f"_dmarc.{name}": "v=DMARC1; p=reject",
    }


def letter(unsigned: bytes, name: str, number: int) -> Letter:
    """The mail `unsigned` from the domain `name`, with a number of its own and one signature, relaxed/relaxed."""
    octets = unsigned.replace(_DOMAIN_IN_MAILS, name.encode()).replace(MARK, b"%08d" % number)
    return Letter(name, signed(octets, name, SELECTOR, rsa_key()))
