"""Mail made to hang or to break a parser. Each is read and drafted within a deadline that only a hang would miss."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.convert.draft import draft
from smtpintake.decide.policy import DEFAULT_SEPARATORS
from smtpintake.mail.message import Message
from smtpintake.mail.parse import read
from smtpintake.mail.reason import Reason
from tests.mail.letters import mail, multipart

HANG = 30  # seconds


@pytest.fixture(autouse=True)
def _hang_guard() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TimeoutError(f"not done after {HANG} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANG)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def analysed(raw: bytes) -> Message:
    message = read(raw)
    if message.refusal is None:
        drawn = draft(message, DEFAULT_SEPARATORS)
        assert drawn.body_text
        for text in (drawn.subject, drawn.body_text, drawn.body_html or "", drawn.hidden_text):
            text.encode()
            assert "\0" not in text
    return message


REFUSED = {
    "From with 50k dots": mail(author="." * 50_000 + "@b.example"),
    "To with 50k addresses": mail("To: " + ", ".join(["a@b.example"] * 50_000)),
    "20k Content-Type parameters": mail("Content-Type: text/plain" + "; a=b" * 20_000),
    "20k encoded-words": mail("Subject: " + "=?utf-8?q?a?= " * 20_000),
    "100k folded header lines": mail("X-A: a" + "\n b" * 100_000),
    "100k attachments": multipart(*["Content-Type: a/b\n\nx"] * 100_000),
    "nesting of 1,000": mail(
        *[f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}" for n in range(1000)], body="\nx"
    ),
    "a part with 20k parameters": multipart("Content-Type: text/plain" + "; a=b" * 20_000 + "\n\nx"),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_too_complex(raw: bytes) -> None:
    assert analysed(raw).refusal is Reason.MESSAGE_COMPLEX


def reply(body: str) -> bytes:
    return mail("Subject: Re: x", body=body)


def html(body: str) -> bytes:
    return mail("Subject: Re: x", "Content-Type: text/html", body=body)


READ = {
    "charset with NUL": mail("Content-Type: text/plain; charset*=''u%00"),
    "From with 2k dots": mail(author="a" + "." * 1900 + "@b.example"),
    "To with odd separators": mail("To: " + "a@b.cc;" * 4600),
    "angle brackets": mail("To: " + "<" * 32_000),
    "comments": mail("To: " + "(" * 32_000),
    "RFC 2231 continuations": mail("Content-Type: text/plain" + "".join(f";n*{n}*=" for n in range(900))),
    "encoded-words of two charsets": mail("X-A: " + "=?utf-8?q?a?= =?latin1?b?YQ?= " * 2000),
    "900 attachments": multipart(*["Content-Type: a/b; name=x\n\nx"] * 900),
    "punycode": mail("Content-Type: text/plain; charset=punycode", body="a" * 200_000),
    "References": mail("References: " + "<" * 60_000),
    "subject of prefixes": mail("Subject: " + "Re: " * 4000),
    "subject of tokens": mail("Subject: " + "#1" * 8000),
    "date of comments": mail("Date: " + "(" * 1000),
    "newlines": reply(">x\n" + "\n" * 100_000),
    "4 KB of newlines before an attribution": reply("x\n" + "\n" * 4000 + "wrote:"),
    "quotation marks": reply("> " * 100_000),
    "quoted lines": reply(">\n" * 80_000),
    "attributions": reply("On 2016 10:00 a wrote:\n" * 10_000),
    "From lines": reply("From: x\n" * 25_000),
    "rules": reply("_" * 30 + "\n" + "-----\n" * 4000),
    "half attributions": reply("x\n-----\n" + "On\n" * 8000),
    "vertical tabs": reply("x\n-----\n" + "\v\f\x85\u2028" * 8000),
    "disclaimers": reply("x\n-----\n" + "Disclaimer: \n" * 2300),
    "50k nested div": html("<div>" * 50_000),
    "formatting never closed": html("".join(f"<font a={n}>" for n in range(400)) + "<p>x" * 50_000),
    "formatting closed by something else": html("".join(f"<font a={n}>x</p>" for n in range(12_000))),
    "40k attributes": html("<a " + " ".join(f"a{n}" for n in range(30_000)) + ">x"),
    "attributes with > in them": html("<a " + " ".join(f'a{n}=">"' for n in range(20_000)) + ">x"),
    "opened tags": html("<a" * 100_000),
    "opened attributes": html('<a x="' * 40_000),
    "tables": html("<table>" * 20_000),
    "quotes in quotes": html("<blockquote type=cite>" * 490 + "x"),
    "Gmail in Gmail": html("<div class=gmail_quote>x" * 480),
    "40 texts in Gmail in Gmail": multipart(
        "Content-Type: text/html\n\n" + "<div class=gmail_quote>" * 480 + "x " * 60_000,
        *["Content-Type: text/html\n\n" + "x " * 120_000] * 39,
        fields=("Subject: Re: x",),
    ),
    "quoted-printable of equal signs": mail("Content-Transfer-Encoding: quoted-printable", body="=" * 1_000_000),
    "base64 of padding": mail("Content-Type: a/b", "Content-Transfer-Encoding: base64", body="A=" * 300_000),
    "padding behind a boundary": mail("Content-Type: multipart/mixed; boundary=b", body="--b" + " " * 1_000_000),
    "almost boundaries": mail("Content-Type: multipart/mixed; boundary=b", body="\n--bx" * 200_000),
    "flowed": mail("Content-Type: text/plain; format=flowed", body="a \n" * 60_000),
    "900 texts without charset": multipart(*[b"Content-Type: text/plain\n\n" + b"caf\xe9 " * 1000] * 900),
    "900 fields of raw octets": mail(*[b"X-A: caf\xe9 \xd6\xd0" * 15] * 900),
    "uuencoded files without end": mail(body="begin 644 a\n" + "#8F%Z\n" * 400_000),
    "beginnings of uuencoded files": mail(body="begin 644 a\n" * 400_000),
    "beginnings of yEnc": mail(body="=ybegin line=1 size=1 name=a\n" * 200_000),
    "yEnc of escapes": mail(body="=ybegin line=1 size=1 name=a\n" + "=a==" * 800_000 + "\n=yend size=1\n"),
    "beginnings of signed text": mail(body="-----BEGIN PGP SIGNED MESSAGE-----\n\n" * 200_000),
    "beginnings of encrypted text": mail(body="-----BEGIN PGP MESSAGE-----\n" * 200_000),
    "signatures without end": mail(
        body="-----BEGIN PGP SIGNED MESSAGE-----\n\n" * 200_000 + "-----BEGIN PGP SIGNATURE-----\n"
    ),
}


@pytest.mark.parametrize("raw", READ.values(), ids=READ.keys())
def test_read_in_time(raw: bytes) -> None:
    assert analysed(raw).refusal is None


@given(st.binary(max_size=2000))
@settings(deadline=None)
def test_any_octets(raw: bytes) -> None:
    analysed(raw)


FRAGMENTS = st.sampled_from(
    [
        b"From: a@b.example\r\n",
        b"From: =?utf-8?q?=C3=A9?= <a@b.example>\r\n",
        b"Subject: Re: [SUP-1] =?utf-16?b?AAA=?=\r\n",
        b"In-Reply-To: <a@b>\r\n",
        b"Date: Mon, 3 Nov 2025 10:00:00 +0100\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b'Content-Type: multipart/alternative; boundary="c"\r\n',
        b"Content-Type: text/html; charset=utf-7\r\n",
        b"Content-Type: text/plain; format=flowed; name*0*=utf-8''%41\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"Content-Disposition: attachment; filename=x\r\n",
        b"\r\n",
        b"\r\n--b\r\n",
        b"\r\n--b--\r\n",
        b"\r\n--c\r\n",
        b"PGI+PHA+eDwvcD4=\r\n",
        b"> quoted\r\n",
        b"On Mon, 3 Nov 2025 at 10:00, Bo <b@c.example> wrote:\r\n",
        b"-- reply above this line --\r\n",
        b"<div class=gmail_quote><blockquote>x</blockquote>",
        b"<p>x</p>",
        b"-- \r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\xff\xfe",
        "é\u2028".encode(),
    ]
)


@given(st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=40).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_any_mail(raw: bytes) -> None:
    message = analysed(raw)
    for attachment in message.attachments:
        assert 0 <= attachment.offset <= attachment.offset + attachment.length <= len(raw)
    for text in (message.subject, message.text or "", *(value for _, value in message.header)):
        text.encode()
        assert "\0" not in text
