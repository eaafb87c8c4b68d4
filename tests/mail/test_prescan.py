"""The bounds, and the split of a header into fields."""

import pytest

from smtpintake.mail import prescan
from smtpintake.mail.prescan import Field
from smtpintake.mail.reason import Reason
from tests.mail.letters import mail


@pytest.mark.parametrize(
    ("octets", "fields", "body"),
    [
        (b"", [], b""),
        (b"\r\nbody", [], b"body"),
        (b"A: b\r\n\r\nbody", [(b"a", b" b")], b"body"),
        (b"A: b", [(b"a", b" b")], b""),
        (b"A: b\r\n", [(b"a", b" b")], b""),
        (b"A: b\r\n c\r\n\td\r\nE:f\r\n\r\n", [(b"a", b" b\r\n c\r\n\td"), (b"e", b"f")], b""),
        (b"From : a\r\n\r\n", [(b"from", b" a")], b""),
        (b"From\t: a\r\n\r\n", [(b"from", b" a")], b""),
        # The envelope line of an mbox file is no field; neither is a line without a colon.
        (b"From a@b.example Mon Jan  1 00:00:00 2024\r\nA: b\r\n\r\nx", [(b"a", b" b")], b"x"),
        (b"A: b\r\nstray\r\nC: d\r\n\r\nx", [(b"a", b" b"), (b"c", b" d")], b"x"),
        # A forgotten empty line: the text begins where the fields end.
        (b"A: b\r\nHello there\r\n\r\nmore", [(b"a", b" b")], b"Hello there\r\n\r\nmore"),
        (b"just text\r\nof two lines", [], b"just text\r\nof two lines"),
        (b" folded from nothing\r\nA: b\r\n\r\nx", [(b"a", b" b")], b"x"),
        ("Bé: c\r\nA: b\r\n\r\nx".encode(), [(b"a", b" b")], b"x"),
    ],
)
def test_split(octets: bytes, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    scan = prescan.prescan(octets)
    assert scan.refusal is None
    assert list(scan.fields) == [Field(*field) for field in fields]
    assert octets[scan.body_offset :] == body


@pytest.mark.parametrize(
    ("octets", "refusal"),
    [
        (mail(body="a\0b"), Reason.DATA_NUL),
        (b"From: a@b.example\0\r\n\r\n", Reason.DATA_NUL),
        (b"From: a@b.example\n\nx", Reason.DATA_NEWLINE),
        (b"From: a@b.example\r\n\r\nx\ny", Reason.DATA_NEWLINE),
        (b"From: a@b.example\r\n\r\nx\ry", Reason.DATA_NEWLINE),
        (b"From: a@b.example\r\n\r\nx\n\ry", Reason.DATA_NEWLINE),
        (b"From: a@b.example\r\n\r\nx\r", Reason.DATA_NEWLINE),
        (b"From: a@b.example\rX: y\r\n\r\n", Reason.DATA_NEWLINE),
        (mail(*["Received: x"] * 51), Reason.LOOP_RECEIVED),
        (mail(*[f"X-{n}: y" for n in range(1000)]), Reason.MESSAGE_COMPLEX),
        (mail("X: " + "y" * (64 << 10)), Reason.MESSAGE_COMPLEX),
        (mail(*["X: " + "y" * 60_000] * 5), Reason.MESSAGE_COMPLEX),
        (mail("To: " + "a@b.example, " * 3000), Reason.MESSAGE_COMPLEX),
        (mail(author="a" * 3000 + "@b.example"), Reason.MESSAGE_COMPLEX),
    ],
)
def test_bounds(octets: bytes, refusal: Reason) -> None:
    scan = prescan.prescan(octets)
    assert scan.refusal is refusal
    assert scan.detail


def test_what_is_refused_still_names_its_author() -> None:
    for octets in (mail(body="\0"), mail(body="x").replace(b"\r\n", b"\n"), mail("X: " + "y" * 70_000)):
        scan = prescan.prescan(octets)
        assert scan.refusal is not None
        assert Field(b"from", b" Ana <ana@example.com>") in scan.fields


def test_the_last_octet_of_a_bound_is_allowed() -> None:
    assert prescan.prescan(mail(*["Received: x"] * 50)).refusal is None
    assert prescan.prescan(mail(*[f"X-{n}: y" for n in range(999)])).refusal is None


@pytest.mark.parametrize("shift", range(-3, 4))
def test_newlines_are_counted_across_the_edges_of_chunks(shift: int) -> None:
    filler = b"x" * (prescan.CHUNK - 1 + shift)
    assert not prescan.has_bare_newline(filler + b"\r\n" + b"y" * 10)
    assert prescan.has_bare_newline(filler + b"\r" + b"y" * 10)
    assert prescan.has_bare_newline(filler + b"\n" + b"y" * 10)
    assert prescan.has_bare_newline(filler + b"\r\n\n")
    assert prescan.has_bare_newline(filler + b"\n\r")
