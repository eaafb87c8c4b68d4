"""Where octets from outside enter: each entry takes any octets, raises nothing, and keeps what it promises.

`make fuzz` gives them what a fuzzer thinks of; `test_entries.py` what hypothesis does.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from smtpintake.convert import forwarded
from smtpintake.convert.containers import without_quotation
from smtpintake.convert.draft import Draft
from smtpintake.convert.filename import safe_name
from smtpintake.convert.history import History
from smtpintake.convert.htmlbounds import is_parsable
from smtpintake.convert.htmltext import as_text
from smtpintake.convert.layers import layers
from smtpintake.convert.lines import Lines
from smtpintake.convert.safehtml import sanitised
from smtpintake.convert.sniff import detected
from smtpintake.convert.trim import trim
from smtpintake.decide.policy import DEFAULT_SEPARATORS
from smtpintake.intake.analysis import Task, analyse
from smtpintake.mail import calendar, cms, lzfu, openpgp, rtf, textfile, tnef, transfer
from smtpintake.mail.message import Message
from smtpintake.mail.parse import read
from smtpintake.mail.report import Action
from tests.corpus.corpora import ours
from tests.mail.letters import crlf

_RUNS: Final = (
    "script, iframe, object, embed, form, link, meta, [onload], [onerror], [onclick], [href^='javascript:' i]"
)

# What the grammar of mail is made of.
TOKENS: Final = (
    *(
        b"\n",
        b"\n\n",
        b"> ",
        b">",
        b"--",
        b"-- \n",
        b"=?utf-8?b?",
        b"?=",
        b"=",
        b"\xff",
        b"\xe2\x80",
        b"<",
        b"</",
        b"&#",
    ),
    *(
        b"From: ",
        b"Subject: ",
        b"Content-Type: ",
        b"boundary=",
        b"charset=",
        b"multipart/alternative",
        b"message/rfc822",
    ),
    *(b"base64", b"quoted-printable", b"x-uuencode", b"begin 644 x\n", b"=ybegin line=1 size=1 name=x\n", b"\x1b$B"),
    *(
        b"wrote:\n",
        b"On Mon, Mar 2, 2026 at 10:00 ",
        b"-----Original Message-----",
        b"Begin forwarded message:",
        b"Date: ",
    ),
    *(
        b"<div>",
        b"<blockquote type=cite>",
        b"<style>",
        b"<!--",
        b" class=gmail_quote",
        b"<svg>",
        b"<math>",
        b"<img src=cid:",
    ),
    *(b"Final-Recipient: ", b"Action: failed\n", b"Status: 5.1.1", b"BEGIN:VEVENT\n", b"DTSTART;TZID=", b"RRULE:"),
    *(
        b"{\\rtf1\\fromhtml1 ",
        b"{\\*\\htmltag64 ",
        b"\\htmlrtf ",
        b"\\'82",
        b"\\u-10179?",
        b"{\\fonttbl",
        b"\\bin9 ",
        b"\\fldinst ",
    ),
    *(
        b"-----BEGIN PGP SIGNED MESSAGE-----",
        b"-----BEGIN PGP MESSAGE-----\n\n",
        b"application/pkcs7-mime",
        b"application/ms-tnef",
        b"text/calendar",
    ),
)

Entry = Callable[[bytes], None]


def parse(octets: bytes) -> None:
    """A whole mail, from its octets to its draft, as an analyser reads it."""
    found = analyse(Task(octets, None, "", DEFAULT_SEPARATORS))
    _is_storable(found.message)
    if found.draft is not None:
        _is_shown(found.draft)


def body(octets: bytes) -> None:
    """HTML: its text, what is safe of it, what is new in it."""
    html = _text(octets)
    as_text(html).encode()
    if is_parsable(html):
        assert not LexborHTMLParser(sanitised(html).html).css(_RUNS)
        without_quotation(html, DEFAULT_SEPARATORS, reply=True)


def trimmed(octets: bytes) -> None:
    """A reply: its own words are its lines, in their order."""
    text = _text(octets)
    kept = iter(line.rstrip() for line in text.split("\n"))
    for line in trim(Lines.of(text, DEFAULT_SEPARATORS), reply=True).split("\n"):
        assert not line.strip() or any(line.strip() in candidate for candidate in kept), line
    read = layers(Lines.of(text, ()))
    if read is not None:
        read.told(History.of([text[len(text) // 2 :]]), History()).text.encode()


def forward(octets: bytes) -> None:
    text = _text(octets)
    found = forwarded.inline(text, "Fwd: x")
    if found is not None:
        assert "\n" not in found.subject
        assert found.text or found.comment or text
    forwarded.is_unclear(text)


def report(octets: bytes) -> None:
    """A mail of a mail server: what it reports."""
    found = read(as_mail(b"From: MAILER-DAEMON@example.net\n" + octets))
    if found.report is not None:
        assert all(isinstance(one.action, Action) for one in found.report.recipients)


def inside(octets: bytes) -> None:
    """The content of an attachment: whatever wraps something is opened, and its type and name are looked at."""
    tnef.read(octets)
    lzfu.decompressed(octets)
    cms.kind(octets)
    cms.signed_content(octets)
    if textfile.is_mixed(octets):
        text, stretches = textfile.split(octets)
        assert len(text) <= len(octets) + textfile.MAX_STRETCHES * openpgp.MAX_CONTENT
        assert all(0 <= each.offset <= each.offset + each.length <= len(octets) for each in stretches)
    textfile.uudecoded(octets)
    textfile.ydecoded(octets)
    assert detected("application/octet-stream", octets)
    name = safe_name(_text(octets))
    assert name
    assert len(name.encode()) <= 255
    assert not set(name) & set("/\\\n\r\0")


def rich_text(octets: bytes) -> None:
    found = rtf.read(octets)
    if found is not None:
        assert len(found.said.encode("utf-8")) <= 4 * rtf.MAX_TEXT


def invitation(octets: bytes) -> None:
    calendar.described(_text(octets), at_length=True).encode()


ENTRIES: Final[dict[str, Entry]] = {
    "parse": parse,
    "body": body,
    "trim": trimmed,
    "forwarded": forward,
    "dsn": report,
    "inside": inside,
    "rtf": rich_text,
    "calendar": invitation,
}


def seeds(entry: str) -> Iterator[bytes]:
    """What to begin with: the mails of the corpus, or the part of them that the entry takes."""
    for name, octets in ours():
        message = read(octets)
        if entry == "parse":
            yield octets
        elif entry == "body" and message.html:
            yield message.html.encode()
        elif entry in ("trim", "forwarded") and message.text:
            yield message.text.encode()
        elif entry == "dsn" and name.startswith(("dsn", "bounce", "arf", "mdn")):
            yield octets
        elif entry == "inside" and name in ("smime-opaque", "smime-opaque-attachment", "tnef-only", "tnef-html-in-rtf"):
            yield b64decode(octets.partition(b"\r\n\r\n")[2])
        elif entry == "inside" and message.text:
            yield octets.partition(b"\r\n\r\n")[2]
        elif entry == "rtf" and name == "tnef-html-in-rtf":
            stream = b64decode(octets.partition(b"\r\n\r\n")[2])
            found = tnef.read(stream)
            assert found
            assert found.rtf
            yield lzfu.decompressed(stream[found.rtf.offset :])
        elif entry == "calendar":
            yield from _of_type(octets, message, "text/calendar")


def _of_type(octets: bytes, message: Message, content_type: str) -> Iterator[bytes]:
    for part in message.attachments:
        if part.content_type == content_type:
            yield b"".join(transfer.decoded(octets, part.offset, part.length, part.encoding))


def _text(octets: bytes) -> str:
    """As the text of a mail is, once its charset is undone."""
    return octets.decode("utf-8", "replace").replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")


def _is_storable(message: Message) -> None:
    for name, value in message.header:
        f"{name}{value}".encode()
    for attachment in message.attachments:
        assert 0 <= attachment.offset <= attachment.offset + attachment.length <= message.size
        attachment.name.encode()


def _is_shown(draft: Draft) -> None:
    assert draft.body_text
    for text in (draft.subject, draft.body_text, draft.body_html or "", draft.hidden_text):
        text.encode()
        assert "\0" not in text


def as_mail(octets: bytes) -> bytes:
    """Octets with the line ends that a mail has by the time it is read."""
    return crlf(octets.replace(b"\r", b"").replace(b"\0", b" "))
