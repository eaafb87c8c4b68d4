"""`make docs`: writes docs/smtp-replies.md from the catalogue of replies and the tables of docs/policy.md from the
policy's model, and checks every link between our documents.

Contract: exits 1 with one line a broken link; a test runs both, so that neither can drift.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from docs import reference
from smtpintake.mail import reply as catalogue
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS, Reply

ROOT: Final = Path(__file__).resolve().parent.parent
REPLIES: Final = ROOT / "docs" / "smtp-replies.md"

_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
_FENCE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

_INTRODUCTION: Final = """\
# Every reply of the server

Written by `make docs` from `smtpintake/mail/reply.py`; edit that.

The first token of a refusal is its reason. The email log stores it with the row that the reply names
(`; log 06f1…`), and `smtpintake log show` tells the whole story. 4yz means that nothing was kept and the sender tries
again by itself; 5yz is final. Codes: RFC 5321; enhanced status codes: RFC 3463.
"""


def replies() -> str:
    """The whole of docs/smtp-replies.md."""
    refusals = [_row(reply, f"`{reason}`") for reason, reply in sorted(REFUSALS.items(), key=_by_code)]
    others = sorted(
        {reply for reply in vars(catalogue).values() if isinstance(reply, Reply) and reply not in REFUSALS.values()},
        key=lambda reply: (reply.code, reply.text),
    )
    outcomes = [catalogue.created("SUP-12"), catalogue.commented("SUP-12")]
    silent = ", ".join(f"`{reason}`" for reason in Reason if reason not in REFUSALS)
    return "\n".join(
        (
            _INTRODUCTION,
            "## Refusals",
            "",
            "| reason | code | status | text |",
            "|---|---|---|---|",
            *refusals,
            "",
            "## All other replies",
            "",
            "| code | status | text |",
            "|---|---|---|",
            *(_row(reply) for reply in (*outcomes, *others)),
            "",
            "## Reasons that are only logged",
            "",
            f"{silent}.",
            "",
        )
    )


def broken_links() -> Iterator[str]:
    """Links of our documents to files, or to headings in files, that are not there."""
    documents = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
    for document in documents:
        for target in _LINK.findall(_FENCE.sub("", document.read_text())):
            if "://" in target or target.startswith("mailto:"):
                continue
            name, _, anchor = target.partition("#")
            file = (document.parent / name).resolve() if name else document
            if not file.exists():
                yield f"{document.relative_to(ROOT)}: {target}: there is no {name}"
            elif anchor and anchor not in _anchors(file):
                yield f"{document.relative_to(ROOT)}: {target}: no heading makes that anchor"


def _anchors(file: Path) -> set[str]:
    headings = _HEADING.findall(_FENCE.sub("", file.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _by_code(item: tuple[Reason, Reply]) -> tuple[bool, str]:
    reason, reply = item
    return reply.code >= 500, str(reason)


def _row(reply: Reply, *first: str) -> str:
    text = reply.text.replace("|", "\\|").replace("<", "&lt;")
    return "| " + " | ".join((*first, str(reply.code), reply.enhanced or "-", text)) + " |"


def main() -> int:
    REPLIES.write_text(replies(), "utf-8")
    reference.POLICY.write_text(reference.policy(), "utf-8")
    broken = list(broken_links())
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
