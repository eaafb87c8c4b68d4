"""Attachments as an issue lists them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert import filing
from smtpintake.convert.file import File
from smtpintake.convert.filing import files
from smtpintake.mail.message import Attachment
from smtpintake.mail.parse import read

INNER = "From: cara@customer.example\r\nSubject: {}\r\nMIME-Version: 1.0\r\n\r\nHelp!\r\n"


def filed(content_type: str, body: bytes, *, name: str = "", encoded: bool = True) -> File:
    """The one attachment of a mail."""
    disposition = f'Content-Disposition: attachment; filename="{name}"\r\n' if name else ""
    encoding = "Content-Transfer-Encoding: base64\r\n" if encoded else ""
    raw = (
        (
            "From: cara@customer.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            f"--b\r\nContent-Type: {content_type}\r\n{encoding}{disposition}\r\n"
        ).encode()
        + (base64.b64encode(body) if encoded else body)
        + b"\r\n--b--\r\n"
    )
    (only,) = files(raw, read(raw).attachments)
    return only


def test_name_and_type_are_those_of_the_octets() -> None:
    file = filed("application/pdf", b"MZ\x90\0\x03", name="../x/bill.pdf")
    assert (file.name, file.part.name) == ("bill.pdf", "../x/bill.pdf")
    assert file.detected_type == "application/vnd.microsoft.portable-executable"
    assert file.part.content_type == "application/pdf"


def test_what_has_no_name_is_called_what_it_is() -> None:
    assert filed("application/octet-stream", b"\x89PNG\r\n\x1a\n").name == "image.png"
    assert filed("image/png", b"").name == "image.png"


def test_the_fork_of_a_mac_does_not_pass_for_the_file_itself() -> None:
    file = filed("application/applefile", bytes.fromhex("0005160700020000"), name="Plan.exe")
    assert file.name == "Plan.exe.applefile"
    assert ".exe" in file.kinds


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("Printer on fire", "Printer on fire.eml"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße.eml"),
        ("Re: AC/DC \\o/ tickets?", "Re_ AC_DC _o_ tickets_.eml"),
        ("..", "message.eml"),
        ("", "message.eml"),
        ("x" * 900, "x" * 251 + ".eml"),
    ],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_an_attached_mail_is_called_by_its_subject(subject: str, name: str, encoded: bool) -> None:
    assert filed("message/rfc822", INNER.format(subject).encode(), encoded=encoded).name == name


def test_an_attached_mail_keeps_the_name_that_it_was_given() -> None:
    assert filed("message/rfc822", INNER.format("x").encode(), name="proof.eml", encoded=False).name == "proof.eml"


def test_an_attached_mail_without_line_ends_of_its_own() -> None:
    assert filed("message/rfc822", INNER.format("Hello").replace("\r\n", "\n").encode()).name == "Hello.eml"


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("base64", b"!" * 20_000 + base64.b64encode(b"MZ\x90\0")),
        ("quoted-printable", b"=\r\n" * 10_000 + b"MZ=90=00"),
    ],
)
def test_stuffing_hides_no_signature(encoding: str, encoded: bytes) -> None:
    part = Attachment("bill.pdf", "application/pdf", 0, len(encoded), encoding, 4, "0" * 64)
    (file,) = files(encoded, [part])
    assert file.detected_type == "application/vnd.microsoft.portable-executable"


def test_what_lies_inside_others_is_looked_at_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    octets = base64.b64encode(b"....%PDF-1.7")
    part = Attachment("a", "image/png", 0, len(octets), "base64/4+8", 8, "0" * 64)
    assert [file.detected_type for file in files(octets, [part] * 2)] == ["application/pdf"] * 2
    monkeypatch.setattr(filing, "MAX_INSIDE", len(octets))
    assert [file.detected_type for file in files(octets, [part] * 2)] == ["application/pdf", "image/png"]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit", "uuencode", "yenc", "cms", "odd"])
@given(octets=st.binary(max_size=300))
def test_any_octets_make_a_file(encoding: str, octets: bytes) -> None:
    for content_type in ("message/rfc822", "application/octet-stream"):
        part = Attachment("", content_type, 0, len(octets), encoding, len(octets), "0" * 64)
        (file,) = files(octets, [part])
        assert file.name
        assert file.detected_type
