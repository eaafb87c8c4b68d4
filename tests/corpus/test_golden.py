"""What each mail of the corpus says: as its golden file has it, whichever line ends it came with."""

import json

import pytest

from smtpintake.cli.mailfile import as_sent
from tests.corpus.golden import MAILS, golden, mail, shown

NAMES = sorted(shown())
LEAST = 80


def test_every_mail_has_its_golden_and_says_what_it_shows() -> None:
    assert len(NAMES) >= LEAST
    assert sorted(path.stem for path in MAILS.glob("*.eml")) == NAMES
    assert sorted(path.stem for path in MAILS.glob("*.json")) == NAMES, "run `make goldens`"
    assert all(shown().values())


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_its_golden_says(name: str) -> None:
    """LF, as a pipe gives it to `deliver`, and CRLF, as SMTP does."""
    expected = json.loads((MAILS / f"{name}.json").read_text("utf-8"))
    octets = mail(name)
    assert b"\r" not in octets
    assert golden(as_sent(octets)) == expected
    assert golden(octets.replace(b"\n", b"\r\n")) == expected
