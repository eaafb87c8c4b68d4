"""Bodies in canonical form: against the RFC's words in the plainest code, and against dkimpy."""

import hashlib
import mmap
import re
from pathlib import Path

import dkim.canonicalization
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.auth import canonical
from smtpintake.auth.canonical import BodyHash, BodyHashes, Canonicalization

RELAXED, SIMPLE = Canonicalization.RELAXED, Canonicalization.SIMPLE
PIECE = 128 << 10

TOKENS = (b"\r\n", b" ", b"\t", b"x", b"\xe9", b"  \t ", b"a b", b"\r\n\r\n", b" \r\n")
BODIES = st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join)


def plainly(body: bytes, canonicalization: Canonicalization) -> bytes:
    """RFC 6376 s3.4.3 and s3.4.4, word for word."""
    lines = body.split(b"\r\n")
    if canonicalization is RELAXED:
        lines = [re.sub(rb"[ \t]+", b" ", line).removesuffix(b" ") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if canonicalization is SIMPLE:
        lines = lines or [b""]
    return b"".join(line + b"\r\n" for line in lines)


def ours(body: bytes, canonicalization: Canonicalization) -> bytes:
    return b"".join(canonical.canonical(body, 0, canonicalization))


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),  # s3.4.3, s3.4.4: "a completely empty or missing body"
        (b"\r\n", b"\r\n", b""),
        (b"\r\n\r\n\r\n", b"\r\n", b""),
        (b" \t\r\n", b" \t\r\n", b""),
        (b"x", b"x\r\n", b"x\r\n"),
        (b"x \r\n \r\n", b"x \r\n \r\n", b"x\r\n"),
        (b"\r\n x", b"\r\n x\r\n", b"\r\n x\r\n"),
        # s3.4.5, the example
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n", b" C\r\nD E\r\n"),
    ],
)
def test_rfc(body: bytes, simple: bytes, relaxed: bytes) -> None:
    assert ours(body, SIMPLE) == simple == plainly(body, SIMPLE)
    assert ours(body, RELAXED) == relaxed == plainly(body, RELAXED)


@settings(deadline=None)
@given(BODIES, st.sampled_from(Canonicalization))
def test_as_the_rfc_says_and_dkimpy_does(body: bytes, canonicalization: Canonicalization) -> None:
    assert ours(body, canonicalization) == plainly(body, canonicalization)
    # dkimpy takes white space for content where the last line has no CRLF, which cannot come over SMTP.
    ended = body + b"\r\n"
    theirs = dkim.canonicalization.ALGORITHMS[canonicalization.encode()].canonicalize_body(ended)
    assert ours(ended, canonicalization) == plainly(ended, canonicalization) == theirs


@settings(deadline=None)
@given(BODIES, st.lists(st.tuples(st.sampled_from((*TOKENS, b"\r\n" * 9000)), st.integers(-6, 2)), max_size=4))
def test_wherever_the_pieces_end(tail: bytes, marks: list[tuple[bytes, int]]) -> None:
    """The end of a piece, at each place of what is folded: pieces are never seen in the result."""
    body = b""
    for number, (token, distance) in enumerate(marks, 1):
        body = body.ljust(number * PIECE + distance, b"w") + token
    body += tail
    for canonicalization in Canonicalization:
        assert ours(body, canonicalization) == plainly(body, canonicalization)


@settings(deadline=None)
@given(BODIES, st.integers(0, 60), st.sampled_from(Canonicalization))
def test_length(body: bytes, length: int, canonicalization: Canonicalization) -> None:
    whole = plainly(body, canonicalization)
    found = BodyHashes(b"To: x\r\n\r\n" + body, 9).digest(canonicalization, "sha256", length)
    covered = whole[:length]
    assert found == BodyHash(hashlib.sha256(covered).digest(), len(covered), whole=length >= len(whole))


def test_a_body_is_read_once_for_all_that_want_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = canonical.canonical
    monkeypatch.setattr(canonical, "canonical", lambda *args: read.append(args[2]) or real(*args))
    bodies = BodyHashes(b"\r\nHello. \r\n", 2)
    first = bodies.digest(RELAXED, "sha256")
    assert bodies.digest(RELAXED, "sha256", None) is first
    assert bodies.digest(SIMPLE, "sha256") != first
    assert bodies.digest(SIMPLE, "sha256", 7) != bodies.digest(RELAXED, "sha256", 7)
    assert read == [RELAXED, SIMPLE, SIMPLE, RELAXED]


def test_a_mapped_file(tmp_path: Path) -> None:
    octets = b"To: x\r\n\r\n" + b"Some  text \r\n" * 100_000 + b"\r\n" * 100_000
    file = tmp_path / "mail"
    file.write_bytes(octets)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        found = BodyHashes(mapped, 9).digest(RELAXED, "sha256")
    assert found == BodyHash(hashlib.sha256(b"Some text\r\n" * 100_000).digest(), 1_100_000, whole=True)


@pytest.mark.parametrize(
    ("body", "folded"),
    [
        ((b" " * 990 + b"x\r\n") * 25_000, b" x\r\n" * 25_000),
        (b"y" + b" " * 100_000 + b"x\r\n", b"y x\r\n"),
        (b"y" + b" \t" * 5_000_000 + b"\r\n", b"y\r\n"),
        (b"x  " * 5_000_000 + b"\r\n", b"x " * 4_999_999 + b"x\r\n"),
        (b" \r\n" * 5_000_000, b""),
    ],
    ids=["lines of spaces", "a run of spaces", "white space to the end", "pairs of spaces", "empty lines"],
)
def test_hostile_bodies_are_done_in_linear_time(body: bytes, folded: bytes) -> None:
    """Each took dkimpy's expressions from half a minute to hours: a quadratic walk would be noticed here."""
    found = BodyHashes(body, 0).digest(RELAXED, "sha256")
    assert found == BodyHash(hashlib.sha256(folded).digest(), len(folded), whole=True)
