"""What an analyser does: octets -> `Analysis`. It runs in a process of its own, see `smtpintake.intake.analyser`.

Contract: pure but for reading the spool file that a task names. A fault in a task is an exception, and of us: no input
is meant to raise.
"""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from smtpintake.auth.results import UNVERIFIED
from smtpintake.auth.verify import Evidence, verify
from smtpintake.convert.draft import Draft, draft
from smtpintake.convert.filing import files
from smtpintake.convert.forwarded import Carried
from smtpintake.decide.analysis import Analysis
from smtpintake.intake.spool import Received
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.message import Message
from smtpintake.mail.parse import embedded, read
from smtpintake.mail.parts import OPAQUE
from smtpintake.mail.prescan import prescan


@dataclass(frozen=True, slots=True)
class Task:
    """One mail: `octets`, or the spool file at `path`. `sha256` is hex, of the whole; `separators` are the lines under
    which nothing is new; `evidence` is what DNS said of the sender, None where nobody asked. `null_reverse_path` is
    False where the envelope is known to have an address.
    """

    octets: bytes | None
    path: Path | None
    sha256: str
    separators: tuple[str, ...]
    evidence: Evidence | None = None
    null_reverse_path: bool = True

    @classmethod
    def of(cls, mail: Received, envelope: Envelope, separators: tuple[str, ...], evidence: Evidence | None) -> "Task":
        return cls(mail.octets, mail.path, mail.sha256, separators, evidence, envelope.mail_from.is_null)


def analyse(task: Task) -> Analysis:
    """The Analysis of one mail. Raises OSError where the spool file is gone."""
    if task.octets is not None:
        return _analysis(task.octets, task)
    if task.path is None:
        raise ValueError("a mail is in memory or in the spool")
    with task.path.open("rb") as spool, mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return _analysis(view, task)


def analyse_several(tasks: Sequence[Task]) -> list[Analysis]:
    """The Analysis of each, in order."""
    return [analyse(task) for task in tasks]


def _analysis(raw: bytes | mmap.mmap, task: Task) -> Analysis:
    scan = prescan(raw)
    message = read(raw, task.sha256, scan, null_reverse_path=task.null_reverse_path)
    if message.refusal:
        return Analysis(message, None)
    verdict = verify(raw, scan, message.author, task.evidence) if task.evidence else UNVERIFIED
    # The draft has the bodies; what travels back to the intake need not carry them twice.
    return Analysis(replace(message, text=None, html=None), drawn(raw, message, task.separators), verdict)


def drawn(raw: bytes | mmap.mmap, message: Message, separators: tuple[str, ...]) -> Draft:
    """The draft of `message`, which may pass on the one mail that it carries."""
    mails = [view for view in message.attachments if view.content_type in OPAQUE]
    inner = embedded(raw, mails[0]) if len(mails) == 1 else None
    carried = Carried(inner, files(raw, inner.attachments)) if inner is not None else None
    return draft(message, separators, files(raw, message.attachments), carried)
