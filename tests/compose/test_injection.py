"""No text makes a header field, whatever it holds and wherever it stands: in a value, a translation or a template."""

import email
import email.policy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from functools import partial
from typing import Any

import pytest
from markupsafe import Markup

from smtpintake.compose.answer import Answer, compose_answer
from smtpintake.compose.autoreply import compose_autoreply
from smtpintake.compose.digest import Digest, Tally, compose_digest
from smtpintake.compose.forward import Forward, compose_forward
from smtpintake.compose.kinds import SAMPLES
from smtpintake.compose.notification import Change, Notification, Words, compose_notification
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.render import Templates
from smtpintake.mail.address import Mailbox
from tests import make
from tests.compose.letters import SECRET, autoreply, sources, templates

CARA, SUPPORT = Mailbox.parse("cara@customer.example"), Mailbox.parse("support@example.org")

EVIL = {
    "crlf": "x\r\nBcc: eve@evil.example\r\n\r\nBUY",
    "lf": "x\nBcc: eve@evil.example\n\nBUY",
    "cr": "x\rBcc: eve@evil.example\r\rBUY",
    "folded": "x\r\n\tBcc: eve@evil.example",
    "nel": "x\x85Bcc: eve@evil.example",
    "separators": "x\u2028Bcc: eve@evil.example\u2029\x0bBUY\x0c",
    "nul": "x\x00\nBcc: eve@evil.example",
    "word": "=?utf-8?Q?x=0D=0ABcc:_eve@evil.example?=",
    "surrogate": "x\ud800\nBcc: eve@evil.example",
    "quotes": '"\\" <eve@evil.example>,\r\nBcc: eve@evil.example',
    "long": "Bcc: eve@evil.example " * 200,
    "unbroken": "ü" * 5000,
    "beginning": "\nBcc: eve@evil.example",
}


def reply(**values: Any) -> Outgoing:
    plain = autoreply(author=CARA, title="Printer", details="x", link="x")
    return compose_autoreply(replace(plain, **values), templates(), SECRET)


def sent_on(**values: Any) -> Outgoing:
    plain = Forward(CARA, SUPPORT, "Support", "en", "Printer", "Cara", "SUP-12", "log", 1, None, make.NOW, "held")
    return compose_forward(replace(plain, **values), templates(), SECRET)


def told(**values: Any) -> Outgoing:
    words = (Words("Ana", values.pop("text", "x"), None), Words(values.pop("said_by", "Ben"), "x", "<p>x</p>"))
    change = Change("status", values.pop("before", "open"), values.pop("after", "closed"))
    plain = Notification(
        "SUP-12", "Printer", CARA, SUPPORT, "Support", "en", words, (change,), "7-1", make.NOW, "root@x", "before@x"
    )
    return compose_notification(replace(plain, **values), templates(), SECRET)


def written(**values: Any) -> Outgoing:
    message = make.message(**({"subject": values.pop("subject")} if "subject" in values else {}))
    plain = Answer(CARA, SUPPORT, "Support", message, "Hello", "log", make.NOW)
    return compose_answer(replace(plain, **values), SECRET)


DIGEST = Digest(CARA, SUPPORT, "mx", "en", Tally(make.NOW, make.NOW), "2026-03-01", 1, UTC, make.NOW)


def reported(**values: Any) -> Outgoing:
    counted = Tally(make.NOW, make.NOW, (("held", values.pop("reason", "x"), 1),))
    return compose_digest(replace(DIGEST, tally=counted, **values), templates(), SECRET)


VALUES: list[tuple[Callable[..., Outgoing], str]] = [
    *((reply, name) for name in ("title", "inbox_name", "separator", "details", "link", "language")),
    *((sent_on, name) for name in ("title", "author", "inbox_name", "unprocessed", "language")),
    *((told, name) for name in ("title", "inbox_name", "separator", "link", "language", "root", "previous")),
    *((told, name) for name in ("text", "said_by", "before", "after")),
    *((reported, name) for name in ("host", "reason", "language")),
    *((written, name) for name in ("subject", "name", "text")),
]


def fields(mail: Outgoing) -> list[str]:
    """The names of the header fields as they stand on the wire, in order."""
    section = mail.octets.partition(b"\r\n\r\n")[0]
    assert b"\r" not in section.replace(b"\r\n", b"")
    assert b"\n" not in section.replace(b"\r\n", b"")
    lines = section.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    return [line.partition(b":")[0].decode("ascii") for line in lines if not line.startswith((b" ", b"\t"))]


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
@pytest.mark.parametrize(("compose", "name"), VALUES, ids=[f"{each.__name__}-{name}" for each, name in VALUES])
def test_no_value_makes_a_field(compose: Callable[..., Outgoing], name: str, evil: str) -> None:
    mail = compose(**{name: evil})
    assert fields(mail) == fields(compose())
    assert "\n" not in mail.subject
    message = email.message_from_bytes(mail.octets, policy=email.policy.default)
    assert message["To"].addresses[0].addr_spec == "cara@customer.example"
    assert [each.addr_spec for each in message["From"].addresses] == ["support@example.org"]
    assert message["Bcc"] is None
    body = message.get_body(("plain",))
    assert body is not None
    assert body["Bcc"] is None


@pytest.mark.parametrize("localpart", ['"a\\"b"', '"a b"', '"a,b"', '"a<b>"', "a+b", "müller", "x" * 64])
def test_no_address_makes_a_field(localpart: str) -> None:
    recipient = Mailbox.parse(f"{localpart}@customer.example")
    for mail in (
        reply(author=recipient),
        sent_on(recipient=recipient),
        told(recipient=recipient),
        reported(recipient=recipient),
    ):
        to = [line for line in mail.octets.split(b"\r\n") if line.startswith(b"To:")]
        assert to == [f"To: {localpart}@customer.example".encode()]


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
def test_no_template_of_a_subject_makes_a_field(kind: str, evil: str) -> None:
    own = Templates(sources(), SAMPLES, {f"{kind}.subject": evil})
    compose = {
        "autoreply": partial(compose_autoreply, autoreply()),
        "commands": partial(compose_autoreply, autoreply(kind="commands")),
        "forward": partial(
            compose_forward,
            Forward(CARA, SUPPORT, "Support", "en", "Printer", "Cara", "SUP-12", "log", 1, None, make.NOW),
        ),
        "comment": partial(
            compose_notification,
            Notification("SUP-1", "x", CARA, SUPPORT, "Support", "en", (Words("A", "x"),), (), "1-1", make.NOW),
        ),
        "notice": partial(
            compose_notification,
            Notification("SUP-1", "x", CARA, SUPPORT, "Support", "en", (), (), "1-1", make.NOW),
        ),
        "digest": partial(compose_digest, DIGEST),
    }[kind]
    mail = compose(own, SECRET)
    assert not mail.fault
    assert fields(mail) == fields(compose(templates(), SECRET))


def test_no_translation_makes_a_field() -> None:
    catalogue = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    catalogue += 'msgid "We have received your message"\nmsgstr "Ha\\r\\nBcc: eve@evil.example\\r\\n\\r\\nBUY"\n'
    own = Templates(sources(), SAMPLES, {"locale/de.po": catalogue})
    mail = compose_autoreply(autoreply(language="de"), own, SECRET)
    assert mail.subject == "[SUP-12] Ha Bcc: eve@evil.example BUY"
    assert fields(mail) == fields(compose_autoreply(autoreply(), templates(), SECRET))


def hostile(value: Any) -> Any:
    """Every text in `value` with a tag behind it, but for what is empty, or a word of ours."""
    match value:
        case dict():
            return {key: each if key in ("what", "lost") else hostile(each) for key, each in value.items()}
        case list() | tuple():
            return [hostile(each) for each in value]
        case str() if value and not isinstance(value, Markup):
            return f"{value}<img src=x>"
    return value


@pytest.mark.parametrize("kind", SAMPLES)
def test_no_value_makes_a_tag(kind: str) -> None:
    rendered = templates().render(kind, "en", hostile(dict(SAMPLES[kind])))
    assert rendered.fault is None
    assert "&lt;img src=x&gt;" in rendered.html
    assert "<img" not in rendered.html
    assert "&lt;" not in rendered.text
