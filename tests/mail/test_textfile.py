"""Files and PGP armour among the lines of a text."""

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.mail import textfile
from smtpintake.mail.bodies import ENCRYPTED, MAX_FILES, UNVERIFIED
from smtpintake.mail.parse import read
from tests.mail.letters import crlf, mail, multipart
from tests.mail.opening import files

ARMOUR = "-----BEGIN PGP MESSAGE-----\n\nwcBMA0Z=\n=abcd\n-----END PGP MESSAGE-----\n"
CLEARSIGNED = (
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nThe door is open.\n- -- \nAna\n"
    "-----BEGIN PGP SIGNATURE-----\n\niQEzBAEB\n-----END PGP SIGNATURE-----\n"
)


def uuencoded(name: str, octets: bytes) -> str:
    lines = [binascii.b2a_uu(octets[at : at + 45]).decode() for at in range(0, len(octets), 45)]
    return f"begin 644 {name}\n{''.join(lines)}`\nend\n"


def yencoded(name: str, octets: bytes) -> bytes:
    """As posted: a NUL, a line end, `=` and a dot at the beginning are escaped."""
    lines = []
    for at in range(0, len(octets), 128):
        line = b""
        for octet in octets[at : at + 128]:
            code = (octet + 42) % 256
            escaped = code in b"\0\r\n=" or (code == ord(".") and not line)
            line += bytes((ord("="), (code + 64) % 256)) if escaped else bytes((code,))
        lines.append(line + b"\r\n")
    head = f"=ybegin line=128 size={len(octets)} name={name}\r\n".encode()
    return head + b"".join(lines) + f"=yend size={len(octets)} crc32=00000000\r\n".encode()


CONTENT = bytes(range(256)) * 5


@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
def test_a_uuencoded_file_is_an_attachment(encoding: str) -> None:
    body = crlf(f"See below.\n\n{uuencoded('plan b.bin', CONTENT)}\nThanks\n")
    encoded = {
        "7bit": body,
        "base64": base64.encodebytes(body),
        "quoted-printable": binascii.b2a_qp(body, istext=True),
    }[encoding]
    raw = mail(f"Content-Transfer-Encoding: {encoding}", body=encoded)
    message = read(raw)
    assert message.text == "See below.\n\n\nThanks"
    assert files(raw, message) == {"plan b.bin": CONTENT}


def test_a_yencoded_file_is_an_attachment() -> None:
    raw = mail("Content-Transfer-Encoding: 8bit", body=b"Look:\n") + yencoded("a.bin", CONTENT) + b"Thanks\r\n"
    message = read(raw)
    assert message.text == "Look:\nThanks"
    assert files(raw, message) == {"a.bin": CONTENT}


def test_a_part_may_be_uuencoded_as_a_whole() -> None:
    raw = mail(
        "Content-Type: a/b; name=x.bin", "Content-Transfer-Encoding: x-uuencode", body=uuencoded("y.bin", CONTENT)
    )
    assert files(raw, read(raw)) == {"x.bin": CONTENT}


def test_two_files_and_what_stands_between_them() -> None:
    raw = mail(body=uuencoded("a", b"one") + "between\n" + uuencoded("b", b"two"))
    message = read(raw)
    assert message.text == "between"
    assert files(raw, message) == {"a": b"one", "b": b"two"}


@pytest.mark.parametrize(
    "text",
    [
        "begin 644 of this\nwe had no end\n",
        "begin with a word\nend\n",
        "> begin 644 a\n> #8F%Z\n> `\n> end\n",
        "=ybegin line=128 size=3 name=a\nabc\n",
        "-----BEGIN PGP MESSAGE-----\n\nno end\n",
        "-----BEGIN PGP MESSAGE-----\n\nno packets\n-----END PGP MESSAGE-----\n",
        "-----BEGIN PGP MESSAGE-----\n\nSGVsbG8h\n-----END PGP MESSAGE-----\n",
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: x\n\ntext without signature\n",
        "> -----BEGIN PGP MESSAGE-----\n> x\n> -----END PGP MESSAGE-----\n",
    ],
)
def test_what_only_looks_like_one_is_text(text: str) -> None:
    message = read(mail(body=text))
    assert message.text == text.removesuffix("\n")
    assert message.attachments == ()
    assert message.notes == ()


def test_a_signed_text_is_read_and_its_signature_kept() -> None:
    raw = mail(body=CLEARSIGNED + "\nA list's footer\n")
    message = read(raw)
    assert message.text == "The door is open.\n-- \nAna\n\nA list's footer"
    assert message.notes == (UNVERIFIED,)
    assert files(raw, message)["signature.asc"].startswith(b"-----BEGIN PGP SIGNATURE")


def test_an_encrypted_text_is_kept_and_said_to_be_one() -> None:
    raw = mail(body="Only for you:\n" + ARMOUR)
    message = read(raw)
    assert message.text == "Only for you:"
    assert message.notes == (ENCRYPTED,)
    assert files(raw, message) == {"encrypted.asc": crlf(ARMOUR)}


def test_nobody_is_drowned_in_files() -> None:
    message = read(mail(body=uuencoded("a", b"one") * 150))
    assert len(message.attachments) == textfile.MAX_STRETCHES
    assert message.text is not None
    assert message.text.count("begin") == 50


def test_after_many_files_a_text_stays_as_it_is() -> None:
    text = "Content-Type: text/plain\n\n" + uuencoded("a", b"one") * textfile.MAX_STRETCHES
    message = read(multipart(*[text] * 12))
    assert len(message.attachments) == MAX_FILES
    assert (message.text or "").count("begin") == 2 * textfile.MAX_STRETCHES


@given(st.binary(max_size=300))
def test_what_is_encoded_comes_back(octets: bytes) -> None:
    for raw in (mail(body=uuencoded("a", octets)), mail() + yencoded("a", octets)):
        assert files(raw, read(raw)) == {"a": octets}


PIECES = st.sampled_from(
    [b"begin 644 a\r\n", b"#8F%Z\r\n", b"`\r\n", b"end\r\n", b"=ybegin name=a\r\n", b"=yend \r\n", b"=", b"\n", b"- "]
    + [line.encode() + b"\r\n" for line in (CLEARSIGNED + ARMOUR).splitlines()]
)


@given(st.lists(PIECES | st.binary(max_size=5), max_size=40).map(b"".join))
def test_total(octets: bytes) -> None:
    text, stretches = textfile.split(octets)
    assert len(text) + sum(stretch.length for stretch in stretches) <= len(octets) or textfile.PGP in {
        stretch.content_type for stretch in stretches
    }
    textfile.uudecoded(octets)
    textfile.ydecoded(octets)
