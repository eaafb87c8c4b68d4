"""The language that the header of a mail speaks."""

import pytest

from smtpintake.mail.language import spoken
from tests import make


@pytest.mark.parametrize(
    ("subject", "header", "language"),
    [
        ("Printer on fire", {}, ""),
        ("Re: Printer on fire", {}, ""),
        # what the client says outright
        ("x", {"Content-Language": "de"}, "de"),
        ("x", {"Content-Language": "de-DE"}, "de-DE"),
        ("x", {"content-language": " PT-br , en"}, "pt-BR"),
        ("x", {"Content-Language": "zh-hant-TW"}, "zh-Hant"),
        ("x", {"Content-Language": "gsw"}, ""),
        ("x", {"Content-Language": "i-klingon"}, ""),
        ("x", {"Content-Language": "<script>"}, ""),
        ("x", {"Accept-Language": "fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5"}, "fr-CH"),
        ("x", {"Accept-Language": "en;q=0.2, ja;q=0.7, de;q=0"}, "ja"),
        ("x", {"Accept-Language": "*"}, ""),
        ("x", {"Accept-Language": "de;q=0"}, ""),
        ("AW: x", {"Accept-Language": "pl", "Content-Language": "en"}, "pl"),
        ("AW: x", {"Content-Language": "en-US"}, "en-US"),
        # what it puts before the subject
        ("AW: Printer on fire", {}, "de"),
        ("Aw: Re: Printer", {}, "de"),
        ("WG: Printer", {}, "de"),
        ("RE: AW: Printer", {}, ""),
        ("SV: Printer", {}, "sv"),
        ("RES: Printer", {}, "pt"),
        ("ENC: Printer", {}, "pt"),
        ("R: Printer", {}, "it"),
        ("I: Printer", {}, "it"),
        ("RV: Printer", {}, "es"),
        ("Rép : Printer", {}, "fr"),
        ("TR: Printer", {}, "fr"),
        ("ODP: Printer", {}, "pl"),
        ("PD: Printer", {}, "pl"),
        ("Antw: Printer", {}, "nl"),
        ("YNT: Printer", {}, "tr"),
        ("回复: Printer", {}, "zh"),
        ("回覆：Printer", {}, "zh-TW"),
        ("返信: Printer", {}, "ja"),
        ("답장: Printer", {}, "ko"),
        ("AW[2]: Printer", {}, "de"),
        ("AWS: region down", {}, ""),
        ("Hotel: Zimmer", {}, ""),
        # the script of the subject
        ("プリンターが燃えています", {}, "ja"),
        ("Re: 見積もりについて", {}, "ja"),
        ("프린터 고장", {}, "ko"),
        ("Ο εκτυπωτής καίγεται", {}, "el"),
        ("Δ of 5 µm", {}, ""),
        ("打印机着火了", {}, ""),
        # the charset
        ("x", {"Content-Type": "text/plain; charset=ISO-2022-JP"}, "ja"),
        ("x", {"Content-Type": 'text/plain; format=flowed; charset="euc-kr"'}, "ko"),
        ("x", {"Content-Type": "text/plain; charset=KOI8-R"}, "ru"),
        ("x", {"Content-Type": "text/plain; charset=big5"}, "zh-TW"),
        ("x", {"Content-Type": "text/plain; charset=iso-8859-2"}, ""),
        ("x", {"Content-Type": "text/plain; charset=utf-8"}, ""),
        ("AW: x", {"Content-Type": "text/plain; charset=gb2312"}, "de"),
    ],
)
def test_the_header_tells_the_language(subject: str, header: dict[str, str], language: str) -> None:
    assert spoken(make.message(subject=subject, header=tuple(header.items()))) == language


def test_of_a_repeated_field_the_first_counts() -> None:
    header = (("Content-Language", "de"), ("Content-Language", "fr"))
    assert spoken(make.message(subject="x", header=header)) == "de"


@pytest.mark.parametrize("value", ["de;" * 100_000, "," * 1_000_000, "en-" * 300_000, "ü" * 100_000, "q=" * 100_000])
def test_a_huge_value_costs_nothing(value: str) -> None:
    header = tuple((name, value) for name in ("Accept-Language", "Content-Language", "Content-Type"))
    assert spoken(make.message(subject=value, header=header)) in ("", "de", "en-EN")
