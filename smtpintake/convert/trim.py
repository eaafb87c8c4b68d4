"""What the author wrote for this mail, without the conversation that their client put under it.

Contract: pure, total and linear but for mail-parser-reply, which is asked only about a bounded text that shows a sign
of quoting (it is quadratic). Nothing is lost: the caller keeps the whole text. What is not known to be a quotation
stays (freescout#2578: replies between the quoted lines), and a result that would be empty is the whole text.
"""

import re
from typing import Final

from mailparser_reply import EmailReplyParser

from smtpintake.convert import quoting, signature
from smtpintake.convert.lines import Lines

MAX_REPLY: Final = 32 << 10  # characters that mail-parser-reply is given
MAX_LINE: Final = 400

_BLANKS: Final = re.compile(r"\n{4,}")


def trim(text: Lines, *, reply: bool) -> str:
    """The `text` without quoted history and signature, or all of it where nothing would be left.

    What a mail that is no `reply` quotes is its subject matter; only a separator line proves it a reply after all.
    """
    lines = text.lines
    cut = text.separating[0] if text.separating else None
    if cut is None and not reply:
        return text.text
    # Nothing above the separator: an answer below the quotation, of which our own line is then a part.
    above = [] if cut is None else _own(lines[:cut])
    kept = above if any(above) else _own(lines)
    if cut is not None and _is_answered(above, lines[cut + 1 :]):
        return text.text
    return _joined(kept) or _joined(lines)


def _own(lines: list[str]) -> list[str]:
    own = _without_quotation(lines)
    return own[: signature.marked(own)]


def _without_quotation(lines: list[str]) -> list[str]:
    begin = quoting.first_quotation(lines)
    if begin is None:
        return lines[: _second_opinion(lines)] if quoting.shows_signs(lines) else lines
    above, below = lines[: begin.line], lines[begin.body :]
    if not begin.mark:
        # Outlook's way: all that follows the header block is older, or an answer that nothing tells from it.
        return lines if _is_answered(above, below) else above
    answers = quoting.unquoted(below, begin.mark)
    if not any(answers):
        return above
    one_block = quoting.is_one_block(below, begin.mark)
    if any(above) and one_block and signature.is_only(answers):
        return above
    if not any(above) and one_block and begin.body > begin.line:
        return answers
    # Answered between the quoted lines: what is answered to is then part of the answer.
    return lines


def _is_answered(above: list[str], below: list[str]) -> bool:
    """True where the author says `above` that answers stand among the unmarked lines `below`."""
    return quoting.points_below("\n".join(above)) and any(quoting.unquoted(below, ">"))


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
