"""The replies that Discourse's trimmer is tested with: what we leave of each beside what it leaves.

They are bodies without an issue, so looks are all there is: nothing can be proved.
"""

import pytest

from smtpintake.convert.lines import Lines
from smtpintake.convert.trim import trim
from smtpintake.decide.policy import DEFAULT_SEPARATORS
from tests import vectors

FOLDER = vectors.path("reply")
NAMES = sorted(file.name for file in (FOLDER / "emails").iterdir())

DIFFERENT = {
    "embedded_email_18.txt": "nothing but the attribution would be gone, and with it who said the rest",
    "forwarded_gmail.txt": "what is forwarded is there to be read; who forwards a customer's mail is another matter",
    "signatures.txt": "one of its lines is what nobody's device writes, and what stands above it stays with it",
}


def read(folder: str, name: str) -> str:
    return "\n".join((FOLDER / folder / name).read_text("utf-8").splitlines())


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left(name: str) -> None:
    ours, theirs = trim(Lines.of(read("emails", name), DEFAULT_SEPARATORS), reply=True), read("trimmed", name)
    assert (squeezed(ours) != squeezed(theirs)) == (name in DIFFERENT)
    for line in theirs.split("\n"):
        assert squeezed(line) in squeezed(ours)


def test_most_are_alike() -> None:
    assert len(NAMES) == 32
    assert len(NAMES) - len(DIFFERENT) >= 29
