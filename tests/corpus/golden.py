"""The corpus: mails as clients write them, and what each of them says, kept beside it as JSON.

`mails/NAME.eml` holds the exact octets with LF for line ends, as a pipe would give them; `mails/NAME.json` what becomes
of them; `shows.toml` what NAME is there for. `make goldens` writes the JSON anew: then look at the difference, as an
agent who reads the issue would.
"""

import json
import sys
import tomllib
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from smtpintake.decide.policy import DEFAULT_SEPARATORS
from smtpintake.intake.analysis import Task, analyse
from smtpintake.mail.address import Mailbox
from smtpintake.mail.message import Author

FOLDER: Final = Path(__file__).parent
MAILS: Final = FOLDER / "mails"

# Said elsewhere in the golden, or only about these octets.
_LEFT_OUT: Final = {
    "Message": {"header", "text", "html", "attachments", "size", "sha256", "body_sha256", "received_count"},
    "Draft": {"subject", "reading"},
    "Attachment": {"offset", "length"},
}


def shown() -> dict[str, str]:
    """The name of each mail, and what it shows."""
    chapters = tomllib.loads((FOLDER / "shows.toml").read_text("utf-8"))
    return {name: shows for chapter in chapters.values() for name, shows in chapter.items()}


def mail(name: str) -> bytes:
    """The octets of a mail of the corpus, with the line ends that are kept."""
    return (MAILS / f"{name}.eml").read_bytes()


def golden(octets: bytes) -> dict[str, Any]:
    """What the mail with these octets (line ends of SMTP) says. What is empty is left out."""
    found = analyse(Task(octets, None, "", DEFAULT_SEPARATORS))
    return {"message": _plain(found.message), "draft": _plain(found.draft)}


def as_json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _plain(value: Any) -> Any:
    """`value` as JSON has it: records without what is empty, and texts by line, so that a difference can be read."""
    match value:
        case Mailbox() | datetime():
            return str(value)
        case Author():
            return f"{value.name} <{value.mailbox}>".lstrip()
        case str() if "\n" in value:
            return value.split("\n")
        case tuple() | list():
            return [_plain(one) for one in value]
        case dict():
            return {str(name): _plain(one) for name, one in value.items()}
        case _ if is_dataclass(value):
            kind = type(value).__name__
            kept = [field.name for field in fields(value) if field.name not in _LEFT_OUT.get(kind, ())]
            found = {name: _plain(getattr(value, name)) for name in kept}
            return {name: one for name, one in found.items() if one not in (None, "", [], {}, False)}
        case _:
            return value


def main(names: list[str]) -> None:
    """Write the goldens anew, of all mails or of these."""
    for name in names or sorted(shown()):
        octets = mail(name).replace(b"\n", b"\r\n")
        (MAILS / f"{name}.json").write_text(as_json(golden(octets)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
