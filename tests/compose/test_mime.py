"""Octets that stdlib's parser reads back as what was meant, and that no value can break out of."""

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.compose import mime


def read(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def compose(subject: str = "s", name: str = "", text: str = "text", html: str = "<p>html</p>") -> EmailMessage:
    fields = (("Subject", mime.unstructured(subject)), ("From", mime.mailbox(name, "support@example.org")))
    octets = mime.alternative(fields, text, html, "=_b")
    octets.decode("ascii")
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert b"\r" not in octets.replace(b"\r\n", b"")
    return read(octets)


def bodies(message: EmailMessage) -> tuple[str, str]:
    plain, html = message.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert isinstance(plain, EmailMessage)
    assert isinstance(html, EmailMessage)
    return plain.get_content().replace("\r\n", "\n"), html.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "größer",
        "日本語の本文です\n" * 20,
        "a" * 5000,
        "trailing \n.\nFrom here\n",
        "=3D\ttab",
        "ü" * 2000,
        "x\n\n\ny",
    ],
)
def test_bodies_come_back_as_written(text: str) -> None:
    assert bodies(compose(text=text, html=text)) == (text, text)


@given(text=st.text(), subject=st.text(max_size=300), name=st.text(max_size=100))
def test_any_text_is_one_field_and_one_part(text: str, subject: str, name: str) -> None:
    message = compose(subject=subject, name=name, text=text, html=text)
    assert message.keys() == ["Subject", "From", "MIME-Version", "Content-Type"]
    assert len(list(message.iter_parts())) == 2
    assert not message.defects
    [address] = message["From"].addresses
    assert address.addr_spec == "support@example.org"


@pytest.mark.parametrize(
    "subject",
    [
        "[SUP-12] plain",
        "[SUP-12] größer",
        "日本語の件名 " * 30,
        "word " * 60,
        "=?utf-8?B?aGk=?= shown as it is",
        "e\u0301" * 80,
    ],
)
def test_subjects_come_back(subject: str) -> None:
    assert compose(subject=subject)["Subject"] == subject.strip()


@pytest.mark.parametrize(
    "name", ["Customer support", "Müller & Söhne", 'The "best", really', "a\\b", "Support (EU)", "=?x?="]
)
def test_display_names_come_back(name: str) -> None:
    [address] = compose(name=name)["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "support@example.org")


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\n\r\n", "\v", "\f", "\x85", "\u2028", "\x00"])
def test_no_value_adds_a_field(end: str) -> None:
    message = compose(subject=f"a{end}Bcc: victim@example.net", name=f"b{end}Bcc: victim@example.net")
    assert "Bcc" not in message
    assert message["Subject"] == "a Bcc: victim@example.net"


def test_a_long_message_id_is_never_cut() -> None:
    ids = " ".join(f"<{number}{'x' * 240}@example.net>" for number in range(20))
    octets = mime.alternative((("References", ids),), "t", "h", "=_b")
    assert read(octets)["References"].split() == ids.split()


def test_an_internationalised_address_is_written_as_utf8() -> None:
    octets = mime.alternative((("To", "jürgen@example.net"),), "t", "h", "=_b")
    assert "To: jürgen@example.net\r\n".encode() in octets
