"""Where a message ends, and what its dots mean, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.intake.endofdata import EndOfData

END = b".\r\n"


def decode(wire: bytes, *cuts: int) -> tuple[EndOfData, bytes]:
    decoder, message, start = EndOfData(), b"", 0
    for cut in (*sorted(cuts), len(wire)):
        if decoder.ended:
            decoder.rest += wire[start:cut]
        elif start < cut:
            message += decoder.feed(wire[start:cut])
        start = cut
    return decoder, message


def stuff(message: bytes) -> bytes:
    return b"".join(b"." + line if line.startswith(b".") else line for line in message.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n"),
        (b"a\r\n...\r\n.\r\n", b"a\r\n..\r\n"),
        (b"a\r\n.b\r\n..c\r\n.\r\n", b"a\r\nb\r\n.c\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
        (b"\r\n\r\n.\r\n", b"\r\n\r\n"),
        (b"a\r\n..\r\n..\r\n.\r\n", b"a\r\n.\r\n.\r\n"),
    ],
)
def test_dots_at_every_cut(wire: bytes, message: bytes) -> None:
    followed = wire + b"QUIT\r\n"
    for first in range(len(followed) + 1):
        for second in range(first, len(followed) + 1):
            decoder, decoded = decode(followed, first, second)
            assert decoder.ended
            assert (decoded, decoder.rest) == (message, b"QUIT\r\n")
            assert not decoder.bare_newline


@pytest.mark.parametrize(
    "mark",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\r\n.\r\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n. \r\n",
        b"\r\n\x85.\r\n",
    ],
)
def test_only_one_mark_ends_a_message(mark: bytes) -> None:
    wire = b"a" + mark + b"MAIL FROM:<evil@example.com>\r\n" + b"x\r\n.\r\n"
    for cut in range(len(wire)):
        decoder, decoded = decode(wire, cut)
        assert decoder.ended
        assert decoder.rest == b""
        assert b"MAIL FROM:<evil@example.com>\r\nx\r\n" in decoded
        assert decoder.bare_newline or decoder.nul or mark in (b"\r\n. \r\n", b"\r\n\x85.\r\n")


octets = st.lists(st.sampled_from([b"\r\n", b".", b"..", b"a", b"\r\n.", b"longer text"]), max_size=30).map(b"".join)


@given(octets, st.lists(st.integers(0, 200), max_size=6))
def test_any_message_of_lines_comes_back(message: bytes, cuts: list[int]) -> None:
    message = message if not message or message.endswith(b"\r\n") else message + b"\r\n"
    wire = stuff(message) + END + b"RSET\r\n"
    decoder, decoded = decode(wire, *(min(cut, len(wire)) for cut in cuts))
    assert (decoder.ended, decoded, decoder.rest) == (True, message, b"RSET\r\n")
    assert not decoder.bare_newline
    assert not decoder.nul


@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a"]), max_size=30).map(b"".join), st.integers(0, 60))
def test_a_bare_newline_is_noticed_wherever_it_is(message: bytes, cut: int) -> None:
    wire = message.replace(b"\r\n.\r\n", b"\r\n") + b"\r\n" + END
    decoder, _ = decode(wire, min(cut, len(wire)))
    content = wire[: len(wire) - len(decoder.rest)]
    without_pairs = content.replace(b"\r\n", b"")
    assert decoder.bare_newline == (b"\r" in without_pairs or b"\n" in without_pairs)
