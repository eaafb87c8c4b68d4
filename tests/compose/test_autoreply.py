"""RFC 3834: who is answered, and what the answer looks like on the wire."""

import email
import email.policy
from typing import Any

import pytest

from smtpintake.compose.autoreply import compose_autoreply, why_silent
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.replyaddress import loop_mark, reply_key
from smtpintake.mail.address import Mailbox
from smtpintake.mail.message import Origin
from smtpintake.mail.parse import read
from tests import make
from tests.compose.letters import SECRET, autoreply, templates

OWN = frozenset(("support@example.org", "@catch.example"))


def test_a_person_is_answered() -> None:
    assert why_silent(make.envelope(), make.message(), OWN) is None


@pytest.mark.parametrize(
    ("author", "mail_from", "says"),
    [
        ("cara@customer.example", None, "null"),
        ("support@example.org", "x@customer.example", "our own"),
        ("Support+key@EXAMPLE.org", "x@customer.example", "our own"),
        ("anybody@catch.example", "x@customer.example", "our own"),
        ("cara@customer.example", "support+abc@example.org", "our own"),
        ("MAILER-DAEMON@customer.example", "x@customer.example", "machine"),
        ("cara@customer.example", "owner-list@lists.example", "machine"),
        ("cara@customer.example", "list-request@lists.example", "machine"),
        ("cara@customer.example", "list-bounces@lists.example", "machine"),
        ("cara@customer.example", "bounces+1=2@shop.example", "machine"),
        ("no-reply@shop.example", "no-reply@shop.example", "machine"),
        ("DoNotReply@shop.example", "x@shop.example", "machine"),
        ("noreply-billing@shop.example", "x@shop.example", "machine"),
    ],
)
def test_some_addresses_are_never_answered(author: str, mail_from: str | None, says: str) -> None:
    silence = why_silent(make.envelope(mail_from=mail_from), make.message(authors=(make.author(author),)), OWN)
    assert silence is not None
    assert says in silence


@pytest.mark.parametrize("localpart", ["nora.reply", "bouncer", "requests", "daemons", "lister", "replying"])
def test_people_with_such_names_are_answered(localpart: str) -> None:
    message = make.message(authors=(make.author(f"{localpart}@customer.example"),))
    assert why_silent(make.envelope(), message, OWN) is None


@pytest.mark.parametrize(
    ("name", "value", "silent"),
    [
        ("Auto-Submitted", "auto-generated", True),
        ("auto-submitted", "AUTO-REPLIED; owner-email=x@y", True),
        ("Auto-Submitted", "auto-notified", True),
        ("Auto-Submitted", "something-new", True),
        ("Auto-Submitted", "no", False),
        ("Auto-Submitted", " NO (a person)", False),
        ("Auto-Submitted", "no; x=y", False),
        ("List-Id", "<l.example>", True),
        ("list-unsubscribe", "<mailto:x@y>", True),
        ("Precedence", "bulk", True),
        ("Precedence", " List ", True),
        ("Precedence", "junk", True),
        ("Precedence", "first-class", False),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply", True),
        ("X-Auto-Response-Suppress", "All", True),
        ("X-Auto-Response-Suppress", "DR, NDR, RN, NRN", False),
        ("X-Listed", "yes", False),
    ],
)
def test_the_header_may_ask_for_silence(name: str, value: str, silent: bool) -> None:
    assert (why_silent(make.envelope(), make.message(header=((name, value),)), OWN) is not None) is silent


@pytest.mark.parametrize("origin", [origin for origin in Origin if origin is not Origin.HUMAN])
def test_no_machine_is_answered(origin: Origin) -> None:
    assert why_silent(make.envelope(), make.message(origin=origin), OWN)


@pytest.mark.parametrize(
    "values",
    [{"authors": ()}, {"from_fields": 2}, {"authors": (make.author(), make.author("b@customer.example"))}],
)
def test_without_one_author_there_is_nobody_to_answer(values: dict[str, Any]) -> None:
    assert why_silent(make.envelope(), make.message(**values), OWN)


def test_our_own_mark_and_what_stops_an_address_silence() -> None:
    assert why_silent(make.envelope(), make.message(), OWN, returned=True)
    assert why_silent(make.envelope(), make.message(), OWN, stopped="it came back") == "it came back"


# ---- the answer ----------------------------------------------------------------------------------------------------


def compose(**values: Any) -> Outgoing:
    return compose_autoreply(autoreply(**values), templates(), SECRET)


def test_the_answer_carries_every_header_of_the_contract() -> None:
    answer = compose()
    header = email.message_from_bytes(answer.octets, policy=email.policy.default)
    key = reply_key(SECRET, "SUP-12", "cara@customer.example")
    assert (answer.mail_from, answer.rcpt_to, answer.reply_key) == ("", "cara@customer.example", key)
    assert header["From"] == "Customer support <support@example.org>"
    assert header["To"] == "Cara@customer.example"
    assert header["Reply-To"] == f"support+{key}@example.org"
    assert header["Subject"] == answer.subject == "[SUP-12] We have received your message"
    assert header["Message-ID"] == f"<{answer.message_id}>"
    assert header["In-Reply-To"] == "<m1@customer.example>"
    *references, anchor = header["References"].split()
    assert references == ["<a@x>", "<b@y>", "<m1@customer.example>"]
    assert anchor.startswith("<SUP-12.issue.anchor.")
    assert header["Auto-Submitted"] == "auto-replied"
    assert header["X-Smtpintake-Loop"] == loop_mark(SECRET)
    assert header["Date"].datetime == make.NOW


def test_the_answer_begins_with_the_separator_and_names_the_issue() -> None:
    message = read(compose(separator="-- répondez au-dessus de cette ligne --").octets)
    assert message.text is not None
    assert message.html is not None
    assert message.text.startswith("-- répondez au-dessus de cette ligne --")
    assert "SUP-12" in message.text
    assert "SUP-12" in message.html
    assert not message.defects


def test_nothing_of_a_stranger_is_in_the_answer() -> None:
    forged = make.message(
        subject="BUY NOW http://spam.example", text="BUY NOW", authors=(make.author("victim@x.example", "BUY NOW"),)
    )
    octets = compose(message=forged, author=Mailbox.parse("victim@x.example")).octets
    assert b"BUY" not in octets
    assert b"spam.example" not in octets


def test_the_title_of_a_proved_author_is_escaped_and_stays_in_the_body() -> None:
    message = read(compose(title="<script>alert(1)</script>\r\nBcc: x@y").octets)
    assert message.html is not None
    assert message.text is not None
    assert "<script>" not in message.html
    assert "<script>alert(1)</script> Bcc: x@y" in message.text
    assert "bcc" not in {name for name, _ in message.header}


@pytest.mark.parametrize("message_id", [None, "has space@x", "a>b@x", "ü@x", "x" * 300, "a\r\nBcc: v@x"])
def test_an_unfit_message_id_is_not_repeated(message_id: str | None) -> None:
    header = email.message_from_bytes(compose(message=make.message(message_id=message_id)).octets)
    assert header["In-Reply-To"] is None
    assert header["References"].startswith("<SUP-12.issue.anchor.")


def test_many_references_are_bounded_and_keep_the_newest() -> None:
    message = make.message(references=tuple(f"{number}@x" for number in range(100)))
    references = email.message_from_bytes(compose(message=message).octets)["References"].split()
    assert references[0] == "<80@x>"
    assert references[-3:-1] == ["<99@x>", "<m1@customer.example>"]


def test_the_same_answer_is_the_same_octets() -> None:
    assert compose() == compose()
    assert compose().message_id != compose(nonce="other").message_id


def test_a_long_inbox_address_is_its_own_reply_address() -> None:
    answer = compose(address=Mailbox.parse("a" * 60 + "@example.org"))
    assert answer.reply_key is None
    assert email.message_from_bytes(answer.octets)["Reply-To"] == "a" * 60 + "@example.org"


def test_internationalised_domains_go_out_as_a_labels() -> None:
    answer = compose(author=Mailbox.parse("Cara@Bücher.example"), address=Mailbox.parse("hilfe@müller.example"))
    assert answer.rcpt_to == "cara@xn--bcher-kva.example"
    assert answer.message_id.endswith("@xn--mller-kva.example")
    assert answer.octets.isascii()
