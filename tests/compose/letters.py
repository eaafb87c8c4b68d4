"""What the tests of outgoing mail share: the shipped templates, a secret, and an answer to be composed."""

from dataclasses import replace
from functools import cache
from typing import Any

from smtpintake.compose.autoreply import AutoReply
from smtpintake.compose.kinds import SAMPLES
from smtpintake.compose.render import Templates
from smtpintake.mail.address import Mailbox
from smtpintake.resources import resource
from tests import make

SECRET = b"0123456789abcdef0123456789abcdef"


def sources() -> dict[str, str]:
    folder = resource("templates")
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*.*")}


@cache
def templates() -> Templates:
    return Templates(sources(), SAMPLES)


def autoreply(**values: Any) -> AutoReply:
    plain = AutoReply(
        issue_key="SUP-12",
        author=Mailbox.parse("Cara@customer.example"),
        address=Mailbox.parse("support@example.org"),
        inbox_name="Customer support",
        language="en",
        separator="-- reply above this line --",
        message=make.message(references=("a@x", "b@y"), in_reply_to=("b@y",)),
        nonce="06fqg1z0abcdefgh",
        now=make.NOW,
    )
    return replace(plain, **values)
