"""What reading a mail costs: from its octets to its draft, beside mail-parser's own parse in the same run.

That is: the bounds, the header, the parts, charsets, attachments hashed and their types looked at, safe HTML, its
text, and the quoted history taken out. Processor time, the two in turns; the ratio is what to believe.
"""

import hashlib
import time
from collections.abc import Callable
from statistics import median
from typing import Final

import mailparser

from bench import mails
from smtpintake.decide.policy import DEFAULT_SEPARATORS
from smtpintake.intake.analysis import Task, analyse

_GOAL: Final = 2.0  # times mail-parser's parse
_SIZES: Final = {"5 KB": (5_000, 200), "200 KB": (200_000, 60), "10 MB": (10_000_000, 3)}  # octets, mails a run
_REPLY: Final = {"5 KB": (5_000, 200), "200 KB": (200_000, 20)}  # its text is bounded: more would not be read


def run(runs: int) -> dict[str, object]:
    """Print and give the milliseconds of processor time a mail, of each kind and size."""
    print("\n# Reading a mail, to its draft, beside mail-parser's parse\n")
    found: dict[str, object] = {}
    for name, (size, count) in _SIZES.items():
        found[name] = _compared(f"{name}, an attachment", mails.unsigned(size), count, runs)
    for name, (size, count) in _REPLY.items():
        found[f"{name} reply"] = _compared(f"{name}, a reply that quotes", _reply(size), count, runs)
    return found


def _compared(name: str, raw: bytes, count: int, runs: int) -> dict[str, float]:
    task = Task(raw, None, hashlib.sha256(raw).hexdigest(), DEFAULT_SEPARATORS)  # hashed as it came
    ours, theirs = [], []
    for _ in range(runs + 1):
        ours.append(_cost(lambda: analyse(task), count))
        theirs.append(_cost(lambda: mailparser.parse_from_bytes(raw), count))
    mine, parser = median(ours[1:]), median(theirs[1:])  # the first is to warm up
    verdict = "reached" if mine <= _GOAL * parser else "MISSED"
    print(
        f"  {name:28} {mine:9.3f} ms  mail-parser {parser:9.3f} ms  {mine / parser:5.2f} x  (goal {_GOAL}: {verdict})",
        flush=True,
    )
    return {"ours": round(mine, 4), "mail-parser": round(parser, 4), "ratio": round(mine / parser, 3)}


def _cost(read: Callable[[], object], count: int) -> float:
    begun = time.process_time()
    for _ in range(count):
        read()
    return (time.process_time() - begun) / count * 1e3


def _reply(size: int) -> bytes:
    """An answer of three lines above a quoted text, in both forms, as Gmail writes it."""
    quoted = mails.prose(size, size * 2 // 5).splitlines()
    text = "\n".join(f"> {line}" for line in quoted)
    html = "".join(f"<div>{line}</div>\n" for line in quoted)
    attribution = "On Mon, Mar 2, 2026 at 10:00 AM Example Support <support@example.org> wrote:"
    body = (
        f'Content-Type: multipart/alternative; boundary="b"\n\n--b\nContent-Type: text/plain; charset="UTF-8"\n\n'
        f'Yes, please.\n\nAndré\n\n{attribution}\n\n{text}\n\n--b\nContent-Type: text/html; charset="UTF-8"\n\n'
        '<div dir="ltr">Yes, please.<div><br></div><div>André</div></div><br><div class="gmail_quote">'
        f'<div dir="ltr" class="gmail_attr">{attribution.replace("<", "&lt;").replace(">", "&gt;")}<br></div>'
        f'<blockquote class="gmail_quote">{html}</blockquote></div>\n--b--\n'
    )
    return (mails.FIELDS.replace("Subject: ", "Subject: Re: ") + body).replace("\n", "\r\n").encode()
