"""A mail that is sent on: the original whole, and nothing of it mistaken for ours."""

import email
import email.policy
from dataclasses import replace

import pytest

from smtpintake.compose.forward import Forward, compose_forward
from smtpintake.compose.replyaddress import loop_mark
from smtpintake.mail.address import Mailbox
from smtpintake.mail.parse import read
from tests import make
from tests.compose.letters import SECRET, templates

ORIGINAL = b"From: cara@customer.example\r\nSubject: Printer\r\n\r\n--boundary\r\nIt smokes.\r\n"
FORWARD = Forward(
    recipient=Mailbox.parse("Expert@partner.example"),
    address=Mailbox.parse("support@example.org"),
    inbox_name="Customer support",
    language="en",
    title="Printer\r\nBcc: eve@evil.example",
    author="cara@customer.example",
    issue_key="SUP-12",
    log_id="06fqg1z0abcdefgh",
    number=1,
    original=ORIGINAL,
    now=make.NOW,
)


def composed(**values: object) -> email.message.EmailMessage:
    outgoing = compose_forward(replace(FORWARD, **values), templates(), SECRET)  # type: ignore[arg-type]
    assert (outgoing.kind, outgoing.mail_from, outgoing.rcpt_to) == ("forward", "", "expert@partner.example")
    assert outgoing.octets.isascii()
    return email.message_from_bytes(outgoing.octets, policy=email.policy.default)


def test_the_original_is_attached_as_it_came() -> None:
    message = composed()
    _, attached = message.iter_parts()
    assert attached.get_content_type() == "message/rfc822"
    assert attached.get_content().as_bytes(policy=email.policy.SMTP) == ORIGINAL
    body = message.get_body(("plain",))
    assert body is not None
    assert "SUP-12" in body.get_content()


@pytest.mark.parametrize(
    "original",
    [
        "Subject: Drucker\r\n\r\nEr brennt, schöne Grüße.\r\n".encode(),
        b"Subject: Long\r\n\r\n" + b"x" * 2000 + b"\r\n",
    ],
)
def test_what_not_every_server_takes_goes_as_a_file(original: bytes) -> None:
    _, attached = composed(original=original).iter_parts()
    assert (attached.get_filename(), attached.get_content()) == ("original.eml", original)


def test_a_large_mail_is_told_of() -> None:
    message = composed(original=None, issue_key="")
    assert message.get_content_type() == "multipart/alternative"
    body = message.get_body(("plain",))
    assert body is not None
    assert "too large" in body.get_content()


def test_it_is_known_as_ours_and_as_automatic() -> None:
    message = composed()
    assert (message["Auto-Submitted"], message["Bcc"]) == ("auto-generated", None)
    assert message["Subject"] == "Fwd: [SUP-12] Printer Bcc: eve@evil.example"
    assert read(bytes(message)).loop_marks == (loop_mark(SECRET),)


def test_each_recipient_has_a_mail_of_their_own() -> None:
    assert composed()["Message-ID"] != composed(number=2)["Message-ID"]
