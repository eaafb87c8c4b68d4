"""RTF: the text in it, or what Outlook wrapped in it; and RTF that is meant to hurt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.mail import rtf
from smtpintake.mail.rtf import Form

HEAD = (
    rb"{\rtf1\ansi\ansicpg1252\deff0"
    rb"{\fonttbl{\f0\fswiss\fcharset0 Arial;}{\f1\fcharset128 MS Mincho;}{\f2\fcharset204 Arial;}}"
)
HTML = rb"{\rtf1\ansi\ansicpg1251\fromhtml1 \deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset128 MS;}}"


def said(body: bytes, head: bytes = HEAD) -> str:
    found = rtf.read(head + body + b"}")
    assert found is not None
    assert found.complete
    return found.said


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"\pard Hello\par World", "Hello\nWorld"),
        (b"\\pard Hel\r\nlo\\par\r\nWorld", "Hello\nWorld"),
        (rb"a\line b\tab c\~d\_e\-f", "a\nb\tc\xa0d\u2011ef"),
        (rb"\{a\\b\}", "{a\\b}"),
        (rb"gr\'fc\'dfe", "grüße"),
        (rb"\f1\'82\'a0\f0\'e4", "あä"),
        (rb"{\f2 \'ff}\'ff", "яÿ"),
        (rb"\f1\'83\'5c\plain\'e4", "ソä"),
        (rb"\f1\'83\\", "ソ"),  # its second octet is a backslash, escaped
        (rb"\u8364?5 \uc0\u8364 5", "€5 €5"),
        (rb"\ansicpg28602 \'e4", "ä"),  # the code page of an ISO 8859 that there never was
        (rb"\uc2\u228\'e3\'a4.", "ä."),
        (rb"\u-10179?\u-8704?", "\N{GRINNING FACE}"),
        (rb"\u-10179?.", "\ufffd."),
        (rb"\ldblquote a\rdblquote\emdash\bullet", "\u201ca\u201d\u2014\u2022"),
        (rb"{\info{\title no}}{\*\generator Riched20;}{\*\unknown no {\b no}}yes", "yes"),
        (rb"seen{\v unseen}\v unseen\v0  seen", "seen seen"),
        (rb"a\bin3 }}}b", "ab"),
        (rb"\trowd\intbl one\cell two\cell\row", "one\ttwo\t\n"),
        (rb'{\field{\*\fldinst{HYPERLINK "https://x.example/a"}}{\fldrslt{\ul here}}}.', "here <https://x.example/a>."),
        (rb'{\field{\*\fldinst HYPERLINK "https://x.example"}{\fldrslt https://x.example}}.', "https://x.example."),
        (rb"{\field{\*\fldinst PAGE}{\fldrslt 1}}", "1"),
        (rb"yes}no{no", "yes"),
    ],
)
def test_text(body: bytes, text: str) -> None:
    assert said(body) == text


@pytest.mark.parametrize(
    ("body", "html"),
    [
        (rb"{\*\htmltag64 <p>}Hi{\*\htmltag72 </p>}", "<p>Hi</p>"),
        (rb"{\*\htmltag84 <b>}\htmlrtf {\b \htmlrtf0 Hi\htmlrtf }\htmlrtf0 {\*\htmltag92 </b>}", "<b>Hi</b>"),
        (rb"{\*\htmltag0 \par }\htmlrtf \par \htmlrtf0 a\tab b", "\na\tb"),
        (rb"{\*\htmltag84 &lt;}\htmlrtf <\htmlrtf0 3", "&lt;3"),
        (rb"{\*\mhtmltag64 <p href=mine>}x{\*\other y}", "x"),
        (rb"\f0\'e4\f1\'82\'a0{\*\htmltag64 <p title=\'ff>}", "äあ<p title=я>"),
        (rb"{\*\htmltag241 <style>p \{ margin: 0 \}</style>}", "<style>p { margin: 0 }</style>"),
        (
            rb'{\*\htmltag84 <a href="x">}\htmlrtf {\field{\*\fldinst HYPERLINK "x"}{\fldrslt\htmlrtf0 y\htmlrtf }}',
            '<a href="x">y',
        ),
    ],
)
def test_html(body: bytes, html: str) -> None:
    found = rtf.read(HTML + body + b"}")
    assert found == rtf.Content(html, Form.HTML, complete=True)


def test_text_in_rtf() -> None:
    found = rtf.read(rb"{\rtf1\ansi\ansicpg1252\fromtext \fbidis \deff0 > a\par\par b}")
    assert found == rtf.Content("> a\n\nb", Form.TEXT, complete=True)


@pytest.mark.parametrize("octets", [b"", b"Hello", b"{\\urtf1 x}"])
def test_what_is_no_rtf(octets: bytes) -> None:
    assert rtf.read(octets) is None


@pytest.mark.parametrize(
    "body",
    [
        rb"a{\pict\pngblip 8950}",
        rb"a{\object\objemb{\*\objdata 0105}}",
        rb"a{",
        rb"a{}" * rtf.MAX_TOKENS,
        b"{" * 600,
        b"{" * (10 << 20),
        b"a" * (10 << 20),
        b"\\" + b"a" * (10 << 20),
        rb"a\b" + b"1" * (10 << 20),
        rb"\bin99999999999 }",
        rb"\bin1 a" * (1 << 20),
        rb"\u8364?" * (1 << 20),
        rb"\f1\'82" * (1 << 20),
        rb'{\field{\*\fldinst{HYPERLINK "a' * (1 << 17),
        rb'{\field{\*\fldinst{HYPERLINK "a"}}{\fldrslt x' * (1 << 17),
        rb"{\*\fldinst{" + b"abc{}" * (1 << 19),
        rb"{\fonttbl" + b"".join(rb"{\f%d\fcharset128 x;}" % number for number in range(1 << 17)),
    ],
)
def test_what_is_not_all_text_or_more_than_we_take_is_said_to_be(body: bytes) -> None:
    """Each of them within the bounds, in which time and memory are, too."""
    found = rtf.read(HEAD + body + b"}")
    assert found is not None
    assert not found.complete
    assert len(found.said) <= rtf.MAX_TEXT


PIECES = st.sampled_from(
    rb"{|}|{\*|\htmltag64 |\htmlrtf |\htmlrtf0 |\par |\u-10179?|\uc9 |"
    rb"\'82|\f1 |\bin3 |\fonttbl|\fcharset128|\fldinst |\fldrslt |\'|\|a".split(b"|")
)


@given(st.sampled_from([HEAD, HTML]), st.lists(PIECES | st.binary(max_size=4), max_size=40).map(b"".join))
def test_total(head: bytes, body: bytes) -> None:
    found = rtf.read(head + body)
    assert found is not None
    found.said.encode()
