"""Names of attachments: safe on every file system, whatever a sender wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert.filename import MAX_NAME, safe_name


@pytest.mark.parametrize(
    ("written", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Übersicht März.xlsx", "Übersicht März.xlsx"),
        ("U\u0308bersicht.pdf", "Übersicht.pdf"),
        ("見積書.pdf", "見積書.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\cmd.exe", "cmd.exe"),
        ("C:\\Users\\cara\\report.pdf", "report.pdf"),
        ("/etc/cron.d/", "cron.d"),
        ("C:evil.txt", "C_evil.txt"),
        ("report.pdf:stream", "report.pdf_stream"),
        ("a\x00b\x1b[2J\r\n.txt", "ab[2J .txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("in\u200bvoice\ufeff.pdf", "invoice.pdf"),
        ("a\u2028b\u00a0c.txt", "a b c.txt"),
        ("what?<is>|this*.txt", "what__is__this_.txt"),
        (".htaccess", "htaccess"),
        ("evil.exe. . .", "evil.exe"),
        ("evil.exe ", "evil.exe"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1 .log", "_com1 .log"),
        ("COM¹.txt", "_COM¹.txt"),
        ("console.log", "console.log"),
        ("lone\ud800.txt", "lone.txt"),
    ],
)
def test_a_name_becomes_safe(written: str, safe: str) -> None:
    assert safe_name(written) == safe


@pytest.mark.parametrize("nothing", ["", ".", "..", "../..", "/", " . ", "\u202e", "\x00"])
def test_where_nothing_is_left_the_type_gives_a_name(nothing: str) -> None:
    assert safe_name(nothing) == "attachment"
    assert safe_name(nothing, "image/png") == "image.png"
    assert safe_name(nothing, "application/pdf") == "document.pdf"
    assert safe_name(nothing, "x-odd/../../type") == "attachment"


def test_a_long_name_keeps_its_extension() -> None:
    assert safe_name("x" * 300 + ".pdf") == "x" * 251 + ".pdf"
    assert safe_name("ü" * 300 + ".tar") == "ü" * 125 + ".tar"
    assert safe_name("x" * 10 + "." + "y" * 300) == ("x" * 10 + "." + "y" * 300)[:MAX_NAME]


@given(
    st.text(max_size=400) | st.text("./\\: \u202econ\x00ü\U0001d4b3", max_size=600),
    st.sampled_from(["", "image/png", "a/b"]),
)
def test_any_name_is_safe_and_stays_so(written: str, content_type: str) -> None:
    name = safe_name(written, content_type)
    assert 0 < len(name.encode()) <= MAX_NAME
    assert name.isprintable()
    assert not set('/\\<>:"|?*') & set(name)
    assert name.strip(" .") == name
    assert safe_name(name) == name
