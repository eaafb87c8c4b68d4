"""HTML that is safe to show: it runs nothing, fetches nothing, sends nothing, and stays where it is put.

Contract: pure and total. Only for what `htmlbounds.is_parsable`. Images that the mail brings along stay in their place,
as `cid:` with the very Content-ID of the attachment. Images from elsewhere would tell their server who reads, and when:
they are taken out, and counted.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import nh3

_OWN_IMAGE: Final = re.compile(r"cid:|data:image/(?:png|jpeg|gif|webp);base64,", re.IGNORECASE)
_SAFE_LINK: Final = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
# Without one of these nothing is fetched, and nothing need be counted. To count, a cleaner is made, which takes longer
# than a look through little HTML, and not so long as one through much. Not one expression: that would take more.
_MAY_FETCH: Final = (b"<im", b"src", b"background", b"poster", b"url")
_MUCH: Final = 8 << 10  # characters
_FETCHED: Final = frozenset((("img", "src"), ("image", "src"), ("input", "src"), ("video", "poster")))

_STYLES: Final = {
    "display",  # what nobody was to see, such as the line that lists of mails show, would else be seen
    "color",
    "background-color",
    "font-weight",
    "font-style",
    "text-decoration",
    "text-align",
    "white-space",
}
_ATTRIBUTES: Final = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()} | {
    "*": {"style", "dir", "title", "background", "srcset"}  # the last two to be counted, never to be kept
}


@dataclass(frozen=True, slots=True)
class SafeHtml:
    """`blocked_images` is how many images would have been fetched from elsewhere."""

    html: str
    blocked_images: int = 0


def sanitised(html: str) -> SafeHtml:
    """What is safe of `html`."""
    if len(html) < _MUCH and not _may_fetch(html):
        return SafeHtml(_FETCHING_NOTHING.clean(html).strip())
    attributes = _Attributes()
    return SafeHtml(_cleaner(attributes).clean(html).strip(), attributes.blocked)


def _may_fetch(html: str) -> bool:
    lowered = html.encode().lower()  # of ASCII, as the names are, and ten times quicker
    return any(sign in lowered for sign in _MAY_FETCH)


class _Attributes:
    """What each attribute may say, and how many would fetch an image."""

    def __init__(self) -> None:
        self._blocked = self._in_sets = 0
        self._has_sources = False

    @property
    def blocked(self) -> int:
        """An image that has a set of others for other screens names one of them beside it, so it is one. Nobody can
        tell here which sources are of one picture, so where nothing else is named they are one, too.
        """
        return max(self._blocked, self._in_sets, self._has_sources)

    def __call__(self, tag: str, attribute: str, value: str) -> str | None:
        if attribute in ("href", "cite"):
            return value if _SAFE_LINK.match(value) else None
        if tag == "img" and attribute == "src" and _OWN_IMAGE.match(value):
            # RFC 2392 s2: a Content-ID in a URL is percent-encoded.
            return f"cid:{unquote(value[4:])}" if value[:4].lower() == "cid:" else value
        if (tag, attribute) in _FETCHED or attribute == "background":
            self._blocked += bool(value.strip())
            return None
        if attribute == "srcset":
            self._in_sets += tag == "img" and bool(value.strip())
            self._has_sources |= tag == "source" and bool(value.strip())
            return None
        if attribute == "style":
            self._blocked += value.lower().count("url(")  # nh3 leaves no property that may hold one
        return value


def _cleaner(attributes: _Attributes) -> nh3.Cleaner:
    return nh3.Cleaner(
        attributes=_ATTRIBUTES,
        attribute_filter=attributes,
        clean_content_tags={"script", "style", "title"},  # what stands in them is no text of the mail
        filter_style_properties=_STYLES,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
    )


_FETCHING_NOTHING: Final = _cleaner(_Attributes())
