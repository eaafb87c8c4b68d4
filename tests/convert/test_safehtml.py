"""Safe HTML: nothing dangerous comes through, what is harmless stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert.safehtml import sanitised


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href=' &#x6A;avascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<a href='cid:x'>x</a>",
        "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
        "<svg><script>alert(1)</script></svg>",
        "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
        "<iframe src=//evil.example></iframe>",
        "<object data=x></object><embed src=x>",
        "<form action=//evil.example><input name=p></form>",
        "<style>@import url(//evil.example)</style>",
        "<div style='background:url(//evil.example)'>x</div>",
        "<div style='position:fixed;top:0'>x</div>",
        "<link rel=stylesheet href=//evil.example>",
        "<meta http-equiv=refresh content='0;url=//evil.example'>",
        "<base href=//evil.example>",
        "<img src=https://evil.example/pixel.gif>",
        "<img src=//evil.example/pixel.gif>",
        "<video poster=//evil.example><source src=//evil.example></video>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<table background=//evil.example><td background=//evil.example>x</table>",
        "<!--[if gte mso 9]><script>alert(1)</script><![endif]-->",
    ],
)
def test_attacks(attack: str) -> None:
    safe = sanitised(f"<p>kept</p>{attack}").html
    assert "<p>kept</p>" in safe
    for sign in (
        "script",
        "onerror",
        "evil.example",
        "javascript",
        "url(",
        "<form",
        "<style",
        "data:",
        "position",
        "<svg",
    ):
        assert sign not in safe.replace("&lt;", "")


def test_what_is_harmless_stays() -> None:
    source = (
        '<p style="color:red"><b>x</b> <a href="https://x.example/">y</a></p><img src="cid:logo@x" alt="l">'
        '<img src="data:image/png;base64,AAAA"><table><tr><td>1</td></tr></table>'
    )
    safe = sanitised(source).html
    for part in (
        'style="color:red"',
        "<b>x</b>",
        'href="https://x.example/"',
        'src="cid:logo@x"',
        "data:image/png",
        "<td>1",
    ):
        assert part in safe
    assert "noopener" in safe


def test_the_title_is_no_text_of_the_mail() -> None:
    assert sanitised("<html><head><title>[FIRING:2]</title></head><body><p>x</p></body></html>").html == "<p>x</p>"


@pytest.mark.parametrize(
    ("html", "blocked"),
    [
        ("<p>x</p>", 0),
        ('<a href="https://x.example/image.png">x</a>', 0),
        ('<img src="https://x.example/a.gif">', 1),
        ("<img src=//x.example/a.gif><IMG SRC='HTTP://x.example/b.gif'>", 2),
        ('<img srcset="https://x.example/a.gif 1x, https://x.example/b.gif 2x">', 1),
        ('<img src="https://x.example/a.gif" srcset="https://x.example/b.gif 2x">', 1),
        ('<img src="cid:logo" srcset="https://x.example/b.gif 2x">', 1),
        ('<img srcset="">', 0),
        ('<picture><source srcset="https://x.example/a.gif"><source srcset="//x.example/b.gif 2x"><img></picture>', 1),
        ('<picture><source srcset="//x.example/a.gif"><img src="//x.example/b.gif"></picture>', 1),
        ('<picture><source srcset=""><img></picture>', 0),
        ('<img src="">', 0),
        ('<img src="cid:logo"><img src="data:image/png;base64,AAAA">', 0),
        ('<table background="https://x.example/a.gif"><tr><td>x</table>', 1),
        ('<div style="color:red; background: URL(https://x.example/a.gif)">x</div>', 1),
        ('<video poster="https://x.example/a.gif"></video>', 1),
        ("url(https://x.example/a.gif) src=https://x.example/b.gif", 0),
    ],
)
def test_images_from_elsewhere_are_counted(html: str, blocked: int) -> None:
    safe = sanitised(html)
    assert safe.blocked_images == blocked
    assert "gif" not in safe.html or "<" not in safe.html


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("cid:logo@acme", "cid:logo@acme"),
        ("CID:logo%40acme", "cid:logo@acme"),
        ("cid:%22onerror%3Dalert(1)%20x%3D%22", "cid:&quot;onerror=alert(1) x=&quot;"),
    ],
)
def test_an_image_of_the_mail_is_called_by_its_content_id(source: str, shown: str) -> None:
    assert sanitised(f'<img src="{source}">').html == f'<img src="{shown}">'


PIECES = ["<img src=", "'", '"', "<svg>", "<style>", "</", ">", "cid:%22", "url(", "onerror=x ", "&#x3c;"]


@given(st.lists(st.sampled_from(PIECES)))
def test_what_is_safe_stays_as_it_is(pieces: list[str]) -> None:
    safe = sanitised("".join(pieces))
    assert sanitised(safe.html).html == safe.html
