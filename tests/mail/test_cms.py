"""S/MIME: what is signed is read, what is encrypted is kept, and both are said."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.mail import cms
from smtpintake.mail.bodies import ENCRYPTED, UNVERIFIED
from smtpintake.mail.parse import read
from tests.mail.letters import crlf, mail, multipart
from tests.mail.opening import files

SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
DATA = bytes.fromhex("06092a864886f70d010701")

TEXT = crlf("Content-Type: text/plain; charset=utf-8\n\nGrüße\n")
MIXED = multipart(
    "Content-Type: text/plain\n\nSee the plan.",
    "Content-Type: application/pdf; name=plan.pdf\nContent-Transfer-Encoding: base64\n\nQUJD",
    boundary="inner",
).partition(b"\r\n")[2]  # without From, as Outlook makes it


def certificate(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ana")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, SHA256())


def signed(entity: bytes) -> bytes:
    """DER, as Outlook writes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = pkcs7.PKCS7SignatureBuilder().set_data(entity).add_signer(certificate(key), key, SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def streamed(entity: bytes) -> bytes:
    """BER of indefinite lengths and in pieces, as OpenSSL streams it."""
    pieces = [entity[at : at + 100] for at in range(0, len(entity), 100)]
    octets = b"".join(b"\x04" + bytes((len(piece),)) + piece for piece in pieces)
    content = b"\x30\x80" + DATA + b"\xa0\x80\x24\x80" + octets + b"\0\0" * 3
    return b"\x30\x80" + SIGNED_DATA + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x00" + content + b"\x31\x00" + b"\0\0" * 3


def smime(octets: bytes, name: str = "smime.p7m") -> bytes:
    return mail(
        f'Content-Type: application/pkcs7-mime; smime-type=signed-data; name="{name}"',
        f'Content-Disposition: attachment; filename="{name}"',
        "Content-Transfer-Encoding: base64",
        body=base64.encodebytes(octets),
    )


@pytest.mark.parametrize("sign", [signed, streamed])
def test_a_signed_mail_is_read(sign: Callable[[bytes], bytes]) -> None:
    raw = smime(sign(MIXED))
    message = read(raw)
    assert message.text == "See the plan."
    assert message.notes == (UNVERIFIED,)
    assert files(raw, message) == {"plan.pdf": b"ABC"}


def test_a_mail_signed_twice_is_read() -> None:
    inner = smime(signed(MIXED)).partition(b"\r\n")[2]
    raw = smime(streamed(inner))
    message = read(raw)
    assert (message.text, message.notes) == ("See the plan.", (UNVERIFIED,))
    assert files(raw, message) == {"plan.pdf": b"ABC"}


def test_line_ends_that_a_signer_forgot_are_put_right() -> None:
    raw = smime(signed(MIXED.replace(b"\r\n", b"\n")))
    message = read(raw)
    assert message.text == "See the plan."
    assert files(raw, message) == {"plan.pdf": b"ABC"}


def test_what_a_list_added_stays() -> None:
    wrapped = smime(signed(TEXT)).partition(b"\r\n")[2]
    message = read(multipart(wrapped, "Content-Type: text/plain\n\nThe footer"))
    assert message.text == "Grüße\n\nThe footer"


def test_a_detached_signature_is_an_attachment_of_a_mail_that_can_be_read_anyway() -> None:
    message = read(multipart("\nHello", "Content-Type: application/pkcs7-signature; name=smime.p7s\n\nx"))
    assert (message.text, message.notes) == ("Hello", ())
    assert [attachment.name for attachment in message.attachments] == ["smime.p7s"]


def test_what_is_encrypted_is_kept_and_said() -> None:
    key = rsa.generate_private_key(65537, 2048)
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(TEXT).add_recipient(certificate(key))
    octets = builder.encrypt(Encoding.DER, [])
    assert cms.kind(octets[:64]) is cms.Kind.ENCRYPTED
    raw = smime(octets)
    message = read(raw)
    assert (message.text, message.notes) == (None, (ENCRYPTED,))
    assert files(raw, message) == {"smime.p7m": octets}


def test_pgp_mime() -> None:
    message = read(
        multipart(
            "Content-Type: application/pgp-encrypted\n\nVersion: 1",
            "Content-Type: application/octet-stream; name=encrypted.asc\n\n-----BEGIN PGP MESSAGE-----",
            subtype='encrypted; protocol="application/pgp-encrypted"',
        )
    )
    assert message.notes == (ENCRYPTED,)
    assert len(message.attachments) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: signed(b"%PDF-1.7 an invoice, and no mail"),
        lambda: signed(MIXED)[:100],
        lambda: b"",
        lambda: b"no CMS",
        lambda: b"\x30\x80",
    ],
    ids=["a document", "cut off", "empty", "something else", "a beginning"],
)
def test_what_is_no_signed_mail_is_an_attachment(make: Callable[[], bytes]) -> None:
    octets = make()
    raw = smime(octets, "invoice.p7m")
    message = read(raw)
    assert message.notes == ()
    assert files(raw, message) == {"invoice.p7m": octets}


def test_nesting_is_bounded() -> None:
    entity = TEXT
    for _ in range(10):
        entity = smime(streamed(entity)).partition(b"\r\n")[2]
    message = read(smime(streamed(entity)))
    assert message.text is None
    assert [attachment.name for attachment in message.attachments] == ["smime.p7m"]


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: streamed(TEXT)[:40] + tail))
def test_total(octets: bytes) -> None:
    cms.kind(octets)
    cms.signed_content(octets)
