"""Every mail of every corpus, as SMTP would carry it: ours, and those of the published suites where they are there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests import vectors
from tests.corpus.golden import MAILS
from tests.mail.letters import crlf, mail


def ours() -> Iterator[tuple[str, bytes]]:
    for path in sorted(MAILS.glob("*.eml")):
        yield path.stem, _carried(path.read_bytes())


def replies() -> Iterator[tuple[str, bytes]]:
    """Bare bodies: each as a reply to a mail that nobody knows."""
    for path in sorted((vectors.FOLDER / "reply" / "emails").glob("*.txt")):
        yield path.stem, _wrapped("reply", path, "Re: A question", "In-Reply-To: <unknown@example.org>")


def forwards() -> Iterator[tuple[str, bytes]]:
    for path in sorted((vectors.FOLDER / "forward").glob("*_body*.txt")):
        subject = path.with_name(path.name.replace("_body", "_subject"))
        yield path.stem, _wrapped("forward", path, subject.read_text("utf-8").strip() if subject.exists() else "Fwd: x")


def parses() -> Iterator[tuple[str, bytes]]:
    for path in sorted((vectors.FOLDER / "mime").glob("*/*.eml")):
        yield f"{path.parent.name}-{path.stem}", _carried(path.read_bytes())


CORPORA: Final[dict[str, Callable[[], Iterator[tuple[str, bytes]]]]] = {
    "ours": ours,
    "reply": replies,
    "forward": forwards,
    "mime": parses,
}


def _carried(octets: bytes) -> bytes:
    """With the line ends of SMTP, which has no last line without one."""
    return crlf(octets if octets.endswith(b"\n") else octets + b"\n")


def _wrapped(suite: str, path: Path, subject: str, *fields: str) -> bytes:
    return _carried(
        mail(
            "To: support@example.org",
            f"Subject: {' '.join(subject.split())}",
            f"Message-ID: <{suite}.{path.stem}@suites.example>",
            "Date: Mon, 02 Mar 2026 10:00:00 +0100",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 8bit",
            *fields,
            body=path.read_bytes(),
        )
    )
