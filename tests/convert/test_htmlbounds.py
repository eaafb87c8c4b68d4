"""Which HTML a parser may be trusted with."""

import pytest

from smtpintake.convert.htmlbounds import is_parsable


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
        ("<b>x</b>" * 5000 + "<a " + "b " * 2000 + ">", False),  # behind a run of tags without
        ("<p>" * 5000 + "<a<b " + "b " * 2000 + ">", False),
        ("<a<" * 80_000, True),  # one name: to read it from each `<` would break the deadline of the test run
        ("<a>" * 60_000 + "<", False),
        ("<p/x=1" * 10_000, False),  # each value has all tags behind it, as a slash is no end of one
        ('<p title="<p x=1>">' * 5000, True),
        ("<div><!--</div>-->" * 6000, False),
        ("<div><style></div></style>" * 6000, False),
        ("<div><!</div>" * 6000, False),
        ('<div title="></div>">' * 6000, False),
        ("<!--[if mso]><table></table><![endif]--><p>x</p>" * 6000, False),
        ("<!--[if mso]><table></table><![endif]--><p>x</p>" * 4000, True),
        ('<img src="data:image/png;base64,' + "A/A" * 20_000 + '">', True),
    ],
)
def test_bounds(html: str, parsable: bool) -> None:
    assert is_parsable(html) is parsable
