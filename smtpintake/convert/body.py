"""HTML bodies: safe to show, and as text.

Contract: pure and total. What is nested or attributed so deeply that parsers grow quadratic is not parsed at all: its
text is taken by dropping the tags, and there is then no safe HTML.
"""

import html as entities
import re
from collections import Counter
from typing import Final

import html_to_markdown
import nh3

MAX_DEPTH: Final = 500
MAX_ATTRIBUTES: Final = 1000  # of one tag
MAX_STEPS: Final = 100_000
_SMALL: Final = 16 << 10

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
_NAMED_TAG: Final = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_TAG_NAME: Final = re.compile(r"<[a-zA-Z][^\s/>]*")
# One attribute as a browser reads it (WHATWG HTML s13.2.5.32 to 38).
_ATTRIBUTE: Final = re.compile(r"[\s/]*[^\s/>][^\s/>=]*(?:\s*=\s*(?:\"[^\"]*\"?|'[^']*'?|[^\s>\"'][^\s>]*)?)?")
_RAW_TEXT: Final = ("<script", "<style", "<title", "<!--")  # what begins so is no text of the mail
_BREAK: Final = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6])\b[^>]*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]*>")
_BLANKS: Final = re.compile(r"\n{3,}")
_SAFE_IMAGE: Final = re.compile(r"cid:|data:image/(?:png|jpeg|gif|webp);base64,", re.IGNORECASE)
_SAFE_LINK: Final = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)

_STYLES: Final = {
    "color",
    "background-color",
    "font-weight",
    "font-style",
    "text-decoration",
    "text-align",
    "white-space",
}
_ATTRIBUTES: Final = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()} | {
    "*": {"style", "dir", "title"}
}
_TO_TEXT: Final = html_to_markdown.ConversionOptions(extract_metadata=False, skip_images=True, autolinks=False)


def _filtered(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "src":
        # A remote image tells its server who reads.
        return value if tag == "img" and _SAFE_IMAGE.match(value) else None
    if attribute in ("href", "cite"):
        return value if _SAFE_LINK.match(value) else None
    return value


_CLEANER: Final = nh3.Cleaner(
    attributes=_ATTRIBUTES,
    attribute_filter=_filtered,
    filter_style_properties=_STYLES,
    url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
)


def sanitised(html: str) -> str:
    """`html` that can run nothing, fetch nothing and send nothing. Only for what `is_parsable`."""
    return _CLEANER.clean(html).strip()


def as_text(html: str) -> str:
    """The text of `html`, as Markdown where the parsers can be trusted with it."""
    if not is_parsable(html):
        return _without_tags(html)
    text = html_to_markdown.convert(html, _TO_TEXT).content or ""
    lines = [line.rstrip() for line in text.split("\n")]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


def is_parsable(html: str) -> bool:
    """True within the bounds of nesting and of attributes under which the parsers stay linear."""
    if html.count("<") > MAX_DEPTH and not _nesting_bounded(html):
        return False
    return len(html) < _SMALL or _attributes_bounded(html)


def _nesting_bounded(html: str) -> bool:
    open_tags: Counter[str] = Counter()
    depth = formatting = reopened = 0
    for match in _NAMED_TAG.finditer(html):
        name = match[2].lower()
        if name in _FLAT:
            step = 0
        elif not match[1]:
            step = 1
        else:
            step = -1 if open_tags[name] else 0  # an end without a beginning ends nothing
        open_tags[name] += step
        depth += step
        formatting += step if name in _FORMATTING else 0
        reopened += formatting
        if depth > MAX_DEPTH or reopened > MAX_STEPS:
            return False
    return True


def _attributes_bounded(html: str) -> bool:
    steps = 0
    for tag in _TAG_NAME.finditer(html):
        position = tag.end()
        of_tag = 0
        while match := _ATTRIBUTE.match(html, position):
            position = match.end()
            of_tag += 1
            steps += 1
            if of_tag > MAX_ATTRIBUTES or steps > MAX_STEPS:
                return False
    return True


def _without_tags(html: str) -> str:
    text = _TAG.sub(" ", _BREAK.sub("\n", _without_raw_text(html)))
    lines = [" ".join(line.split()) for line in entities.unescape(text).split("\n")]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


def _without_raw_text(html: str) -> str:
    lowered = html.lower()
    if len(lowered) != len(html):  # a letter whose lower case is longer: then offsets do not agree
        return html
    for opening in _RAW_TEXT:
        closing = "-->" if opening == "<!--" else f"</{opening[1:]}"
        kept, end = [], 0
        while (start := lowered.find(opening, end)) >= 0 and (stop := lowered.find(closing, start)) >= 0:
            kept.append(html[end:start])
            end = stop + (3 if opening == "<!--" else 0)  # an end tag goes with the other tags
        html = "".join([*kept, html[end:]])
        lowered = html.lower()
    return html
