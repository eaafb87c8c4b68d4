"""Quoted history in HTML: the containers that clients put around it, and the marks that it follows.

Contract: pure, total, and only for HTML that `htmlbounds.is_parsable`.
"""

from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from smtpintake.convert import quoting

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
