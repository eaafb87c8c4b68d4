"""HTML: nothing dangerous comes through, text stays."""

import pytest

from smtpintake.convert import body


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
    safe = body.sanitised(f"<p>kept</p>{attack}")
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
    safe = body.sanitised(source)
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


def test_text_of_html() -> None:
    html = (
        "<head><title>t</title><style>p{}</style></head><p>One &amp; two<br>three</p><ul><li>a<li>b</ul>"
        "<script>no</script><a href='https://x.example'>link</a>"
    )
    text = body.as_text(html)
    for part in ("One & two\nthree", "- a\n- b", "[link](https://x.example)"):
        assert part in text
    assert "no" not in text
    assert "p{" not in text


def test_text_of_html_that_no_parser_should_see() -> None:
    deep = "<style>p{}</style>" + "<div>" * 3000 + "deep &lt;text&gt;<br>two" + "</div>" * 3000
    assert not body.is_parsable(deep)
    assert body.as_text(deep) == "deep <text>\ntwo"


@pytest.mark.parametrize(
    ("html", "parsable"),
    [
        ("<div>" * 500, True),
        ("<div>" * 501, False),
        ("<div></div>" * 5000, True),
        ("<p>" * 5000, True),
        ("<DIV><o:p>" * 501, False),
        ("<font></p>" * 600, False),
        ("<b></i>" * 600, False),
        ("<font>" * 300 + "<p>x" * 2000, False),
        ("<a " + "b " * 10_000 + ">", False),
        ("<a " + "b/" * 10_000 + ">", False),
        ('<img src="data:image/png;base64,' + "A/A" * 20_000 + '">', True),
    ],
)
def test_bounds(html: str, parsable: bool) -> None:
    assert body.is_parsable(html) is parsable
