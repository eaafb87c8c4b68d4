"""The text of HTML: as Markdown where a parser can be trusted with it, else what is left without the tags.

Contract: pure, total and linear.
"""

import html as entities
import re
from typing import Final

import html_to_markdown
from selectolax.lexbor import LexborHTMLParser

from smtpintake.convert.htmlbounds import is_parsable

_RAW_TEXT: Final = ("<script", "<style", "<title", "<!--")  # what begins so is no text of the mail
_BREAK: Final = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]*>")
_INLINE: Final = re.compile(r"\n<(?!/?(?:br|p|div|tr|t[dh]|li|h[1-6r]|blockquote|pre|table|[uod]l|d[td])\b)")
_BLANKS: Final = re.compile(r"\n{3,}")
# The source of a quotation, which Thunderbird names by its Message-ID and nobody sees, would become a line of text.
_CITED: Final = re.compile(
    r"""(<(?:blockquote|q)\b[^<>]*?\s)cite\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+)""", re.IGNORECASE
)
_TO_TEXT: Final = html_to_markdown.ConversionOptions(
    extract_metadata=False,
    skip_images=True,
    autolinks=False,
    # What is meant without them, too. But those are names, looked up at each call, which takes longer than a mail.
    heading_style=html_to_markdown.HeadingStyle.ATX,
    list_indent_type=html_to_markdown.ListIndentType.SPACES,
    highlight_style=html_to_markdown.HighlightStyle.DOUBLE_EQUAL,
    whitespace_mode=html_to_markdown.WhitespaceMode.NORMALIZED,
    newline_style=html_to_markdown.NewlineStyle.SPACES,
    code_block_style=html_to_markdown.CodeBlockStyle.BACKTICKS,
    inline_data_media=html_to_markdown.InlineDataMedia.KEEP,
    hidden_content=html_to_markdown.HiddenContent.DROP,
    url_escape_style=html_to_markdown.UrlEscapeStyle.ANGLE,
    link_style=html_to_markdown.LinkStyle.INLINE,
    output_format=html_to_markdown.OutputFormat.MARKDOWN,
    tier_strategy=html_to_markdown.TierStrategy.AUTO,
)


def as_text(html: str) -> str:
    """The text of `html`, as Markdown where the parsers can be trusted with it."""
    if not is_parsable(html):
        return _without_tags(html)
    try:
        text = html_to_markdown.convert(_CITED.sub(r"\1", html), _TO_TEXT).content or ""
    except html_to_markdown.ConversionError:  # it takes text that begins as a file would, or has many controls, for one
        return _without_tags(html)
    lines = [line.rstrip() for line in text.split("\n")]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


def only_text(html: str) -> str | None:
    """The text of `html`, as it is written by a parser that can be trusted with it, without Markdown; None where there
    is more to it: a link elsewhere than where it says. Much quicker than `as_text`.
    """
    # A line begins at each tag but the few that stand in one: they are looked for, as the others are many.
    body = LexborHTMLParser(_INLINE.sub("<", html.replace("<", "\n<"))).body
    if body is None:
        return None
    for link in body.css("[href]"):
        if (link.attributes["href"] or "").removeprefix("mailto:") != link.text():
            return None
    return body.text()


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
