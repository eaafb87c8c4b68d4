"""HTML bodies: without the quoted history, safe to show, and as text.

Contract: pure and total. What is nested or attributed so deeply that parsers grow quadratic is not parsed at all: its
text is taken by dropping the tags, and there is then no safe HTML.
"""

import html as entities
import re
from collections import Counter
from typing import Final

import html_to_markdown
import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from smtpintake.convert import quoting

MAX_DEPTH: Final = 500
MAX_ATTRIBUTES: Final = 1000  # of one tag
MAX_STEPS: Final = 100_000
_SMALL: Final = 16 << 10

# The containers that clients put around what they quote.
_CONTAINERS: Final = (
    "blockquote[type=cite], .moz-cite-prefix, .moz-forward-container, .yahoo_quoted"
    ", .protonmail_quote, .tutanota_quote, .zmail_extra, #mailbox-conversation, .front-blockquote"
)
_QUOTED_BY_GMAIL: Final = "blockquote.gmail_quote, .gmail_quote blockquote, .gmail_attr"
_GMAIL: Final = ".gmail_quote, .gmail_extra"
# What stands before the quotation; all that follows is older.
_MARKS: Final = (
    "#divRplyFwdMsg, #appendonsend, #OLK_SRC_BODY_SECTION, #ms-outlook-mobile-reply-divider"
    ', [style*="border-top:solid #E1E1E1"], [style*="border-top:solid #B5C4DF"], hr#stopSpelling, hr[id=stopSpelling]'
)
# One of these is in every HTML that the selectors above can find something in; looked for before it is parsed.
_SIGNS: Final = (
    "gmail_",
    "blockquote",
    "moz-",
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "zmail_extra",
    "mailbox-conversation",
    "divrplyfwdmsg",
    "appendonsend",
    "olk_src",
    "outlook-mobile-reply",
    "border-top:solid",
    "border-top: solid",
    "stopspelling",
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


def without_quotation(html: str, separators: tuple[str, ...], *, reply: bool) -> str | None:
    """`html` without quoted history; None where none was found, or where nothing else would be left."""
    lowered = " ".join(html.lower().split())
    wanted = [
        folded for separator in separators if (folded := " ".join(separator.lower().split())) in lowered and folded
    ]
    if not wanted and not (reply and any(sign in lowered for sign in _SIGNS)):
        return None
    tree = LexborHTMLParser(html)
    body = tree.body
    if body is None:
        return None
    found = _cut_at_separator(body, wanted) if wanted else False
    for mark in body.css(_MARKS)[:1]:
        _remove_from(mark)
        found = True
    found |= _remove_containers(body)
    return body.inner_html if found and body.text(strip=True).strip() else None


def _remove_containers(body: LexborNode) -> bool:
    found = _remove_all(body, _CONTAINERS) | _remove_all(body, _QUOTED_BY_GMAIL)
    # What Gmail's container still holds may be answers that were written between the quoted lines.
    for container in reversed(body.css(_GMAIL)):
        text = " ".join(container.text().split())
        if not text or quoting.is_attribution(text):
            container.decompose()
            found = True
    return found


def _remove_all(body: LexborNode, selector: str) -> bool:
    nodes = body.css(selector)
    for node in reversed(nodes):  # from the inside to the outside
        node.decompose()
    return bool(nodes)


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


def _cut_at_separator(body: LexborNode, wanted: list[str]) -> bool:
    for node in body.traverse(include_text=True):
        if node.is_text_node:
            text = " ".join((node.text_content or "").lower().split())
            if any(separator in text for separator in wanted):
                _remove_from(node)
                return True
    return False


def _remove_from(node: LexborNode) -> None:
    """Remove `node` and all that comes after it in the document."""
    level: LexborNode | None = node
    while level is not None and level.tag != "body":
        parent = level.parent
        following = level.next
        while following is not None:
            after = following.next
            following.decompose()
            following = after
        level = parent
    node.decompose()
