"""HTML: quoted history goes, what the author wrote stays."""

import pytest

from smtpintake.convert.containers import without_ending, without_quotation


@pytest.mark.parametrize(
    "history",
    [
        '<div class="gmail_quote"><div class="gmail_attr">On x, Bob wrote:</div><blockquote>old</blockquote></div>',
        '<div class="gmail_extra"><div class="gmail_quote">3 Nov 2025 B wrote:<blockquote>old</blockquote></div></div>',
        '<blockquote type="cite">old</blockquote>',
        '<div class="moz-cite-prefix">On x Bob wrote:</div><blockquote type="cite">old</blockquote>',
        '<hr><div id="divRplyFwdMsg">From: Bob</div><div>old</div>',
        '<div id="appendonsend"></div><hr><div>old</div>',
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p>From: Bob</p></div><p>old</p>',
        '<div name="quote"><div><b>Gesendet:</b> x</div><div name="quoted-content">old</div></div>',  # GMX, web.de
        '<div class="yahoo_quoted"><div>On x, Bob wrote:</div><div>old</div></div>',
        '<div class="protonmail_quote">old</div>',
        "<div>-------- Original message --------</div><div>From: Bob</div>old",
        "<p>-----Ursprüngliche Nachricht-----<br><b>Von:</b> Bob</p><p>old</p>",
        "<p>-- reply above this line --</p><p>old</p>",
        "<div><table><tr><td>-- Reply\n above this line --</td></tr></table></div><div>old</div>",
    ],
)
def test_quoted_history(history: str) -> None:
    parted = without_quotation(f"<p>Mine.</p>{history}", ("-- reply above this line --",), reply=True)
    kept = parted and parted.own
    assert kept is not None
    assert "Mine." in kept
    assert "old" not in kept


def test_what_is_quoted_is_taken_once() -> None:
    html = (
        'Mine.<div class="gmail_quote"><blockquote class="gmail_quote">One.<blockquote>Two.</blockquote></blockquote>'
    )
    parted = without_quotation(html, (), reply=True)
    assert parted is not None
    assert "".join(parted.quoted).count("One.") == 1
    assert "".join(parted.quoted).count("Two.") == 1


def test_answers_inside_gmails_container_stay() -> None:
    html = '<div class="gmail_quote"><blockquote>one?</blockquote>Yes.<blockquote>two?</blockquote>No.</div>'
    parted = without_quotation(html, (), reply=True)
    kept = parted and parted.own
    assert kept is not None
    assert "Yes." in kept
    assert "No." in kept


def test_what_outlooks_application_adds_goes_with_what_it_quotes() -> None:
    quoted = '<hr>\n<div id="divRplyFwdMsg">From: Bob</div><div>old</div>'
    by_device = '<div id="ms-outlook-mobile-signature">Get <a href="https://x.example">Outlook for iOS</a></div>'
    parted = without_quotation(f"<p>Mine.</p>{by_device}{quoted}", (), reply=True)
    assert parted is not None
    assert parted.own == "<p>Mine.</p>"
    assert "Outlook" not in "".join(parted.quoted)
    by_author = by_device.replace("Get", "Call me before noon, or get")
    kept = without_quotation(f"<p>Mine.</p>{by_author}{quoted}", (), reply=True)
    assert kept is not None
    assert "before noon" in kept.own


def test_nothing_found_or_nothing_left() -> None:
    assert without_quotation("<p>x</p>", (), reply=True) is None
    assert without_quotation('<blockquote type="cite">x</blockquote>', (), reply=True) is None
    assert without_quotation('<p>x</p><blockquote type="cite">y</blockquote>', (), reply=False) is None
    assert without_quotation("", (), reply=True) is None


SIGNATURE = "Cara Roe<br>Customer Ltd., 1 Main Street<br>Tel. +49 30 123456"


@pytest.mark.parametrize(
    ("html", "left"),
    [
        (f"<p>Mine.</p><p>{SIGNATURE}</p>", "<p>Mine.</p><p></p>"),
        (f"<p>Mine.</p><p><b>{SIGNATURE.replace('<br>', '</b></p><p>', 1)}</p>\n", "<p>Mine.</p><p><b></b></p>"),
        (f"<p>{SIGNATURE}</p>", None),
        (f"<p>Mine. {SIGNATURE}</p>", None),
        (f"<p>Mine.</p><p>{SIGNATURE}</p><p>PS</p>", None),
        (f"<p>Mine.</p><p>{SIGNATURE.replace('56', '57')}</p>", None),
        (f'<p>Mine.</p><p>{SIGNATURE}<img src="cid:photo"></p>', None),
        (f"<p>Mine.</p><p>{SIGNATURE.replace('Street', '<a href=https://x.example>Street</a>')}</p>", None),
        ("", None),
    ],
)
def test_an_ending_that_is_known(html: str, left: str | None) -> None:
    said = "Cara Roe Customer Ltd., 1 Main Street Tel. +49 30 123456"
    assert without_ending(html, said) == left
