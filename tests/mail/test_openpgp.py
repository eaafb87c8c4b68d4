"""OpenPGP: what GnuPG makes of one text, which signature or not; and packets that are meant to hurt."""

import base64
import bz2
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.mail import openpgp
from smtpintake.mail.bodies import ENCRYPTED, SIGNED, UNVERIFIED
from smtpintake.mail.openpgp import Kind
from smtpintake.mail.parse import read
from tests.mail.letters import mail
from tests.mail.opening import files

TEXT = "Dear all,\n\n-- dashes\nFrom here\ngrüße"


def armoured(body: str) -> str:
    return f"-----BEGIN PGP MESSAGE-----\n\n{body}\n-----END PGP MESSAGE-----\n"


# `gpg --armor --sign`, as it is by default, with ZLIB, and with neither compression nor binary text; `gpg --store`.
ZIPPED = """\
owGbwMvMwCHWI85624Vx/SPG07pJDNmMf9VdUhOLFBJzcnS4uHR1FVISizNSi7nc
ivJzFTJSi1K50osO7zk8P5Wro5SFQYyDQVZMkSXfQFN6ZaYkZ2/jTB6YcaxMILMY
uDgFYCLdKxgZbpQaNp0I3TNV8a8w374ToR845J6HqJzwKFthmPeqsF38PsNfUVef
ixNczBfbHcn/vDu+O01zEa+eMuuhTVbSphXP1rgzAwA=
=W5JD
"""
ZLIB = """\
owJ4nJvAy8zAIdYjznrbhXH9I8bTukkM2Yx/1V1SE4sUEnNydLi4dHUVUhKLM1KL
udyK8nMVMlKLUrnSiw7vOTw/laujlIVBjINBVkyRJd9AU3plpiRnb+NMHphxrEwg
sxi4OAVgIt0rGBlulBo2nQjdM1XxrzDfvhOhHzjknoeonPAoW2GY96qwXfw+w19R
V5+LE1zMF9sdyf+8O747TXMRr54y66FNVtKmFc/WuDMDADnnQTM=
=jfYZ
"""
TEXTMODE = """\
kA0DAQgWjBcF20QBr+IByzJ0AGsB/SdEZWFyIGFsbCwNCg0KLS0gZGFzaGVzDQpG
cm9tIGhlcmUNCmdyw7zDn2UNCoh1BAEWCAAdFiEEbzApG6lpGQmNgZkMjBcF20QB
r+IFAmsB/ScACgkQjBcF20QBr+KGgwEAhqOAX0YVgTyRnJGHVjwkoOaBVlmNpooc
SVgtGPOjcsIA/jWIXCnH5WOTGeptolK95AGEAGazdtflmr4vVchURZIE
=muUw
"""
STORED = """\
owE7rZvEkM34V90lNbFIITEnR4eLS1dXISWxOCO1mMutKD9XISO1KJUrvejwnsPz
U7kA
=/2Ba
"""
BZIP2 = """\
owNCWmg2MUFZJlNZaXL4ygAARH///ndLq2ynYpEHxAYAt++7QDDOQiCYZJANHEgg
SJGQSAIgAJIdoA0AAA0AAAAAGgAB6gHqaM1HihUjRkDQADTTIGg0aDQAGQAZNAaA
yGgHEZimiK7ZoS1sAzyieSIUOEO+XhEByw0LQEkU5JP4DYshILYhXNFE0VMsJM7A
6BYx5msVWZpoF2TFOPsKQdcGUWyLsQdzzEYIZXV6mDo5EqeskyGCFrytBEWOePVQ
pQH0B8ZBd+dNnlzPAMSIzwyEbRPBhCiX+ws5KSQysf1I0xAphSFbVvprBN/F3JFO
FCQaXL4ygA==
=4Hev
"""
BINARY = b"\xcb\x0bb\0\0\0\0\0%PDF\0"


def packet(tag: int, body: bytes) -> bytes:
    return bytes((0xC0 | tag, 255)) + len(body).to_bytes(4) + body


def literal(content: bytes, kind: bytes = b"u") -> bytes:
    return packet(11, kind + b"\1x" + bytes(4) + content)


def body(octets: bytes) -> str:
    return base64.encodebytes(octets).decode()


@pytest.mark.parametrize("signed", [ZIPPED, ZLIB, TEXTMODE, STORED], ids=["zip", "zlib", "textmode", "store"])
def test_what_is_only_signed_is_read(signed: str) -> None:
    raw = mail("Content-Type: text/plain; charset=utf-8", body=f"See:\n{armoured(signed)}Bye\n")
    message = read(raw)
    assert message.text == f"See:\n{TEXT}\nBye"
    assert message.notes == (UNVERIFIED,)
    assert list(files(raw, message)) == ["signed.asc"]


def test_of_several_messages_the_first_is_read() -> None:
    raw = mail("Content-Type: text/plain; charset=utf-8", body=armoured(ZIPPED) * 2)
    message = read(raw)
    assert message.text == TEXT
    assert message.notes == (UNVERIFIED, SIGNED)
    assert [attachment.name for attachment in message.attachments] == ["signed.asc"] * 2


@pytest.mark.parametrize("signed", [BZIP2, body(BINARY), body(packet(2, b"x"))], ids=["bzip2", "binary", "signature"])
def test_what_is_signed_and_cannot_be_read_is_not_said_to_be_encrypted(signed: str) -> None:
    message = read(mail(body=armoured(signed)))
    assert message.notes == (SIGNED,)
    assert [attachment.name for attachment in message.attachments] == ["signed.asc"]


@pytest.mark.parametrize("tag", [1, 3, 9, 18, 20])
def test_what_is_encrypted(tag: int) -> None:
    octets = packet(10, b"PGP") + packet(tag, b"x")
    assert openpgp.kind(octets) is Kind.ENCRYPTED
    assert openpgp.signed_text(octets) is None
    assert read(mail(body=armoured(body(octets)))).notes == (ENCRYPTED,)


@pytest.mark.parametrize(
    "octets",
    [
        literal(b"Hello"),
        b"\xcb\x0cu\1x\0\0\0\0Hello",
        b"\xcb\xe3u\1x\0\0\0\0H\x04ello",  # in two pieces
        b"\xac\x0cu\1x\0\0\0\0Hello",  # the old format
        b"\xad\0\x0cu\1x\0\0\0\0Hello",
        b"\xafu\1x\0\0\0\0Hello",  # to the end
        packet(4, bytes(13)) + literal(b"Hello") + packet(2, bytes(70)),
    ],
)
def test_lengths(octets: bytes) -> None:
    assert openpgp.kind(octets) is Kind.SIGNED
    assert openpgp.signed_text(octets) == b"Hello"


def test_a_bomb_is_not_inflated() -> None:
    bomb = packet(8, b"\2" + zlib.compress(literal(b"a" * (50 << 20))))
    assert openpgp.kind(bomb) is Kind.SIGNED
    assert openpgp.signed_text(bomb) is None
    assert openpgp.signed_text(packet(8, b"\3" + bz2.compress(literal(b"a" * (50 << 20))))) is None


def test_what_is_compressed_twice_is_not_read() -> None:
    once = packet(8, b"\2" + zlib.compress(literal(b"Hello")))
    assert openpgp.signed_text(once) == b"Hello"
    assert openpgp.signed_text(packet(8, b"\2" + zlib.compress(once))) is None


def test_a_long_text_is_not_read() -> None:
    assert openpgp.signed_text(literal(b"a" * openpgp.MAX_CONTENT)) is not None
    assert openpgp.signed_text(literal(b"a" * (openpgp.MAX_CONTENT + 1))) is None


WHOLE = packet(4, bytes(13)) + packet(8, b"\2" + zlib.compress(literal(b"Hello")))


@given(
    st.binary(max_size=60)
    | st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=9)).map(lambda t: WHOLE[: t[0]] + t[1])
)
def test_total(octets: bytes) -> None:
    openpgp.kind(octets)
    openpgp.signed_text(octets)
    openpgp.dearmoured(octets)
