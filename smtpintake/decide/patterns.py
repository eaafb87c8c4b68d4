"""`Patterns`: many keywords and expressions looked for in one text at once, in time linear in the text.

Contract: pure. Texts come from strangers and expressions from the admin, so neither may make the search slow: RE2 has
no backtracking, and therefore no look-around and no back-references. Upper and lower case are one, unless an expression
begins with `(?-i)`.
"""

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Final

import re2

MAX_SEARCHED: Final = 32_768  # characters of a text; what stands below is history or a listing
MAX_EXPRESSION: Final = 1_000  # characters
MAX_PROGRAM: Final = 10_000  # instructions of RE2: `\w{1000}` has nine thousand
_SET_MEMORY: Final = 32 << 20  # octets, of all patterns of one field together
_EACH_MEMORY: Final = 1 << 20


def keyword(text: str) -> str:
    """The expression that finds `text` anywhere, with any white space where it has some."""
    return r"\s+".join(re2.escape(word) for word in text.split())


def fault_of(expression: str) -> str:
    """What is wrong with an expression, for whoever wrote it; an empty string where nothing is."""
    if len(expression) > MAX_EXPRESSION:
        return f"is longer than {MAX_EXPRESSION} characters"
    try:
        compiled = re2.compile(expression, _options(_EACH_MEMORY))
    except re2.error as error:
        said = error.args[0]
        return f"is no expression of RE2: {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return "is too large when its repetitions are written out" if compiled.programsize > MAX_PROGRAM else ""


class Patterns:
    """`expressions`, compiled together; each by itself only where that is needed."""

    def __init__(self, expressions: Iterable[str]) -> None:
        self._expressions: Final = tuple(expressions)
        # All of them, and as the last one the empty expression, which is in every text.
        self._together: Final = re2.Set.SearchSet(_options(_SET_MEMORY))
        for expression in (*self._expressions, ""):
            self._together.Add(expression)
        self._together.Compile()

    def found_in(self, text: str) -> list[int]:
        """The indices of the expressions that are found in the beginning of `text`, in order."""
        octets = text[:MAX_SEARCHED].encode("utf-8", "replace")
        found = self._together.Match(octets) or []
        # A search that runs out of memory says that nothing was found; then each is looked for by itself.
        if (last := len(self._expressions)) not in found:
            return [i for i, each in enumerate(self._singly) if each.search(octets)]
        return sorted(i for i in found if i != last)

    @cached_property
    def _singly(self) -> "tuple[re2._Regexp, ...]":
        return tuple(map(_compiled, self._expressions))


def captured(expression: str, text: str) -> str:
    """What the first group of `expression` has in `text`, all that is found where it has none; empty if nothing is."""
    found = _compiled(expression).search(text[:MAX_SEARCHED].encode("utf-8", "replace"))
    if found is None:
        return ""
    octets: bytes | None = found.group(1 if found.re.groups else 0)
    return octets.decode("utf-8", "replace") if octets else ""


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> "re2._Regexp":
    return re2.compile(expression.encode(), _options(_EACH_MEMORY))


def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = memory
    return options
