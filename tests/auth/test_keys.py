"""Key records by size. What else is wrong with a record is in `test_dkim`, as a mail would meet it."""

import base64

import pytest

from smtpintake.auth import keys
from smtpintake.auth.keys import Key, KeyFault
from smtpintake.auth.results import AuthResult
from tests.auth.signing import ed25519_key, rsa_key


def record(bits: int, exponent: int = 65537) -> str:
    """A key with a modulus of so many bits; that nobody can sign with it is no matter."""
    return published((1 << bits - 1) + 1, exponent)


def published(modulus: int, exponent: int) -> str:
    """A bare RSAPublicKey (RFC 8017 A.1.1)."""
    octets = der(0x30, integer(modulus) + integer(exponent))
    return "v=DKIM1; p=" + base64.b64encode(octets).decode()


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


@pytest.mark.parametrize("bits", [1024, 2048, 4096, 8192])
def test_sizes(bits: int) -> None:
    assert isinstance(keys.read(record(bits)), Key)
    assert isinstance(keys.read(record(bits, 1 << 32 | 1)), KeyFault)


@pytest.mark.parametrize(
    ("hostile", "detail"),
    [
        (record(512), "an RSA key of 512 bits, not 1024 to 8192"),
        (record(1023), "an RSA key of 1023 bits, not 1024 to 8192"),
        (record(8193), "an RSA key of 8193 bits, not 1024 to 8192"),
        (record(16384), "an RSA key of 16384 bits, not 1024 to 8192"),
        (record(8192, (1 << 8190) + 1), "an RSA key with an exponent above 2^32"),
        (record(16384, (1 << 16383) + 1), "a key record of more than 4096 octets"),
        (record(65536), "a key record of more than 4096 octets"),
    ],
    ids=["512", "1023", "8193", "16384", "8192, exponent too", "16384, exponent too", "65536"],
)
def test_a_key_that_would_take_long_is_none(hostile: str, detail: str) -> None:
    """There is no `Key`, and so nothing to call a verification on."""
    assert keys.read(hostile) == KeyFault(AuthResult.PERMERROR, detail)


def test_both_forms_of_an_rsa_key() -> None:
    numbers = rsa_key().private.public_key().public_numbers()
    bare, wrapped = keys.read(published(numbers.n, numbers.e)), keys.read(rsa_key().record)
    assert isinstance(bare, Key)
    assert isinstance(wrapped, Key)
    assert bare.public == wrapped.public


def test_a_record_is_read_once() -> None:
    assert keys.read(ed25519_key().record) is keys.read(ed25519_key().record)
    assert keys.read.cache_parameters()["maxsize"] == 512
