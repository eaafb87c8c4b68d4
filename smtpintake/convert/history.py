"""`History`: the words that an issue has heard, and which lines of a quotation they prove.

The idea: how a quotation looks tells what a client does; whether we have it is a fact. So both sides are brought to the
same form, `words`, which leaves out what clients change when they quote (marks, wrapping, white space, the dressing of
bold words, bullets and links) and nothing that an author could change. A passage is known where its words stand in one
of our texts in a row, word for word: `in` is the whole proof. Three rules make it safe.

- *Whole lines, in a row.* A run of lines is taken as far as the history goes along with it. A word that was put in,
  left out or altered ends the run before its line, and that line is not known.
- *Enough of them.* Short lines stand in every mail, so a run counts from `MIN_WORDS` and `MIN_LETTERS` on; a shorter
  one only where it is all that is quoted and all of one of our texts.
- *What interrupts a passage is an answer.* Where the words before and the words after follow each other in the
  history, what stands between them was put in, and is never known, even if its words are.

Contract: pure and total. At most `MAX_HISTORY` characters are compared and at most `MAX_LOOKS` times; what is beyond
either is not known, and so stays to be read.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

MIN_WORDS: Final = 5
MIN_LETTERS: Final = 20  # of the passage with single spaces
MAX_HISTORY: Final = 96 << 10
MAX_LOOKS: Final = 100
_LOOK_BACK: Final = 4  # passages that an answer may lie behind

# Every expression begins with what it looks for, and only then looks behind: a text is searched for that much quicker.

# Characters that nobody sees: zero-width ones, the soft hyphen, the byte order mark, marks of direction.
_INVISIBLE: Final = re.compile("[\xad\ufeff\u200b-\u200f\u202a-\u202e\u2060-\u2064]+")
# Scripts without spaces may be wrapped anywhere: there, each character is a word.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1780-\u17ff\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef\U00020000-\U0003ffff]+"
)
_ESCAPE: Final = re.compile(r"\\(?=[^\w\s])")  # as HTML becomes text
_ODD_SPACES: Final = [space for space in map(chr, range(0x3001)) if space.isspace() and space not in " \n"]
_QUOTE_MARKS: Final = " \t\xa0>|"
# A whole line of rule, a bullet, or a mark of a heading.
_LINE_MARK: Final = re.compile(r"^(?:[-_*=][-_*= \t]{2,}$|[-*+•·][ \t\xa0]+|#{1,6}[ \t]+)")
_BEGIN_LINE_MARK: Final = "-_*=+•·#"
_PICTURE: Final = re.compile(r"\[(?:cid|image):[^\[\]\n]{0,200}\]")
_LINK: Final = re.compile(r"\[([^\[\]\n]{1,300})\]\(([^()\s]{1,1000})\)")
_TARGET: Final = re.compile(r"<(?<=\S<)(?=(?:https?|mailto):)")
# At one side of a word: `2*3` and `a_b` are none.
_EMPHASIS: Final = re.compile(
    r"[*_](?:(?<![^\s(\[\"'].)[*_]{0,2}(?=[^\s*_])|(?<=[^\s*_].)[*_]{0,2}(?![^\s.,:;!?)\]\"']))"
)
# Thunderbird's italics, whole and in one line only: `/tmp` is no `tmp`.
_SLANTED: Final = re.compile(r"/(?<![^\s(\[\"'].)(?=[^\s/])([^/\n]{1,300})(?<=\S)/(?![^\s.,:;!?)\]\"'])")


class Verdict(Enum):
    """What the history says of a quoted line."""

    KNOWN = auto()
    UNKNOWN = auto()
    INSERTED = auto()  # between two lines that follow each other in the history


def words(text: str) -> str:
    """The words of `text` as they are compared: one space between them, none around."""
    text = _undressed(text.split("\n"))
    return " ".join(filter(None, _stripped(text))) if _is_even(text) else _spaced(text)


def words_of(lines: Iterable[str]) -> list[str]:
    """The words of each line."""
    text = _undressed(lines)
    return _stripped(text) if _is_even(text) else [_spaced(line) for line in text.split("\n")]


@dataclass(frozen=True, slots=True)
class History:
    """`text` is the words of all texts, each between line ends; a passage never reaches from one into the next."""

    text: str = ""

    @classmethod
    def of(cls, texts: Iterable[str]) -> "History":
        """Of `texts`, the most telling first: what is too much is left out."""
        heard, room = [""], MAX_HISTORY
        for each in texts:
            heard.append(f" {words(_cut(each, room))} ")
            room -= min(len(each), room)
        return cls("\n".join([*dict.fromkeys(heard), ""]))

    def verdicts(self, lines: Sequence[str]) -> list[Verdict]:
        """Of each of the quoted `lines`, given as their words; none is empty."""
        passage = " ".join(lines)
        if f"\n {passage} \n" in self.text or (_is_telling(passage) and f" {passage} " in self.text):
            return [Verdict.KNOWN] * len(lines)
        return _Search(self.text, lines).verdicts()

    def ends_with(self, lines: Sequence[str]) -> bool:
        """True where one of the texts ends as `lines` do, which are given as their words."""
        passage = ""
        for line in reversed(lines):
            passage = f"{line} {passage}".strip()
            if _is_telling(passage):
                return f" {passage} \n" in self.text
        return False


class _Search:
    """The known passages among `lines`: each a list of line numbers, that follow each other in the history."""

    def __init__(self, history: str, lines: Sequence[str]) -> None:
        self._history: Final = history
        self._lines: Final = lines
        self._looks = 0

    def verdicts(self) -> list[Verdict]:
        found = [Verdict.UNKNOWN] * len(self._lines)
        for passage in self._passages():
            if _is_telling(self._words(passage)):
                for before, number in zip([passage[0] - 1, *passage], passage, strict=False):
                    found[before + 1 : number + 1] = [Verdict.INSERTED] * (number - before - 1) + [Verdict.KNOWN]
        return found

    def _passages(self) -> list[list[int]]:
        passages: list[list[int]] = []
        start = 0
        while start < len(self._lines):
            run = list(range(start, self._end_of_run(start)))
            start = run[-1] + 1 if run else start + 1
            if not run:
                continue
            # What lies between the run and the passage that it goes on with was put in, known words or not.
            for number in range(max(0, len(passages) - _LOOK_BACK), len(passages)):
                if self._holds([*passages[number], *run]):
                    passages[number:] = [passages[number] + run]
                    break
            else:
                passages.append(run)
        return passages

    def _end_of_run(self, start: int) -> int:
        """The line up to which the history goes along with those from `start` on: found by steps that double, and then
        by halving, as what is held is held in part too.
        """
        held, step = start, 1
        while held + step <= len(self._lines) and self._holds(range(start, held + step)):
            held, step = held + step, 2 * step
        while step := step // 2:
            if held + step <= len(self._lines) and self._holds(range(start, held + step)):
                held += step
        return held

    def _holds(self, numbers: Iterable[int]) -> bool:
        self._looks += 1
        return self._looks <= MAX_LOOKS and f" {self._words(numbers)} " in self._history

    def _words(self, numbers: Iterable[int]) -> str:
        return " ".join(self._lines[number] for number in numbers)


def _undressed(lines: Iterable[str]) -> str:
    """The text that `lines` are, without what clients change, but for white space and targets of links."""
    lines = [line if line.isascii() else _apart(line) for line in lines]
    if any("\\" in line for line in lines):
        lines = [_ESCAPE.sub("", line) for line in lines]
    lines = [line.lstrip(_QUOTE_MARKS) for line in lines]
    text = "\n".join([_LINE_MARK.sub("", line) if line[:1] in _BEGIN_LINE_MARK else line for line in lines])
    if "[" in text:
        text = _LINK.sub(_plain_link, _PICTURE.sub("", text))
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub("", text)
    if "/" in text:
        text = _SLANTED.sub(r"\1", text)
    return text


def _apart(line: str) -> str:
    """`line` without what nobody sees, and with spaces around each character that is a word."""
    return _UNSPACED.sub(lambda run: f" {' '.join(run[0])} ", _INVISIBLE.sub("", line))


def _is_even(text: str) -> bool:
    """True where `_spaced` would change nothing but the ends of lines; told quickly of all lines at once."""
    return not ("  " in text or _may_have_targets(text) or any(space in text for space in _ODD_SPACES))


def _stripped(text: str) -> list[str]:
    return [line.strip(" ") for line in text.split("\n")]


def _may_have_targets(text: str) -> bool:
    return "<http" in text or "<mailto:" in text


def _spaced(text: str) -> str:
    if _may_have_targets(text):
        return _without_targets(_TARGET.sub(" <", text).split())
    return " ".join(text.split())


def _cut(text: str, room: int) -> str:
    """At most `room` characters of `text`, and no part of a word: who owes 100 need not owe 1000."""
    return text if len(text) <= room else " ".join(text[:room].split(" ")[:-1])


def _is_telling(passage: str) -> bool:
    """True where a passage is long enough not to be there by accident."""
    return len(passage) >= MIN_LETTERS and passage.count(" ") + 1 >= MIN_WORDS


def _plain_link(link: re.Match[str]) -> str:
    return f"{link[1]} <{link[2]}>" if link[1] != link[2].removeprefix("mailto:") else link[1]


def _without_targets(tokens: list[str]) -> str:
    """The words, without the targets of links that say them: `a@b.c <mailto:a@b.c>`."""
    kept: list[str] = []
    for token in tokens:
        if kept and token[:1] == "<" and token[-1] == ">":
            target = token[1:-1].removeprefix("mailto:").rstrip("/")
            if target == kept[-1].rstrip("/"):
                continue
        kept.append(token)
    return " ".join(kept)
