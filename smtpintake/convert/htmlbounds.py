"""The bounds within which an HTML parser may be trusted with what a stranger wrote.

Contract: pure, total and linear. Parsers grow quadratic in the depth of nesting, in the attributes of one tag, and in
the formatting elements that nobody closes.
"""

import re
from typing import Final

MAX_DEPTH: Final = 500
MAX_ATTRIBUTES: Final = 1000  # of one tag
MAX_STEPS: Final = 100_000
MAX_READINGS: Final = 8  # of a character as a part of attributes: a tag may stand in what looks like another's
MAX_HIDDEN: Final = 5000  # ends that may be none: each may hide a level of nesting
_SMALL: Final = 16 << 10
# Between these an end ends nothing. What is left open hides nothing: all that follows is in it.
_HIDING: Final = (
    *(("<!--", "-->"), ("<![cdata[", "]]>")),
    *((f"<{name}", f"</{name}") for name in ("script", "style", "title", "textarea", "xmp", "iframe", "noembed")),
    ("<noframes", "</noframes"),
)
# Elements that hold nothing, or whose end may be left out: they do not nest.
_FLAT: Final = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "td",
        "th",
        "tr",
        "dt",
        "dd",
        "option",
        "thead",
        "tbody",
        "tfoot",
    ]
)
# Elements that a parser opens again in every block that follows, until they are closed (WHATWG HTML s13.2.4.3).
_FORMATTING: Final = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)
_END_IN_TAG: Final = re.compile(r"<[^<>]*(?=</)")  # or in what is no tag, as `<!…>`
_NAMED_TAG: Final = re.compile(r"<(/?[a-zA-Z][^\s/>]*)")
# A run of tags that are nothing but a name, with the text behind each, as most are; or one tag, and whether it goes on.
# With a condition on what follows the name, `<a<a<a…` would be read to its end from each of its `<`.
_TAG: Final = re.compile(r"(?:</?[a-zA-Z][^\s/<>]*+>[^<]*+)++|<[a-zA-Z][^\s/>]*([\s/])?")
# One attribute as a browser reads it (WHATWG HTML s13.2.5.32 to 38).
_ATTRIBUTE: Final = re.compile(r"[\s/]*[^\s/>][^\s/>=]*(?:\s*=\s*(?:\"[^\"]*\"?|'[^']*'?|[^\s>\"'][^\s>]*)?)?")


def is_parsable(html: str) -> bool:
    """True within the bounds of nesting and of attributes under which the parsers stay linear."""
    if html.count("<") > MAX_DEPTH and not _nesting_bounded(html):
        return False
    if html.count("</") > MAX_HIDDEN and _hidden_ends(html) > MAX_HIDDEN:
        return False
    return len(html) < _SMALL or _attributes_bounded(html)


def _nesting_bounded(html: str) -> bool:
    tags = _NAMED_TAG.findall(html)
    effects = {tag: _effect(tag) for tag in set(tags)}  # few, of many tags
    open_tags = dict.fromkeys((name for name, _, _ in effects.values()), 0)
    depth = formatting = reopened = 0
    for name, step, formats in map(effects.__getitem__, tags):
        if step > 0 or (step and open_tags[name]):  # an end without a beginning ends nothing
            open_tags[name] += step
            depth += step
            if depth > MAX_DEPTH:
                return False
            formatting += formats
        if formatting:
            reopened += formatting
            if reopened > MAX_STEPS:
                return False
    return True


def _hidden_ends(html: str) -> int:
    """How many ends may be in comments, in raw text or in another tag, at most; where `>` stands before one in an
    attribute, that is counted with the attributes.
    """
    lowered = html.lower()
    hidden = sum(1 for _ in _END_IN_TAG.finditer(lowered))
    for opening, closing in _HIDING:
        end = 0
        while (start := lowered.find(opening, end)) >= 0 and (end := lowered.find(closing, start)) >= 0:
            hidden += lowered.count("</", start, end)
    return hidden


def _effect(tag: str) -> tuple[str, int, int]:
    """The name of `tag`, how many levels deeper it leads, and how many of them a parser may open again."""
    lowered = tag.lower()
    name = lowered.lstrip("/")
    step = 0 if name in _FLAT else 1 if lowered == name else -1
    return name, step, step if name in _FORMATTING else 0


def _attributes_bounded(html: str) -> bool:
    steps = hidden = 0
    characters = MAX_READINGS * len(html)
    for tag in _TAG.finditer(html):
        if tag[1] is None:
            continue  # no attributes
        position = tag.end()
        of_tag = 0
        while match := _ATTRIBUTE.match(html, position):
            characters -= match.end() - position
            position = match.end()
            of_tag += 1
            steps += 1
            hidden += match[0].count("</")
            if of_tag > MAX_ATTRIBUTES or steps > MAX_STEPS or characters < 0 or hidden > MAX_HIDDEN:
                return False
    return True
