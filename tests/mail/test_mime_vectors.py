"""Messages whose parse others have published: we read the same, but for what `DIFFERENT` explains."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtpintake.mail.message import Author, Message
from smtpintake.mail.parse import read
from tests import vectors
from tests.mail.letters import crlf
from tests.mail.opening import opened

FOLDER = vectors.path("mime")
MAILS = sorted(FOLDER.glob("*/*.eml"))

# Each with its reason. Where raw octets of latin-1 became replacement characters with them and letters with us, any one
# character counts as equal.
DIFFERENT = {
    ("legacy/026", "attachments"): "a text file in latin-1: theirs is made UTF-8, ours is as it was sent",
    ("legacy/048", "attachments"): "Content-Transfer-Encoding: x-uuencode, which they leave encoded",
    ("rfc/000", "attachments"): "a place-holder that says base64 and is none: theirs is as it stands, ours is decoded",
    ("rfc/007", "html"): "plain text between HTML: ours has all of it in the HTML, theirs has the HTML alone",
    ("rfc/008", "attachments"): "a mail in base64: theirs is still encoded",
}

Values = dict[str, object]


def words(text: str) -> str:
    return " ".join(text.split())


def digest(octets: bytes) -> str:
    """The published ones have LF at the ends of lines, and some lack the last."""
    return hashlib.sha256(octets.replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()


# ---- what they say ---------------------------------------------------------------------------------------------------


def field(part: dict[str, Any], name: str) -> Any:
    return next((header["value"] for header in part["headers"] if header["name"] == name), {})


def addresses(part: dict[str, Any], name: str) -> list[tuple[str, str]]:
    value = field(part, name).get("Address", {})
    found = [*value.get("List", ()), *(one for group in value.get("Group", ()) for one in group["addresses"])]
    return [(one["name"] or "", one["address"]) for one in found if one["address"]]


def bodies(parsed: dict[str, Any], kind: str) -> Iterator[str]:
    indices = parsed["text_body" if kind == "Text" else "html_body"]
    named = parsed["attachments"]
    yield from (parsed["parts"][n]["body"].get(kind, "") for n in indices if n not in named)


def octets(parsed: dict[str, Any], index: int, raw: bytes) -> bytes:
    part = parsed["parts"][index]
    ((kind, content),) = part["body"].items()
    if kind in ("Binary", "InlineBinary"):
        return bytes(content)
    if kind == "Message":
        return raw[part["offset_body"] : part["offset_end"]]
    return str(content).encode()


def published(path: Path) -> Values:
    raw = path.read_bytes()
    parsed = json.loads(path.with_suffix(".json").read_text("utf-8"))
    top = parsed["parts"][0]
    return {
        "from": addresses(top, "from"),
        "to": addresses(top, "to"),
        "cc": addresses(top, "cc"),
        "subject": field(top, "subject").get("Text", ""),
        "text": words(" ".join(bodies(parsed, "Text"))),
        "html": words(" ".join(bodies(parsed, "Html"))),
        "attachments": [digest(octets(parsed, index, raw)) for index in parsed["attachments"]],
    }


# ---- what we say -----------------------------------------------------------------------------------------------------


def pairs(authors: tuple[Author, ...]) -> list[tuple[str, str]]:
    return [(author.name, str(author.mailbox)) for author in authors]


def ours(path: Path) -> Values:
    raw = crlf(path.read_bytes())
    message: Message = read(raw)
    return {
        "from": pairs(message.authors),
        "to": pairs(message.to),
        "cc": pairs(message.cc),
        "subject": message.subject,
        "text": words(message.text or ""),
        "html": words(message.html or ""),
        "attachments": [digest(opened(raw, attachment)) for attachment in message.attachments],
    }


def name(path: Path) -> str:
    return str(path.relative_to(FOLDER).with_suffix(""))


def differences(path: Path) -> set[tuple[str, str]]:
    theirs, mine = published(path), ours(path)
    return {(name(path), what) for what in theirs if not same(theirs[what], mine[what])}


def same(theirs: object, mine: object) -> bool:
    expected = re.escape(repr(theirs)).replace("\ufffd", ".")
    return re.fullmatch(expected, repr(mine)) is not None


@pytest.mark.parametrize("path", MAILS, ids=name)
def test_we_read_what_others_read(path: Path) -> None:
    assert differences(path) == {key for key in DIFFERENT if key[0] == name(path)}


def test_nearly_everything_is_equal() -> None:
    compared = len(MAILS) * len(published(MAILS[0]))
    assert len(DIFFERENT) <= compared * 0.05
