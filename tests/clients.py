"""How common clients quote: the body of a reply, as its header fields and its octets, with the mail that it answers.

What they do is theirs: Gmail wraps and marks the plain text and nests `gmail_quote`; Outlook writes a header block and
marks nothing; Apple Mail marks the plain text and cites in HTML.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Written:
    """A mail as its author sees it: plain text and HTML with everything that it quotes."""

    author: str
    address: str
    date: str
    subject: str
    text: str
    html: str
    to: str = "Support <support@example.org>"


Reply = Callable[[str, str, str, Written], Written]


def first(author: str, address: str, words: str) -> Written:
    return Written(author, address, "2 Mar 2026, at 09:00", "Printer", words, _paragraphs(words))


def gmail(author: str, address: str, words: str, answered: Written) -> Written:
    said = f"On Mon, 2 Mar 2026 at 09:00 {answered.author} <{answered.address}> wrote:"
    quoted = "\n".join(f"> {line}".rstrip() for line in _wrapped(answered.text, 74))
    own = "<br>".join(map(escape, words.split("\n")))
    link = f'&lt;<a href="mailto:{answered.address}">{answered.address}</a>&gt;'
    html = (
        f'<div dir="ltr">{own}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" '
        f'class="gmail_attr">On Mon, 2 Mar 2026 at 09:00 {answered.author} {link} wrote:<br></div><blockquote '
        f'class="gmail_quote" style="margin:0px 0px 0px 0.8ex">{answered.html}</blockquote></div>'
    )
    text = "\n".join(_wrapped(words, 76)) + f"\n\n{said}\n\n{quoted}\n"
    return Written(author, address, answered.date, f"Re: {answered.subject.removeprefix('Re: ')}", text, html)


def outlook(author: str, address: str, words: str, answered: Written) -> Written:
    subject = answered.subject.removeprefix("Re: ")
    text = (
        f"{words}\n\n________________________________\nFrom: {answered.author} <{answered.address}>\n"
        f"Sent: Monday, March 2, 2026 9:00 AM\nTo: {answered.to}\nSubject: {answered.subject}\n\n"
        f"{answered.text}"
    )
    html = (
        f'{_paragraphs(words)}<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>From:</b> {answered.author} '
        f"&lt;{answered.address}&gt;<br><b>Sent:</b> Monday, March 2, 2026 9:00 AM<br>"
        f"<b>To:</b> {escape(answered.to)}<br>"
        f"<b>Subject:</b> {answered.subject}</font><div>&nbsp;</div></div><div>{answered.html}</div>"
    )
    return Written(author, address, answered.date, f"Re: {subject}", text, html)


def apple(author: str, address: str, words: str, answered: Written) -> Written:
    said = f"On 2 Mar 2026, at 09:00, {answered.author} <{answered.address}> wrote:"
    quoted = "\n".join(f"> {line}".rstrip() if line[:1] != ">" else f">{line}" for line in answered.text.split("\n"))
    html = (
        f'<div>{"</div><div>".join(map(escape, words.splitlines()))}</div><br><div><blockquote type="cite">'
        f"<div>{escape(said)}</div><br><div>{answered.html}</div></blockquote></div>"
    )
    subject = f"Re: {answered.subject.removeprefix('Re: ')}"
    return Written(author, address, answered.date, subject, f"{words}\n\n> {said}\n> \n{quoted}\n", html)


def thunderbird(author: str, address: str, words: str, answered: Written) -> Written:
    said = f"On 3/2/26 09:00, {answered.author} wrote:"
    quoted = "\n".join(f"> {line}".rstrip() if line[:1] != ">" else f">{line}" for line in answered.text.split("\n"))
    html = (
        f'<p>{"<br>".join(map(escape, words.splitlines()))}</p><div class="moz-cite-prefix">{escape(said)}<br></div>'
        f'<blockquote type="cite" cite="mid:1@customer.example">{answered.html}</blockquote>'
    )
    subject = f"Re: {answered.subject.removeprefix('Re: ')}"
    return Written(author, address, answered.date, subject, f"{words}\n\n{said}\n{quoted}\n", html)


def octets(mail: Written, form: str) -> tuple[str, str]:
    """Header fields and body in the form `text`, `html` or `both`."""
    parts = {"text": ("plain", mail.text), "html": ("html", f"<html><body>{mail.html}</body></html>")}
    if form != "both":
        subtype, content = parts[form]
        return f"MIME-Version: 1.0\r\nContent-Type: text/{subtype}; charset=utf-8\r\n", content.replace("\n", "\r\n")
    body = "".join(
        f"--=_x\r\nContent-Type: text/{subtype}; charset=utf-8\r\n\r\n{content}\r\n".replace("\r\n", "\n")
        for subtype, content in parts.values()
    )
    fields = 'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="=_x"\r\n'
    return fields, f"{body}--=_x--\n".replace("\n", "\r\n")


def _paragraphs(words: str) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in words.splitlines() if line)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines that are quoted already are wrapped with their marks, as Gmail does."""
    lines: list[str] = []
    for line in text.split("\n"):
        mark = line[: len(line) - len(line.lstrip("> "))]
        lines += [f"{mark}{part}" for part in textwrap.wrap(line[len(mark) :], width - len(mark))] or [mark.rstrip()]
    return lines
