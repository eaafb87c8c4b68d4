"""Who wrote it: what two readers could see differently names nobody."""

import mailparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.mail import authors
from smtpintake.mail.parse import read
from tests.mail.letters import mail


@pytest.mark.parametrize(
    ("value", "address", "name"),
    [
        ("ana@example.com", "ana@example.com", ""),
        ("<ana@example.com>", "ana@example.com", ""),
        ("Ana <ana@example.com>", "ana@example.com", "Ana"),
        ("Ana Ruiz  <ana@example.com>", "ana@example.com", "Ana Ruiz"),
        ('"Ruiz, Ana" <ana@example.com>', "ana@example.com", "Ruiz, Ana"),
        ('"Ana \\"A\\" Ruiz" <ana@example.com>', "ana@example.com", 'Ana "A" Ruiz'),
        ("John Q. Public <john@example.com>", "john@example.com", "John Q. Public"),
        ("=?utf-8?q?=C3=81na?= <ana@example.com>", "ana@example.com", "Ána"),
        ("=?utf-8?q?=C3=81?= =?utf-8?q?na?= <ana@example.com>", "ana@example.com", "Ána"),
        ("Ána <ana@example.com>", "ana@example.com", "Ána"),
        ("Ána <ana@example.com>".encode("latin-1"), "ana@example.com", "Ána"),
        ("ana@example.com (Ana)", "ana@example.com", "Ana"),
        ("Team: ana@example.com;", "ana@example.com", ""),  # RFC 6854
        ("Ana\n <ana@example.com>", "ana@example.com", "Ana"),
        ("ana@example.com <ana@example.com>", "ana@example.com", ""),
        ("Ana <ana@xn--bcher-kva.example>", "ana@xn--bcher-kva.example", "Ana"),
        ("Ana <ana@bücher.example>", "ana@bücher.example", "Ana"),
        ('"a b"@example.com', '"a b"@example.com', ""),
        # Not to be decoded in quotes (RFC 2047 s5), and written there all the same. Another address is but a name.
        ('"=?utf-8?q?=C3=81na?=" <ana@example.com>', "ana@example.com", "Ána"),
        ('"=?utf-8?q?x=40y.example?=" <ana@example.com>', "ana@example.com", "x@y.example"),
        ('"x@y.example" <ana@example.com>', "ana@example.com", "x@y.example"),
        ("=?utf-8?q?x=40y.example?= <ana@example.com>", "ana@example.com", "x@y.example"),
        ("Ana\u202e\u200b <ana@example.com>", "ana@example.com", "Ana"),
        ("=?utf-8?q?A=0D=0Ana=00?= <ana@example.com>", "ana@example.com", "A na\ufffd"),
        ("=?utf-8?b?QQQQQ?= (x) <ana@example.com>", "ana@example.com", "= ?utf-8?b?QQQQQ?= (x)"),
        ("Ruiz, Ana <ana@example.com>", "ana@example.com", "Ana"),
    ],
)
def test_one_author(value: str | bytes, address: str, name: str) -> None:
    message = read(mail(author=value))
    assert message.author is not None
    assert (str(message.author.mailbox), message.author.name) == (address, name)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Ana",
        "a@x.example <b@y.example>",
        "a@x.example;b@y.example",
        "a@x.example b@y.example",
        "<a@x.example> <b@y.example>",
        "Ana <a@x.example> junk",
        "<<a@x.example>>",
        "Ana <a@x.example",
        "a@x.example>",
        '"Ana" a@x.example',
        "undisclosed-recipients:;",
        "a@x.example <>",
        "a@x.example.",
        "a@x.example., b@y.example",
        "a@x..example",
        ".a@x.example",
        "a@x\u200b.example",
    ],
)
def test_nobody(value: str) -> None:
    message = read(mail(author=value))
    assert message.from_fields == 1
    assert message.authors == ()
    assert message.author is None


def test_several() -> None:
    listed = read(mail(author="a@x.example, b@y.example"))
    assert [str(author.mailbox) for author in listed.authors] == ["a@x.example", "b@y.example"]
    assert listed.author is None
    twice = read(mail("From: b@y.example", author="a@x.example"))
    assert (twice.from_fields, len(twice.authors), twice.author) == (2, 2, None)
    hidden = read(mail("From : b@y.example", author="a@x.example"))
    assert (hidden.from_fields, hidden.author) == (2, None)
    assert read(mail(author=None)).from_fields == 0


def test_a_name_that_looks_like_an_address_is_a_defect() -> None:
    assert "address.name" in {defect.what for defect in read(mail(author='"x@y.example" <a@b.example>')).defects}


def test_a_homograph_is_another_address() -> None:
    spoofed = read(mail(author="Ana <ana@exаmple.com>")).author  # noqa: RUF001  (the third letter is Cyrillic)
    assert spoofed is not None
    assert spoofed.mailbox.folded == "ana@xn--exmple-4nf.com"


def test_other_address_fields() -> None:
    message = read(mail('To: Bo <bo@x.example>, "C, D" <c@x.example>', "Cc: bad, e@x.example", "Reply-To: r@x.example"))
    assert [(str(to.mailbox), to.name) for to in message.to] == [("bo@x.example", "Bo"), ("c@x.example", "C, D")]
    assert [str(cc.mailbox) for cc in message.cc] == ["e@x.example"]
    assert [str(author.mailbox) for author in message.reply_to] == ["r@x.example"]


_words = st.from_regex(r"[A-Za-z]{1,8}", fullmatch=True)
_addresses = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,4})?@[a-z]{1,8}\.example", fullmatch=True)


@given(st.lists(st.tuples(st.lists(_words, max_size=3), st.booleans(), _addresses), min_size=1, max_size=4))
@settings(deadline=None)
def test_our_quick_reading_is_mail_parsers(members: list[tuple[list[str], bool, str]]) -> None:
    """What is read without mail-parser comes out as mail-parser has it."""
    text = ", ".join(
        f'"{" ".join(words)}" <{address}>' if quoted else f"{' '.join(words)} <{address}>" if words else address
        for words, quoted, address in members
    )
    ours = [(author.name, str(author.mailbox)) for author in authors.read(text.encode()).authors]
    assert ours == mailparser.parse_from_bytes(f"From: {text}\r\n\r\n".encode()).from_


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_total(value: bytes) -> None:
    authors.read(value)
