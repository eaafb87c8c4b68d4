"""Octets and what is claimed of them -> the text that was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.mail import charset, iso2022jp
from smtpintake.mail.bodies import MAX_TEXT
from smtpintake.mail.parse import read
from tests.mail.letters import mail

RUSSIAN = "Добрый день! Пришлите, пожалуйста, счёт за октябрь."
JAPANESE = "お世話になっております。請求書を添付いたします。"
CHINESE = "您好，附件是发票，请查收。如有问题请回复。"
TRADITIONAL = "您好，附件是發票，請查收。如有問題請回覆。"
KOREAN = "안녕하세요. 첨부한 견적서를 확인해 주세요."
POLISH = "Dzień dobry, w załączeniu przesyłam fakturę za październik. Proszę o jej opłacenie."
GERMAN = "Grüße aus München, die Rechnung über 50 € fehlt noch – können Sie sie schicken?"
FRENCH = "L’été dernier, nous avons reçu votre facture n° 12 à l’adresse indiquée."
GREEK = "Καλημέρα σας, σας στέλνω το τιμολόγιο του Οκτωβρίου."
HEBREW = "שלום רב, מצורפת החשבונית לחודש אוקטובר."
ARABIC = "مرحبا، تجدون الفاتورة في المرفقات. شكرا لكم."
THAI = "สวัสดีครับ แนบใบแจ้งหนี้มาด้วยครับ ขอบคุณครับ"
TURKISH = "Merhaba, ekim ayının faturasını ekte gönderiyorum. Teşekkürler, iyi günler."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((RUSSIAN, encoding) for encoding in ("koi8-r", "cp1251", "iso8859-5", "utf-8")),
        *((JAPANESE, encoding) for encoding in ("cp932", "euc_jp", "iso2022_jp", "utf-8")),
        (CHINESE, "gb18030"),
        (TRADITIONAL, "big5"),
        (KOREAN, "cp949"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (GREEK, "cp1253"),
        (HEBREW, "cp1255"),
        (ARABIC, "cp1256"),
        (THAI, "cp874"),
        (TURKISH, "cp1254"),
        ("Jürgen Groß", "cp1252"),
        ("5 ½ m² – 20 °C", "cp1252"),
        ("Señor Núñez", "cp1252"),
        ("it’s", "cp1252"),
    ],
)
def test_undeclared(text: str, encoding: str) -> None:
    assert charset.decode(text.encode(encoding), "")[0] == text


@pytest.mark.parametrize(
    ("text", "encoding", "claimed"),
    [
        (GERMAN, "utf-8", "iso-8859-1"),
        (GERMAN, "utf-8", "us-ascii"),
        (GERMAN, "cp1252", "us-ascii"),
        (GERMAN, "cp1252", "utf-8"),
        (GERMAN, "cp1252", "iso-8859-1"),
        (RUSSIAN, "utf-8", "koi8-r"),
        (RUSSIAN, "cp1251", "iso-8859-1"),
        (RUSSIAN, "koi8-r", "us-ascii"),
        (RUSSIAN, "cp1251", "utf-8"),
        (JAPANESE, "cp932", "iso-8859-1"),
        (CHINESE, "gb18030", "utf-8"),
        (CHINESE, "utf-8", "gb2312"),
        (JAPANESE, "iso2022_jp", "utf-8"),
        (JAPANESE, "iso2022_jp", "iso-8859-1"),
        (KOREAN, "cp949", "us-ascii"),
        (RUSSIAN, "koi8-r", "unknown-8bit"),
    ],
)
def test_claimed_wrongly(text: str, encoding: str, claimed: str) -> None:
    assert charset.decode(text.encode(encoding), claimed) == (text, claimed == "iso-8859-1" and encoding == "cp1252")


@pytest.mark.parametrize(
    ("claimed", "text", "encoding"),
    [
        ("windows-874", THAI, "cp874"),
        ("tis-620", THAI, "cp874"),
        ("iso-8859-11", THAI, "cp874"),
        ("unicode-1-1-utf-7", GERMAN, "utf-7"),
        ("x-unicode-2-0-utf-7", GERMAN, "utf-7"),
        ("gb18030", "𠮷野 € ḿ", "gb18030"),
        ("gb_2312-80", CHINESE, "gb18030"),
        ("koi8-u", "Привіт, їжаку", "koi8-u"),
        ("x-cp1251", RUSSIAN, "cp1251"),
        ("win-1251", RUSSIAN, "cp1251"),
        ("dos-866", RUSSIAN, "cp866"),
        ("windows-1252http-equivcontent-type", GERMAN, "cp1252"),
        ("windows-31j", "①髙橋㈱", "cp932"),
        ("x-sjis", JAPANESE, "cp932"),
        ("x-mac-cyrillic", RUSSIAN, "mac-cyrillic"),
        ("macintosh", FRENCH.replace("’", "'"), "mac-roman"),
        ("iso-8859-8-i", HEBREW, "iso8859-8"),
        ("8859_15", "50 €", "iso8859-15"),
        ("utf-16", GERMAN, "utf-16"),
        ("big5-hkscs", "㗎咗", "big5hkscs"),
        ('"UTF-8"', GERMAN, "utf-8"),
    ],
)
def test_labels(claimed: str, text: str, encoding: str) -> None:
    assert charset.decode(text.encode(encoding), claimed) == (text, True)


def test_the_characters_that_windows_added_to_iso_2022_jp() -> None:
    def windows(text: str) -> bytes:
        """As Outlook writes it: each character in the rows of NEC, by way of Shift-JIS."""
        pairs = text.encode("cp932")
        octets = bytearray(b"\x1b$B")
        for first, second in zip(pairs[::2], pairs[1::2], strict=True):
            row = (first - (0x70 if first < 0xA0 else 0xB0)) * 2 - (1 if second < 0x9F else 0)
            cell = second - (0x7E if second >= 0x9F else 0x1F if second < 0x7F else 0x20)
            octets += bytes((row, cell))
        return bytes(octets) + b"\x1b(B"

    assert charset.decode(b"No. " + windows("①髙橋㈱です") + b"!", "iso-2022-jp") == ("No. ①髙橋㈱です!", False)
    assert iso2022jp.decode(b"\x1b(I12\x1b(B") == "ｱｲ"
    assert iso2022jp.decode(JAPANESE.encode("iso2022_jp")) == JAPANESE


def test_one_octet_that_went_wrong_spoils_no_text() -> None:
    octets = RUSSIAN.encode() + b"\xd0 " + RUSSIAN.encode()
    assert charset.decode(octets, "utf-8")[0] == f"{RUSSIAN}\ufffd {RUSSIAN}"
    assert charset.decode(octets, "")[0] == f"{RUSSIAN}\ufffd {RUSSIAN}"


def test_text_that_is_cut_inside_a_character_keeps_its_charset() -> None:
    message = read(mail("Content-Type: text/plain; charset=utf-8", body="x" + "é" * (MAX_TEXT // 2 + 10)))
    assert message.text == "x" + "é" * (MAX_TEXT // 2 - 1)
    assert "text.charset" not in {defect.what for defect in message.defects}


def test_html_is_guessed_by_its_text() -> None:
    octets = f"<html><style>{'p {color: red} ' * 5000}</style><body>{RUSSIAN}</body></html>".encode("cp1251")
    assert RUSSIAN in charset.decode(octets, "")[0]


@pytest.mark.parametrize(
    "meta",
    [
        '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=koi8-r">',
        "<meta charset = koi8-r >",
        "<meta name=x><meta charset='koi8-r'/>",
    ],
)
def test_html_may_state_its_charset_itself(meta: str) -> None:
    raw = mail("Content-Type: text/html", body=f"<html>{meta}<p>Ё".encode("koi8-r"))
    assert (read(raw).html or "").endswith("<p>Ё")
    declared = mail("Content-Type: text/html; charset=utf-8", body=f"<html>{meta}<p>Ё")
    assert (read(declared).html or "").endswith("<p>Ё")


CLAIMS = st.sampled_from(["", "utf-8", "us-ascii", "iso-2022-jp", "utf-7", "hz", "utf-16", "gb18030", "koi8-r", "x-y"])


@given(st.binary(max_size=80), CLAIMS | st.text(max_size=20), st.booleans())
def test_total(octets: bytes, claimed: str, cut: bool) -> None:
    text, _ = charset.decode(octets, claimed, cut=cut)
    text.encode()
    assert "\0" not in text


@given(st.lists(st.sampled_from([b"\x1b$B", b"\x1b(B", b"\x1b(I", b"\x1b$@"]) | st.binary(max_size=4)).map(b"".join))
def test_any_iso_2022_jp(octets: bytes) -> None:
    iso2022jp.decode(octets).encode("utf-8", "surrogatepass")
