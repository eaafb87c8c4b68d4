"""Quoted history in HTML: the containers that clients put around it, and the marks that it follows.

Contract: pure, total, and only for HTML that `htmlbounds.is_parsable`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from smtpintake.convert import quoting, signature
from smtpintake.convert.history import words
from smtpintake.convert.htmltext import only_text

MAX_LOOKED_THROUGH: Final = 2 << 20  # characters of Gmail's containers, which may stand in each other

# The containers that clients put around what they quote.
_CONTAINERS: Final = (
    "blockquote[type=cite], .moz-cite-prefix, .moz-forward-container, .yahoo_quoted"
    ", .protonmail_quote, .tutanota_quote, .zmail_extra, #mailbox-conversation, .front-blockquote, div[name=quote]"
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
    b"gmail_",
    b"blockquote",
    b"moz-",
    b"yahoo_quoted",
    b'name="quote"',
    b"protonmail_quote",
    b"tutanota_quote",
    b"zmail_extra",
    b"mailbox-conversation",
    b"divrplyfwdmsg",
    b"appendonsend",
    b"olk_src",
    b"outlook-mobile-reply",
    b"border-top:solid",
    b"border-top: solid",
    b"stopspelling",
    b"-----",
)
_OWN_PICTURE: Final = 'img[src^="cid:" i], img[src^="data:" i]'  # one that the mail brings along
# What Outlook's application adds by itself, where nobody wrote something else there.
_BY_DEVICE: Final = "#ms-outlook-mobile-signature"


@dataclass(frozen=True, slots=True)
class Parted:
    """HTML of a reply: what the author wrote, and each part that was taken out of it for being quoted."""

    own: str
    quoted: tuple[str, ...]


def without_quotation(html: str, separators: tuple[str, ...], *, reply: bool) -> Parted | None:
    """`html` parted from quoted history; None where none was found, or where nothing else would be left."""
    octets = html.encode()
    lowered = octets.lower()  # of ASCII, as the signs are, and much quicker
    wanted = _present(separators, html, lowered)
    if not wanted and not (reply and any(sign in lowered for sign in _SIGNS)):
        return None
    body = LexborHTMLParser(octets).body
    if body is None:
        return None
    quoted = _cut_at(body, lambda line: any(separator in line.casefold() for separator in wanted)) if wanted else []
    for mark in body.css(_MARKS)[:1]:
        quoted[:0] = _taken_from(_with_rule(mark))
    quoted[:0] = _taken_containers(body)
    if b"-----" in lowered:
        quoted += _cut_at(body, quoting.is_title)
    if quoted:
        _drop_signature(body)
    left = body.text(strip=True).strip() or body.css_first(_OWN_PICTURE) is not None
    return Parted(body.inner_html or "", tuple(quoted)) if quoted and left else None


def without_ending(html: str, said: str) -> str | None:
    """`html` without what it ends with, where that says `said` (as `words`), and no more: no picture, no link elsewhere
    than where it says. None where that is not certain, or nothing would be left.
    """
    body = LexborHTMLParser(html).body
    if body is None:
        return None
    least = len(said) - said.count(" ")
    texts = [node for node in body.traverse(include_text=True) if node.is_text_node]
    letters = 0
    while texts and letters < least:
        begin = texts.pop()
        letters += len("".join((begin.text_content or "").split()))
    if not texts or letters < least:
        return None
    (ending,) = _taken_from(begin)
    simple = only_text(ending)
    certain = simple is not None and words(simple) == said and "<img" not in ending
    return body.inner_html if certain and body.text(strip=True).strip() else None


def _present(separators: tuple[str, ...], html: str, lowered: bytes) -> list[str]:
    """Those of `separators`, in one case, that are in the HTML; `lowered` has its ASCII letters in lower case."""
    wanted = quoting.folded(separators)
    beginnings = {separator.split()[0].encode() for separator in wanted}  # few: those of our own begin alike
    if all(word.isascii() and word not in lowered for word in beginnings):
        return []  # nearly always, and told without a look at every letter
    folded = html.casefold()
    likely = [separator for separator in wanted if max(separator.split(), key=len) in folded]
    if not likely:
        return []
    spaced = " ".join(folded.split())
    return [separator for separator in likely if separator in spaced]


def _taken_containers(body: LexborNode) -> list[str]:
    taken = _taken(_outermost(body.css(_CONTAINERS))) + _taken(_outermost(body.css(_QUOTED_BY_GMAIL)))
    # What Gmail's container still holds may be answers that were written between the quoted lines.
    room = MAX_LOOKED_THROUGH
    for container in reversed(body.css(_GMAIL)):
        text = container.text()
        room -= len(text)
        if room < 0:
            break  # one in another, hundreds deep: what is left stays to be read
        text = " ".join(text.split())
        if not text or quoting.is_attribution(text):
            taken += _taken([container])
    return taken


def _outermost(nodes: list[LexborNode]) -> list[LexborNode]:
    """Those of `nodes`, which are in the order of the document, that are in no other of them, each once: a node is
    among them as often as it matches.
    """
    outermost: list[LexborNode] = []
    inside: dict[int, bool] = {}  # of each element that was looked at: whether it is one of them or in one
    for node in nodes:
        path: list[int] = []
        above: LexborNode | None = node
        while above is not None and above.mem_id not in inside:
            path.append(above.mem_id)
            above = above.parent
        within = above is not None and inside[above.mem_id]
        inside.update(dict.fromkeys(path, within))
        inside[node.mem_id] = True
        if not within:
            outermost.append(node)
    return outermost


def _taken(nodes: list[LexborNode]) -> list[str]:
    """The HTML of `nodes`, which are then gone."""
    html = [node.html or "" for node in nodes]
    for node in nodes:
        node.decompose()
    return html


def _cut_at(body: LexborNode, is_mark: Callable[[str], bool]) -> list[str]:
    """What begins with the first text that is a mark."""
    for node in body.traverse(include_text=True):
        if node.is_text_node and is_mark(" ".join((node.text_content or "").split())):
            return _taken_from(node)
    return []


def _with_rule(mark: LexborNode) -> LexborNode:
    """The rule right above `mark`, or `mark`."""
    above = mark.prev
    while above is not None and above.is_text_node and not (above.text_content or "").strip():
        above = above.prev
    return above if above is not None and above.tag == "hr" else mark


def _drop_signature(body: LexborNode) -> None:
    for node in body.css(_BY_DEVICE):
        if signature.is_only([" ".join(node.text().split())]):
            node.decompose()


def _taken_from(node: LexborNode) -> list[str]:
    """The HTML of `node` and of all that comes after it in the document, which is then gone."""
    nodes = [node]
    level: LexborNode | None = node
    while level is not None and level.tag != "body":
        following = level.next
        while following is not None:
            nodes.append(following)
            following = following.next
        level = level.parent
    return ["".join(_taken(nodes))]
