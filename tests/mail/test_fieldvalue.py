"""Header fields as their authors meant them: raw octets, and encoded-words that are not quite as RFC 2047 has them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.mail import fieldvalue
from smtpintake.mail.parse import read
from tests.mail.letters import mail, multipart


def b(octets: bytes, charset: str = "utf-8") -> str:
    return f"=?{charset}?B?{base64.b64encode(octets).decode()}?="


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("=?utf-8?B?w6k?= =?utf-8?B?IQ==?=", "é!"),  # no padding
        ("=?utf-8?B?SGVs?= =?utf-8?B?bG8=?=", "Hello"),
        ("=?utf-8?B?SGVsbG8gV2?= =?utf-8?B?9ybGQ=?=", "Hello World"),  # cut between six bits and six bits
        ("=?utf-8?B?SGVsbG8gV2?= =?utf-8?Q?!?=", "Hello W!"),
        ("=?utf-8?B?SGVsb?= =?utf-8?B?G8gV2?= =?utf-8?B?9ybGQ=?=", "Hello World"),
        ("=?utf-8?B?SGVs\r\n bG8=?=", "Hello"),  # folded inside
        ("=?utf-8?Q?Really??=", "Really?"),
        ("=?utf-8?Q?Why? Because =C3=A9?=", "Why? Because é"),
        ("=?utf-8?Q?broken =?utf-8?Q?whole?=", "=?utf-8?Q?broken whole"),
        ("=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),  # nothing between
        ("x=?utf-8?Q?=C3=A9?=y", "xéy"),  # inside a word
        ("=?utf-8?B?a?=", ""),
        (f"{b('Сч'.encode('koi8-r'), 'koi8-r')} {b('ёт'.encode())}", "Счёт"),
        (
            f"{b('日本'.encode('iso2022_jp'), 'ISO-2022-JP')}\r\n {b('語'.encode('iso2022_jp'), 'ISO-2022-JP')}",
            "日本語",
        ),
        ("=?windows-1252?Q?=80?= =?utf-8?Q?=E2=82?=\t=?utf-8?Q?=AC?=", "€€"),
    ],
)
def test_encoded_words(words: str, text: str) -> None:
    assert read(mail(f"Subject: {words}")).subject == text


@pytest.mark.parametrize(
    ("octets", "body_charset", "text"),
    [
        ("Счёт".encode("koi8-r"), "koi8-r", "Счёт"),
        ("Счёт".encode("cp1251"), "windows-1251", "Счёт"),
        ("見積".encode("cp932"), "shift_jis", "見積"),
        ("发票".encode(), "gb2312", "发票"),  # UTF-8 whatever the body is in
        ("見積".encode("iso2022_jp"), "", "見積"),
        (b"caf\xe9", "utf-8", "café"),
        (b"caf\xe9", "", "café"),
    ],
)
def test_raw_octets_are_in_the_charset_of_the_body(octets: bytes, body_charset: str, text: str) -> None:
    field = b"Subject: " + octets
    typed = f"Content-Type: text/plain; charset={body_charset}" if body_charset else "X-Nothing: x"
    assert read(mail(field, typed)).subject == text
    author = read(mail(typed, author=b"Ivan <ivan@example.com>", body="x")).author
    assert author is not None
    assert read(multipart(f"{typed}\n\nx").replace(b"From", field + b"\r\nFrom", 1)).subject == text


@pytest.mark.parametrize("charset", ["utf-16", "utf-7", "shift_jis", "gb18030", "iso-2022-jp", "big5", "hz", "cp037"])
def test_no_charset_decides_who_wrote(charset: str) -> None:
    """In Shift-JIS 0x81 0x40 is one character; to everybody else the second is an @."""
    author = b"\x81x\x81@y\xff <ana@example.com>, \x81@b\x81.example"
    with_hint = read(mail(f"Content-Type: text/plain; charset={charset}", author=author))
    assert [str(one.mailbox) for one in with_hint.authors] == [
        str(one.mailbox) for one in read(mail(author=author)).authors
    ]
    assert read(mail(author=b"\x1b$B<eve@x.example>\x1b(B <ana@example.com>")).author is None
    simple = read(
        mail(f"Content-Type: text/plain; charset={charset}", author=b"\xd6\xd0\xce\xc4 <ana@example.com>")
    ).author
    assert simple is not None
    assert str(simple.mailbox) == "ana@example.com"


WORDS = st.sampled_from(["=?utf-8?B?", "=?utf-8?q?", "=?hz?b?", "?=", "?", "=", " ", "w6k", "=C3", "a"])


@given(st.lists(WORDS, max_size=30).map("".join))
def test_total(text: str) -> None:
    fieldvalue.decode_words(text).encode()
