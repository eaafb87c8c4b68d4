"""`Reading`: both ways in which a reply can be read, as nobody knows yet what its issue has heard: text and HTML with
what they quote, and without.

Contract: pure. The text is told line by line (`layers`). HTML is shown without its quotation only where text and HTML
agree that every word of it is known; else it is shown as it came, so that neither says less than the other.
"""

from dataclasses import dataclass

from smtpintake.convert.containers import Parted
from smtpintake.convert.history import History
from smtpintake.convert.htmltext import as_text, only_text
from smtpintake.convert.layers import Layers, Told, quoted_layers
from smtpintake.convert.safehtml import SafeHtml


@dataclass(frozen=True, slots=True)
class QuotingHtml:
    """HTML that quotes: its own part, also as text where the text of the mail does not say what is quoted; and the
    layers of the rest, None where the text quotes just the same.
    """

    own: SafeHtml
    own_text: str
    rest: Layers | None

    @classmethod
    def of(cls, parted: Parted, own: SafeHtml, text: Layers | None) -> "QuotingHtml":
        quoted = "<hr>".join(parted.quoted)
        if text is None or not text.has_quotation:
            return cls(own, as_text(parted.own), quoted_layers(as_text(quoted)))
        simple = only_text(quoted)
        same = simple is not None and text.quotes_just(simple)
        return cls(own, "", None if same else quoted_layers(as_text(quoted)))

    def is_known(self, history: History) -> bool:
        """Whether all that only the HTML quotes is known."""
        if self.rest is None:
            return True
        told = self.rest.told(history, History())
        return not told.unknown and not told.answers


@dataclass(frozen=True, slots=True)
class Read:
    """What is left to read. `quotes` is False where nothing was quoted, `known` where something stays for not being
    known.
    """

    text: str
    html: SafeHtml | None
    quotes: bool
    known: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """`whole` and `html` are all that the mail says. A mail that is too long to be read so has nothing else. `unsigned`
    is its own part of the HTML without what is a signature if the same sender had it before; None where that is not
    certain. `wordless` says what the author sent where they wrote no word of their own; empty where that is nothing.
    """

    whole: str
    html: SafeHtml | None
    layers: Layers | None
    quoting_html: QuotingHtml | None
    unsigned: SafeHtml | None
    notes: tuple[str, ...]
    wordless: str = ""

    @property
    def quotes(self) -> bool:
        return self.quoting_html is not None or (self.layers is not None and self.layers.has_quotation)

    @property
    def may_repeat(self) -> bool:
        """True where it ends in a block that is a signature if the same sender had it before."""
        return self.layers is not None and self.layers.repeatable != ""

    def told(self, history: History, of_sender: History) -> Read:
        """The reply on an issue of which `history` is known, and `of_sender` of the same sender."""
        html_known = self.quoting_html is None or self.quoting_html.is_known(history)
        if self.layers is None or not self.layers.has_quotation:
            return self._told_by_html(html_known, of_sender)
        told = self.layers.told(history, of_sender)
        text = told.text or self.wordless
        if told.unknown or told.answers or not text or not html_known:
            return Read(text or self.whole, self.html, quotes=True, known=not told.unknown and html_known)
        own = self.quoting_html.own if self.quoting_html else self.html
        return Read(text, self._signed(own, told), quotes=True, known=True)

    def _told_by_html(self, known: bool, of_sender: History) -> Read:
        """Where the text does not say which part of it is quoted."""
        if self.quoting_html is not None and known:
            text = self.quoting_html.own_text or self.wordless or self.whole
            return Read(text, self.quoting_html.own, quotes=True, known=True)
        told = self.layers.told(History(), of_sender) if self.layers else None
        if told is None or not told.text:
            return Read(self.whole, self.html, quotes=self.quoting_html is not None, known=known)
        html = self.html if self.quoting_html else self._signed(self.html, told)
        return Read(told.text, html, quotes=self.quoting_html is not None, known=known)

    def _signed(self, own: SafeHtml | None, told: Told) -> SafeHtml | None:
        """The author's `own` part, without the signature that is gone from the text."""
        return self.unsigned if told.repeated and self.unsigned else own
