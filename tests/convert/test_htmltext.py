"""The text of HTML: nothing of it is lost."""

import pytest

from smtpintake.convert.htmlbounds import is_parsable
from smtpintake.convert.htmltext import as_text


def test_text_of_html() -> None:
    html = (
        "<head><title>t</title><style>p{}</style></head><p>One &amp; two<br>three</p><ul><li>a<li>b</ul>"
        "<script>no</script><a href='https://x.example'>link</a>"
    )
    text = as_text(html)
    for part in ("One & two\nthree", "- a\n- b", "[link](https://x.example)"):
        assert part in text
    assert "no" not in text
    assert "p{" not in text


def test_text_of_html_that_no_parser_should_see() -> None:
    deep = "<style>p{}</style>" + "<div>" * 3000 + "deep &lt;text&gt;<br>two" + "</div>" * 3000
    assert not is_parsable(deep)
    assert as_text(deep) == "deep <text>\ntwo"


@pytest.mark.parametrize("start", ["%PDF-1.7 is broken", "PK\x03\x04", "\x06\x07\x08\x0b" * 20])
def test_text_that_begins_as_a_file_does(start: str) -> None:
    assert as_text(f"{start}<br>on my <b>printer</b>").endswith("\non my printer")


def test_tags_that_never_end_are_read_in_linear_time() -> None:
    as_text("<div>" * 3000 + "<br " * 200_000)  # the deadline of the test run is what a quadratic reader would break
