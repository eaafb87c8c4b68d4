"""RFC 5321 s4.1.2 and RFC 6531 s3.3, by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.mail.address import AddressError, Mailbox, ReversePath

GOOD = [
    ("a@b", "a@b"),
    ("Ana.Ruiz+tag@Example.ORG", "ana.ruiz+tag@example.org"),
    ('"a b"@example.org', '"a b"@example.org'),
    (r'"a\"b"@example.org', r'"a\"b"@example.org'),
    ('"@"@example.org', '"@"@example.org'),
    ("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-@example.org"),
    ("user@[192.0.2.1]", "user@[192.0.2.1]"),
    ("user@[IPv6:2001:db8::1]", "user@[ipv6:2001:db8::1]"),
    ("user@under_score.example", "user@under_score.example"),
    ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
    ("x@BÜCHER.example", "x@xn--bcher-kva.example"),
    ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
    ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
]

BAD = [
    "",
    "a",
    "@",
    "a@",
    "@b",
    "a@@b",
    "a@b@c",
    "a b@example.org",
    ".a@example.org",
    "a.@example.org",
    "a..b@example.org",
    "a@.example.org",
    "a@example.org.",
    "a@exam..ple.org",
    "a@-example.org",
    "a@exa mple.org",
    "a @b",
    "a@ b",
    "<a@b>",
    "a@b>",
    '"a@b',
    '"a"b@c',
    '"a\r"@b',
    '"a\n"@b',
    "a\0@b",
    "a\r\n@b",
    "a@b\n",
    "a@b\r\nRCPT TO:<c@d>",
    "a@[192.0.2.1",
    "a@[x<y]",
    "a" * 65 + "@example.org",
    "a@" + "b" * 64 + ".example",
    "a@" + ".".join(["b" * 60] * 5),
    "ü" * 33 + "@example.org",
    "a\u202eb@example.org",
    "a\u200bb@example.org",
    "a\u00a0b@example.org",
    "a\udc80@example.org",
    "a@\udc80.example",
    "a@b\u2028c.example",
]


@pytest.mark.parametrize(("text", "folded"), GOOD)
def test_an_address_keeps_its_writing_and_folds_for_comparison(text: str, folded: str) -> None:
    mailbox = Mailbox.parse(text)
    assert str(mailbox) == text
    assert mailbox.folded == folded


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_address_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(AddressError):
        Mailbox.parse(text)


def test_utf8_needs_smtputf8() -> None:
    with pytest.raises(AddressError, match="SMTPUTF8"):
        Mailbox.parse("jürgen@example.org", utf8=False)
    assert Mailbox.parse("jurgen@example.org", utf8=False).localpart == "jurgen"


@pytest.mark.parametrize(
    ("text", "base", "subaddress"),
    [
        ("support+key@example.org", "support@example.org", "key"),
        ("support+a+b@example.org", "support@example.org", "a+b"),
        ("support@example.org", "support@example.org", ""),
        ("+key@example.org", "+key@example.org", ""),
        ("support+@example.org", "support@example.org", ""),
    ],
)
def test_a_subaddress_is_what_follows_the_first_plus(text: str, base: str, subaddress: str) -> None:
    mailbox, found = Mailbox.parse(text).split_subaddress()
    assert (str(mailbox), found) == (base, subaddress)


def test_the_null_reverse_path_is_not_an_address() -> None:
    assert ReversePath(None).is_null
    assert str(ReversePath(None)) == ""


@given(st.text(max_size=400))
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    try:
        mailbox = Mailbox.parse(text)
    except AddressError:
        return
    assert str(mailbox) == text
    assert mailbox.folded_domain.isascii()
    assert not any(character in text for character in "\r\n\0<>\u2028\u2029")
