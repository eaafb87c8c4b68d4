"""What a mail client makes of a mail's HTML where it has to be plain text: the text that it sends beside its own HTML.

Each client dresses bold words and links in its own way, and what it quotes is dressed with the rest.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

_BLOCKS = frozenset(
    ["blockquote", "body", "div", "h1", "h2", "h3", "hr", "li", "ol", "p", "pre", "table", "tbody", "tr", "ul"]
)
_APART = frozenset(("p", "ul", "ol", "blockquote"))  # with an empty line around them
_UNSEEN = frozenset(("head", "style", "script", "title"))


@dataclass(frozen=True)
class Dress:
    """What surrounds bold and italic words, and how a link is written whose words are not its address."""

    bold: str = ""
    italic: str = ""
    link: str = "{words}"


GMAIL = Dress("*", "*", "{words} <{href}>")
OUTLOOK = Dress("", "", "{words}<{href}>")
THUNDERBIRD = Dress("*", "/", "{words} <{href}>")
APPLE = Dress("", "", "{words} <{href}>")
NOTHING = Dress()


def text_of(html: str, dress: Dress = NOTHING) -> str:
    """The text of `html`, quotations marked with `> `."""
    page = _Page(dress)
    page.feed(html)
    page.close()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in page.done())).strip("\n")


class _Page(HTMLParser):
    def __init__(self, dress: Dress) -> None:
        super().__init__(convert_charrefs=True)
        self._dress = dress
        self._lines: list[str] = []
        self._line = ""
        self._depth = 0
        self._unseen = 0
        self._as_is = 0
        self._link: tuple[str, int] | None = None

    def done(self) -> list[str]:
        self._break()
        return self._lines

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self._break(apart=tag in _APART)
        self._unseen += tag in _UNSEEN
        self._as_is += tag == "pre"
        self._depth += tag == "blockquote"
        if tag == "br":
            self._end_line()
        elif tag == "a":
            self._link = (dict(attrs).get("href") or "", len(self._line))
        self._line += self._around(tag)

    def handle_endtag(self, tag: str) -> None:
        self._line += self._around(tag)
        if tag in _BLOCKS:
            self._break(apart=tag in _APART)
        self._unseen -= tag in _UNSEEN
        self._as_is -= tag == "pre"
        self._depth -= tag == "blockquote"
        if tag == "a" and self._link is not None:
            (href, start), self._link = self._link, None
            words = self._line[start:]
            if words != href.removeprefix("mailto:") and words:
                self._line = self._line[:start] + self._dress.link.format(words=words, href=href)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._as_is:
            *lines, last = data.split("\n")
            for line in lines:
                self._line += line
                self._end_line()
            self._line += last
        else:
            words = re.sub(r"[ \t\r\n]+", " ", data)
            self._line += words if self._line else words.lstrip(" ")

    def _around(self, tag: str) -> str:
        return {
            "b": self._dress.bold,
            "strong": self._dress.bold,
            "i": self._dress.italic,
            "em": self._dress.italic,
        }.get(tag, "")

    def _break(self, *, apart: bool = False) -> None:
        if self._line.strip():
            self._end_line()
        self._line = ""
        if apart and self._lines and self._lines[-1].strip("> "):
            self._end_line()

    def _end_line(self) -> None:
        self._lines.append("> " * self._depth + self._line.rstrip())
        self._line = ""
