"""What the author wrote for this mail, without the conversation that their client put under it.

Contract: pure, total and linear but for mail-parser-reply, which is asked only about a bounded text that shows a sign
of quoting (it is quadratic). Nothing is lost: the caller keeps the whole text. What is not known to be a quotation
stays (freescout#2578: replies between the quoted lines), and a result that would be empty is the whole text.
"""

import re
from typing import Final

from mailparser_reply import EmailReplyParser

from smtpintake.convert import quoting

MAX_REPLY: Final = 32 << 10  # characters that mail-parser-reply is given
MAX_LINE: Final = 400
MAX_SIGNATURE: Final = 12  # lines; more is text that happens to follow two hyphens

_SIGNATURE: Final = re.compile(r"--\s?")
_BLANKS: Final = re.compile(r"\n{4,}")


def trim(text: str, separators: tuple[str, ...], *, reply: bool) -> str:
    """`text` without quoted history and signature, or all of it where nothing would be left.

    What a mail that is no `reply` quotes is its subject matter; only a separator line proves it a reply after all.
    """
    lines = [line.rstrip() for line in text.split("\n")]
    cut = _separator(lines, separators)
    if cut is None and not reply:
        return text
    # Nothing above the separator: an answer below the quotation, of which our own line is then a part.
    above = [] if cut is None else _own(lines[:cut])
    kept = above if any(above) else _own(lines)
    return _joined(kept) or _joined(lines)


def _separator(lines: list[str], separators: tuple[str, ...]) -> int | None:
    """The number of the first line that holds one of `separators`, quoted or not."""
    wanted = tuple(separator.strip().casefold() for separator in separators if separator.strip())
    dashed = all(separator.startswith("--") for separator in wanted)
    for number, line in enumerate(lines):
        if len(line) <= MAX_LINE and (not dashed or "--" in line):
            folded = line.casefold()
            if any(separator in folded for separator in wanted):
                return number
    return None


def _own(lines: list[str]) -> list[str]:
    return _without_signature(_without_quotation(lines))


def _without_quotation(lines: list[str]) -> list[str]:
    begin = quoting.first_quotation(lines)
    if begin is None:
        return lines[: _second_opinion(lines)] if quoting.shows_signs(lines) else lines
    above, below = lines[: begin.line], lines[begin.body :]
    if not begin.mark:
        return above  # Outlook's way: all that follows the header block is older
    answers = quoting.unquoted(below, begin.mark)
    if not any(answers):
        return above
    one_block = quoting.is_one_block(below, begin.mark)
    if any(above) and one_block and _is_only_signature(answers):
        return above
    if not any(above) and one_block:
        return answers
    # Answered between the quoted lines: what is answered to is then part of the answer.
    return lines


def _is_only_signature(lines: list[str]) -> bool:
    first = next((line for line in lines if line), "")
    return _SIGNATURE.fullmatch(first) is not None or quoting.SENT_FROM.match(first) is not None


def _without_signature(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and not lines[end - 1]:
        end -= 1
    for number in range(max(0, end - MAX_SIGNATURE - 1), end):
        if (_SIGNATURE.fullmatch(lines[number]) and any(lines[:number])) or (
            number == end - 1 and quoting.SENT_FROM.match(lines[number])
        ):
            return lines[:number]
    return lines[:end]


def _second_opinion(lines: list[str]) -> int:
    """Where mail-parser-reply sees the first reply end: a number of lines; all of them where it cannot be followed."""
    guarded = _guarded(lines)
    if guarded is None:
        return len(lines)
    first = EmailReplyParser(languages=list(quoting.LANGUAGES)).read(guarded).replies[0].content
    answer = [line for line in first.split("\n") if line]
    matched = 0
    for number, line in enumerate(lines):
        if matched == len(answer):
            return number
        if line:
            if line[:MAX_LINE].strip() != answer[matched]:
                return len(lines)
            matched += 1
    return len(lines)


def _guarded(lines: list[str]) -> str | None:
    """The text within the bounds under which mail-parser-reply is quick; None where too much would be missing."""
    text = "\n".join(line[:MAX_LINE] for line in lines)
    if len(text) > MAX_REPLY:
        return None
    return _BLANKS.sub("\n\n\n", text)


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n")
