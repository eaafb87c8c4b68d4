"""The grammar of command lines and paths, by table and by chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.intake.command import (
    Path,
    declared_size,
    forward_path,
    hello_name,
    read_path,
    reverse_path,
    split_command,
)
from smtpintake.mail.address import NULL_PATH, AddressError


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"QUIT", (b"QUIT", None)),
        (b"quit ", (b"QUIT", None)),
        (b"mail FROM:<a@b.example>", (b"MAIL", "FROM:<a@b.example>")),
        (b"EHLO  two words ", (b"EHLO", "two words")),
        (b"", (b"", None)),
        ("MAIL FROM:<ü@b.example>".encode(), (b"MAIL", "FROM:<ü@b.example>")),
        (b"MAIL FROM:<\xff@b.example>", None),
        (b"MAIL FROM:<a\0@b.example>", None),
        (b"MAIL FROM:<a\r@b.example>", None),
        (b"MAIL\tFROM:<a@b.example>", (b"MAIL\tFROM:<A@B.EXAMPLE>", None)),
        (b"NOOP \x1b[2J", None),
    ],
)
def test_lines(line: bytes, command: tuple[bytes, str | None] | None) -> None:
    assert split_command(line) == command


@pytest.mark.parametrize(
    ("argument", "path"),
    [
        ("FROM:<a@b.example>", Path("a@b.example", {})),
        ("from:<a@b.example>", Path("a@b.example", {})),
        ("FROM: <a@b.example>", Path("a@b.example", {})),
        ("FROM:<>", Path("", {})),
        ("FROM:<a@b.example> SIZE=12 smtputf8", Path("a@b.example", {"SIZE": "12", "SMTPUTF8": None})),
        ('FROM:<"a > b"@b.example> SIZE=1', Path('"a > b"@b.example', {"SIZE": "1"})),
        (r'FROM:<"a\" b"@b.example>', Path(r'"a\" b"@b.example', {})),
        (None, None),
        ("", None),
        ("TO:<a@b.example>", None),
        ("FROM <a@b.example>", None),
        ("FROM:a@b.example", None),
        ("FROM:<a@b.example", None),
        ("FROM:a@b.example>", None),
        ("FROM:<<a@b.example>>", None),
        ("FROM:<a @ b.example>", None),
        ("FROM:<a@b.example>SIZE=12", None),
        ("FROM:<a@b.example> SIZE=", None),
        ("FROM:<a@b.example> =1", None),
        ("FROM:<a@b.example> SIZE=1 SIZE=2", None),
        ("FROM:<a@b.example> SIZE=1=2", None),
        ("FROM:<a@b.example>, <c@d.example>", None),
        ('FROM:<"a@b.example>', None),
    ],
)
def test_paths(argument: str | None, path: Path | None) -> None:
    assert read_path(argument, "FROM") == path


def test_a_path_of_quotes_costs_no_time() -> None:
    assert read_path("FROM:<" + '"\\"' * 700, "FROM") is None
    assert read_path("FROM:<" + '""' * 1000 + " ", "FROM") is None


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("a@b.example", "a@b.example"),
        ("@relay.example,@other.example:a@b.example", "a@b.example"),
        ("postmaster", "postmaster@mx.example.org"),
        ("PostMaster", "postmaster@mx.example.org"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ('"a b"@b.example', '"a b"@b.example'),
    ],
)
def test_recipients(text: str, mailbox: str) -> None:
    assert str(forward_path(text, "mx.example.org", utf8=False)) == mailbox


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@b.example",
        "@b.example:",
        "a@@b.example",
        "a..b@c.example",
        "a@b..example",
        "a,b@c.example",
        "ü@b.example",
        "a@bücher.example",
        "x" * 65 + "@b.example",
        "a@" + "b." * 130 + "example",
    ],
)
def test_no_recipients(text: str) -> None:
    with pytest.raises(AddressError):
        forward_path(text, "mx.example.org", utf8=False)


def test_reverse_paths() -> None:
    assert reverse_path("", utf8=False) == NULL_PATH
    assert str(reverse_path("ü@bücher.example", utf8=True)) == "ü@bücher.example"
    with pytest.raises(AddressError):
        reverse_path("ü@b.example", utf8=False)


@pytest.mark.parametrize(
    ("value", "size"),
    [("0", 0), ("12", 12), ("9" * 20, int("9" * 20)), ("9" * 21, None), ("-1", None), ("\u0661", None)],
)
def test_sizes(value: str, size: int | None) -> None:
    assert declared_size(value) == size


def test_hello_names() -> None:
    assert hello_name("[192.0.2.1]") == "[192.0.2.1]"
    assert hello_name(None) is None
    assert hello_name("ü.example") is None
    assert hello_name("x" * 256) is None


@given(st.binary(max_size=300))
def test_no_line_raises(line: bytes) -> None:
    command = split_command(line)
    for keyword in ("FROM", "TO"):
        path = read_path(command[1] if command else None, keyword)
        if path is not None:
            assert len(path.text) < 300


@given(st.text(max_size=80))
def test_an_address_that_is_read_is_what_was_written(text: str) -> None:
    try:
        mailbox = forward_path(text, "mx.example.org", utf8=True)
    except AddressError:
        return
    assert text.lower() == "postmaster" or text.endswith(str(mailbox))
