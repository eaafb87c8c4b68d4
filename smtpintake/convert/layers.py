"""`Layers`: a reply line by line, who speaks in each; and what of it is left to read once a `History` has been asked.

The analyser makes the layers, long before anybody knows which issue the mail belongs to; whoever knows the issue calls
`told`. A line is hidden only where the history has it, or where it announces a passage that is hidden (`On … wrote:`,
Outlook's header block), or is a signature. All else stays, in its order: what is quoted but not known keeps or gets a
mark; an answer stays where it was given, and what it answers to stays above it.

Contract: pure and total; linear, but for what `History` bounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from typing import Final

from smtpintake.convert import quoting, signature
from smtpintake.convert.history import History, Verdict, words, words_of
from smtpintake.convert.lines import Lines

MAX_TEXT: Final = 256 << 10  # characters
MAX_LINES: Final = 5000
MAX_CONTEXT: Final = 6  # lines of what an answer answers to


class Layer(Enum):
    """Who speaks in a line. `MARKED` and `BELOW` are quoted: the one by its mark, the other by what stands above it."""

    OWN = auto()
    SIGNATURE = auto()
    REPEATABLE = auto()  # a signature where the same sender had it before
    ANNOUNCING = auto()
    MARKED = auto()
    BELOW = auto()


# An attribute of an enumeration is looked up anew each time, which takes as long as all else that is done with a line.
_OWN, _SIGNATURE, _REPEATABLE, _ANNOUNCING, _MARKED, _BELOW = Layer
_KNOWN, _UNKNOWN, _INSERTED = Verdict
_QUOTED: Final = (_MARKED, _BELOW)


@dataclass(frozen=True, slots=True)
class Told:
    """What is left to read. `unknown`: some of what was quoted is not known; `answers`: the author wrote between the
    quoted lines, so that quoted lines stay for being answered, or below them without a mark; `repeated`: it ended in a
    block that the same sender had before, which is gone.
    """

    text: str
    unknown: bool
    answers: bool
    repeated: bool


@dataclass(frozen=True, slots=True)
class Layers:
    """`said` has the words of each quoted line, an empty string for each other; `nested` are the numbers of quoted
    lines that announce what they quote themselves.
    """

    lines: tuple[str, ...]
    layers: tuple[Layer, ...]
    said: tuple[str, ...]
    nested: frozenset[int]

    @property
    def has_quotation(self) -> bool:
        return any(self.said)

    @property
    def repeatable(self) -> str:
        """The words of what is a signature if the same sender had it before."""
        return words("\n".join(self._of(_REPEATABLE)))

    def quotes_just(self, text: str) -> bool:
        """True where what is quoted, with what announces it, is `text` word for word."""
        passage = list(self.said)
        for number, layer in enumerate(self.layers):
            if layer is _ANNOUNCING:
                passage[number] = words(self.lines[number])
        passage = list(filter(None, passage))
        if passage == list(filter(None, map(str.strip, text.split("\n")))):  # line by line, as most clients quote
            return True
        said = " ".join(passage)
        return said == " ".join(text.split()) or said == words(text)

    def told(self, history: History, of_sender: History) -> Told:
        """What is left to read where `history` is known, and `of_sender` is what the same sender wrote of it."""
        verdicts = self._verdicts(history)
        answers = [number for number in range(len(self.lines)) if self._is_answer(number, verdicts)]
        repeated = self._is_repeated(of_sender)
        shown = self._shown(verdicts, repeated)
        between = self._between(answers, verdicts)
        for answer in between:
            for number in self._context(answer):
                shown[number] = True
        text = "\n".join(_tidied(list(self._rendered(shown, set(answers)))))
        unknown = any(verdict is not _KNOWN and number not in answers for number, verdict in verdicts.items())
        inserted = any(verdict is _INSERTED for verdict in verdicts.values())
        return Told(text, unknown, bool(between) or inserted, repeated)

    # ---- what is known ---------------------------------------------------------------------------------------------

    def _verdicts(self, history: History) -> dict[int, Verdict]:
        """Of each quoted line that has words, by its number. One that announces goes with what it announces."""
        numbers = [number for number, said in enumerate(self.said) if said]
        verdicts = dict(zip(numbers, history.verdicts([self.said[number] for number in numbers]), strict=True))
        below = _UNKNOWN
        for number in reversed(numbers):
            if number in self.nested and below is _KNOWN:
                verdicts[number] = below
            below = verdicts[number]
        for number in self._below_the_end(numbers, verdicts, history):
            verdicts[number] = _INSERTED
        return verdicts

    def _below_the_end(self, numbers: list[int], verdicts: dict[int, Verdict], history: History) -> list[int]:
        """The lines below the end of a known text, where nothing marks or announces them: no client put them there."""
        end = max((at for at, number in enumerate(numbers, 1) if verdicts[number] is _KNOWN), default=0)
        rest = numbers[end:]
        if not end or not rest or any(self.layers[number] is not _BELOW for number in rest):
            return []
        last = numbers[end - 1]
        following = list(self.lines[last + 1 :])
        if quoting.first_quotation(following, old=True) is not None or any(map(quoting.is_rule, following)):
            return []
        known = [number for number in numbers[:end] if verdicts[number] is _KNOWN]
        return rest if history.ends_with([self.said[number] for number in known]) else []

    def _is_repeated(self, of_sender: History) -> bool:
        block = self.repeatable
        return bool(block) and f" {block} " in of_sender.text

    def _of(self, wanted: Layer) -> Iterator[str]:
        return (line for line, layer in zip(self.lines, self.layers, strict=True) if layer is wanted)

    # ---- who answers -----------------------------------------------------------------------------------------------

    def _is_answer(self, number: int, verdicts: dict[int, Verdict]) -> bool:
        """True for the author's own lines. Below Outlook's header block nothing marks them: there it is one that was
        put in between two lines that follow each other in the history, or below the end of what it has.
        """
        layer = self.layers[number]
        if layer is _BELOW:
            return verdicts.get(number) is _INSERTED
        return layer is _OWN and bool(self.lines[number])

    def _between(self, answers: Sequence[int], verdicts: dict[int, Verdict]) -> list[int]:
        """The answers that have quoted lines above them, where some stand between quoted lines."""
        quoted = verdicts.keys() - set(answers)
        if not quoted:
            return []
        first, last = min(quoted), max(quoted)
        below = [answer for answer in answers if answer > first]
        return below if any(answer < last for answer in below) else []

    def _context(self, answer: int) -> Iterator[int]:
        """The last lines of the quotation right above `answer`, up to a blank one."""
        number = answer - 1
        while number >= 0 and not self.said[number] and (not self.lines[number] or self.layers[number] in _QUOTED):
            number -= 1
        for above in range(number, max(-1, number - MAX_CONTEXT), -1):
            if self.layers[above] not in _QUOTED or not self.said[above]:
                return
            yield above

    # ---- what is left ----------------------------------------------------------------------------------------------

    def _shown(self, verdicts: dict[int, Verdict], repeated: bool) -> list[bool]:
        """Whether each line is left. Quoted blank lines and what announces go with what they stand above."""
        hidden = {_SIGNATURE, _REPEATABLE} if repeated else {_SIGNATURE}
        shown: list[bool] = []
        below: bool | None = None  # whether the next quoted line is left
        for number in reversed(range(len(self.lines))):
            layer = self.layers[number]
            if number in verdicts:
                below = verdicts[number] is not _KNOWN
            elif layer is _OWN and self.lines[number]:
                below = None
            if layer is _ANNOUNCING:
                shown.append(below is not False)
            else:
                shown.append(bool(below) if layer in _QUOTED else layer not in hidden)
        return shown[::-1]

    def _rendered(self, shown: list[bool], answers: set[int]) -> Iterator[str | None]:
        """The lines that are left, and None for each that is not."""
        quoted = [shown[at] and layer in _QUOTED and at not in answers for at, layer in enumerate(self.layers)]
        for number, line in enumerate(self.lines):
            if not shown[number]:
                yield None
            elif not quoted[number]:
                yield line
            elif not quoting.bare(line).strip() and False in (
                quoted[max(number - 1, 0)],
                *quoted[number + 1 : number + 2],
            ):
                yield ""  # a mark alone, with nothing that it joins
            else:
                unmarked = self.layers[number] is _BELOW and not quoting.bears(line, ">")
                yield f"> {line}".rstrip() if unmarked else line


def is_too_long(text: str) -> bool:
    """True where nothing of `text` is to be taken for known."""
    return len(text) > MAX_TEXT or text.count("\n") >= MAX_LINES


def layers(text: Lines) -> Layers | None:
    """The layers of a reply; None where it is too long, or nothing is quoted and nothing looks like a signature."""
    if is_too_long(text.text):
        return None
    lines = text.lines
    found = _quoted(text)
    _sign(lines, found)
    if not any(layer in _QUOTED or layer is _REPEATABLE for layer in found):
        return None
    return _layers(lines, found)


def quoted_layers(text: str) -> Layers:
    """The layers of a text that is quoted as a whole, but for what announces it at its beginning."""
    lines = [quoting.bare(line.rstrip()) for line in text.split("\n")]
    found = [_BELOW] * len(lines)
    announced = quoting.first_quotation(lines, old=True)
    if announced is not None and not any(map(words, lines[: announced.line])):
        found[announced.line : announced.body] = [_ANNOUNCING] * (announced.body - announced.line)
    return _layers(lines, found)


def _layers(lines: list[str], found: list[Layer]) -> Layers:
    quoted = [line if layer in _QUOTED else "" for line, layer in zip(lines, found, strict=True)]
    nested = chain.from_iterable(quoting.attributions(quoted))
    return Layers(tuple(lines), tuple(found), tuple(words_of(quoted)), frozenset(nested))


def _quoted(text: Lines) -> list[Layer]:
    """Who speaks in each line, signatures aside."""
    lines = text.lines
    found = [_MARKED if quoted else _OWN for quoted in quoting.marked(lines)]
    for announced in quoting.quotations(lines):
        if found[announced.line] is _MARKED:
            continue  # quoted itself: the history may have it
        found[announced.line : announced.body] = [_ANNOUNCING] * (announced.body - announced.line)
        if announced.mark == "|":
            found[announced.body :] = [
                _MARKED if quoting.bears(line, "|") else layer
                for line, layer in zip(lines[announced.body :], found[announced.body :], strict=True)
            ]
        if not announced.mark:
            found[announced.body :] = [_BELOW] * (len(lines) - announced.body)
            break
    for number in text.separating:
        if found[number] is _OWN:
            found[number:] = [_ANNOUNCING, *[_BELOW] * (len(lines) - number - 1)]
            break
        if found[number] is _BELOW:
            found[number] = _ANNOUNCING  # our own line, below what a client put above it
    return found


def _sign(lines: list[str], found: list[Layer]) -> None:
    """Set the layers of the signatures: at the end of what is above the quotation, and of what is below."""
    own = [number for number, layer in enumerate(found) if layer is _OWN and lines[number]]
    if not own:
        return
    first = next((number for number, layer in enumerate(found) if layer is not _OWN), len(lines))
    last = next((number for number in range(len(lines), 0, -1) if found[number - 1] is not _OWN), len(lines))
    for start, end in dict.fromkeys(((0, first), (last, len(lines)))):
        block = lines[start:end]
        begin = start + signature.marked(block)
        if start and own[0] < start and signature.is_only(block):
            begin = start
        found[begin:end] = [_SIGNATURE] * (end - begin)
        likely = start + signature.repeatable(lines[start:begin])
        found[likely:begin] = [_REPEATABLE] * (begin - likely)


def _tidied(lines: list[str | None]) -> list[str]:
    """With one blank line where something is gone, and none at either end."""
    kept: list[str] = []
    gap = False
    for line in lines:
        if line is None:
            gap = True
            continue
        if gap and kept:
            while kept and not kept[-1]:
                kept.pop()
            kept.append("")
        if line or (kept and not gap):
            kept.append(line)
            gap = False
    while kept and not kept[-1]:
        kept.pop()
    return kept
