"""Transfer encodings, cut anywhere."""

import base64
import binascii
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.mail import transfer


def decoded(octets: bytes, encoding: str) -> bytes:
    return b"".join(transfer.decoded(octets, 0, len(octets), encoding))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CHUNK", 5)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_base64(octets: bytes) -> None:
    assert decoded(base64.encodebytes(octets).replace(b"\n", b"\r\n"), "base64") == octets


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_quoted_printable(octets: bytes) -> None:
    assert decoded(quopri.encodestring(octets, quotetabs=True), "quoted-printable") == octets


@given(st.binary(max_size=200), st.sampled_from(["base64", "quoted-printable", "7bit", "x-uuencode", ""]))
@settings(deadline=None)
def test_total(octets: bytes, encoding: str) -> None:
    transfer.measure(octets, 0, len(octets), encoding)


@given(st.binary(max_size=100).map(quopri.encodestring))
@settings(deadline=None)
def test_pieces_change_nothing(octets: bytes) -> None:
    assert decoded(octets, "quoted-printable") == binascii.a2b_qp(octets)


@pytest.mark.parametrize(
    ("encoded", "plain"),
    [
        (b"QUJD", b"ABC"),
        (b"QUJDRA==", b"ABCD"),
        (b"QUJDRA", b"ABCD"),  # no padding
        (b"QUJDR", b"ABC"),  # six bits too many
        (b"QUI=QUI=", b"ABAB"),  # one after the other
        (b"Q U\r\nJ!D", b"ABC"),
        (b"====", b""),
        (b"", b""),
    ],
)
def test_crooked_base64(encoded: bytes, plain: bytes) -> None:
    assert decoded(encoded, "base64") == plain


def test_measure_is_of_what_a_reader_gets() -> None:
    size, sha256 = transfer.measure(b"xxQUJDxx", 2, 4, "base64")
    assert (size, sha256) == (3, "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78")


def test_head_says_whether_there_is_more() -> None:
    assert transfer.head(b"QUJDRA==", 0, 8, "base64", 3) == (b"ABC", True)
    assert transfer.head(b"QUJDRA==", 0, 8, "base64", 4) == (b"ABCD", False)
