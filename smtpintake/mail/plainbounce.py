"""Reports in plain words, as servers wrote them before RFC 3464, and some still do: qmail, Exim, Sendmail, Postfix,
Exchange, Domino, Yahoo, AOL, Gmail and others.

Contract: total, linear, bounded. None of them is read by a grammar of its own: all have an address at the beginning of
a line, the reason behind it, and the original mail below that. To take too much for an address does no harm, since only
the one that we wrote to counts.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from smtpintake.mail.dsn import status_in
from smtpintake.mail.report import MAX_DIAGNOSTIC, MAX_IDS, MAX_RECIPIENTS, Action, Reported
from smtpintake.mail.reportparts import folded
from smtpintake.mail.threadkeys import message_id

MAX_LINES: Final = 1000
MAX_LINE: Final = 1000
_MAX_SAID: Final = 20  # lines

_WORD: Final = r"[^\s<>'\"(),;:@]"
_ADDRESS: Final = re.compile(rf"(?<!{_WORD})({_WORD}{{1,64}}@{_WORD}{{1,255}})")
# `<bob@example.com>:`, `    bob@example.com`, `'bob@example.com' on 1/1/2004`, `Recipient address: bob@example.com`
_BEGINS: Final = re.compile(rf"[\s>]{{0,40}}(?:recipient(?: address)?:\s{{0,20}})?[<'\"(]?(?={_WORD})", re.IGNORECASE)
_ORIGINAL: Final = re.compile(
    r"\s{0,8}[-=_]{2,}+.{0,60}(?:copy of|original|message header|unsent|returned|message follows|below this line)",
    re.IGNORECASE,
)
_MESSAGE_ID: Final = re.compile(r"[\s>]{0,40}message-id:(.+)", re.IGNORECASE)
# Not given up yet. Exim, Sendmail, Postfix say so before they say for whom.
_DELAYED: Final = re.compile(
    r"warning message only|do not need to resend|not (?:yet )?been delivered|will (?:be retried|keep trying)|delayed",
    re.IGNORECASE,
)


def recipients(text: str, named: Sequence[str] = ()) -> tuple[Reported, ...]:
    """What `text` says of each address. `named` are those of X-Failed-Recipients (Exim), folded."""
    above, _ = _divided(text)
    said: dict[str, list[str]] = {address: [] for address in named[:MAX_RECIPIENTS]}
    first: int | None = None
    lines: list[str] = []
    for number, (address, line) in enumerate(map(_beginning, above)):
        if address and (address in said or len(said) < MAX_RECIPIENTS):
            first = number if first is None else first
            lines = said.setdefault(address, [])
        if len(lines) < _MAX_SAID:
            lines.append(line)
    if not said:  # `Delivery to bob@example.com has failed.`
        said = {address: above for line in above for address in _addresses(line)}
    action = Action.DELAYED if any(map(_DELAYED.search, above[:first])) else Action.FAILED
    # Sendmail tells what was said to it after all addresses, in a transcript.
    overall = status_in("", "\n".join(above))
    reported = ((address, _one_line(lines)) for address, lines in list(said.items())[:MAX_RECIPIENTS])
    return tuple(
        Reported((address,), action, status_in("", diagnostic) or overall, diagnostic)
        for address, diagnostic in reported
    )


def original_ids(text: str) -> tuple[str, ...]:
    """The Message-IDs of the original mail, as far as the report quotes it."""
    above, below = _divided(text)
    found = (message_id(match[1]) for line in (*below, *above) if (match := _MESSAGE_ID.match(line)))
    return tuple(dict.fromkeys(each for each in found if each))[:MAX_IDS]


def _divided(text: str) -> tuple[list[str], list[str]]:
    """The lines of the report, and those of the original mail."""
    lines = [line[:MAX_LINE] for line in text.split("\n", MAX_LINES)[:MAX_LINES]]
    cut = next((number for number, line in enumerate(lines) if _ORIGINAL.match(line)), len(lines))
    return lines[:cut], lines[cut:]


def _beginning(line: str) -> tuple[str | None, str]:
    """The address that `line` begins with, folded, and the rest of the line."""
    begins = _BEGINS.match(line)
    match = _ADDRESS.match(line, begins.end()) if begins else None
    address = folded(match[1].rstrip(".")) if match else None
    return (address, line[match.end() :]) if match and address else (None, line)


def _addresses(line: str) -> Iterator[str]:
    found = (folded(match[1].rstrip(".")) for match in _ADDRESS.finditer(line))
    return (address for address in found if address is not None)


def _one_line(lines: Sequence[str]) -> str:
    text = " ".join(" ".join(line.split()) for line in lines[:_MAX_SAID])
    return text.lstrip("<>'\":,;)- ")[:MAX_DIAGNOSTIC].rstrip()
