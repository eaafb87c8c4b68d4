"""The line that announces whose words follow, in the languages of the common clients."""

import pytest

from smtpintake.convert.lines import Lines
from smtpintake.convert.quoting import Quotation, first_quotation, is_attribution, is_title
from smtpintake.convert.trim import trim

LINES = {
    "English, Gmail": "On Mon, Nov 3, 2025 at 10:00 AM Bob Roe <bob@example.org> wrote:",
    "English, Apple": "On 3 Nov 2025, at 10:00, Bob Roe <bob@example.org> wrote:",
    "English, Thunderbird": "On 11/3/2025 10:00 AM, Bob Roe wrote:",
    "German, Gmail": "Am Mo., 3. Nov. 2025 um 10:00 Uhr schrieb Bob Roe <bob@example.org>:",
    "German, Apple": "Am 03.11.2025 um 10:00 schrieb Bob Roe <bob@example.org>:",
    "French": "Le lun. 3 nov. 2025 à 10:00, Bob Roe <bob@example.org> a écrit :",
    "Spanish": "El lun, 3 nov 2025 a las 10:00, Bob Roe (<bob@example.org>) escribió:",
    "Italian": "Il giorno lun 3 nov 2025 alle ore 10:00 Bob Roe <bob@example.org> ha scritto:",
    "Portuguese": "Em seg., 3 de nov. de 2025 às 10:00, Bob Roe <bob@example.org> escreveu:",
    "Dutch": "Op ma 3 nov 2025 om 10:00 schreef Bob Roe <bob@example.org>:",
    "Swedish": "Den mån 3 nov. 2025 kl 10:00 skrev Bob Roe <bob@example.org>:",
    "Danish": "Den man. 3. nov. 2025 kl. 10.00 skrev Bob Roe <bob@example.org>:",
    "Norwegian": "man. 3. nov. 2025 kl. 10:00 skrev Bob Roe <bob@example.org>:",
    "Finnish": "ma 3. marrask. 2025 klo 10.00 Bob Roe (bob@example.org) kirjoitti:",
    "Polish": "pon., 3 lis 2025 o 10:00 Bob Roe <bob@example.org> napisał(a):",
    "Czech": "po 3. 11. 2025 v 10:00 odesílatel Bob Roe <bob@example.org> napsal:",
    "Slovak": "po 3. 11. 2025 o 10:00 Bob Roe <bob@example.org> napísal(a):",
    "Hungarian": "Bob Roe <bob@example.org> ezt írta (időpont: 2025. nov. 3., H, 10:00):",
    "Romanian": "În lun., 3 nov. 2025 la 10:00, Bob Roe <bob@example.org> a scris:",
    "Turkish": "Bob Roe <bob@example.org>, 3 Kas 2025 Pzt, 10:00 tarihinde şunu yazdı:",  # noqa: RUF001
    "Russian": "пн, 3 нояб. 2025 г. в 10:00, Bob Roe <bob@example.org>:",  # noqa: RUF001
    "Russian, with a verb": "3 ноября 2025 г., в 10:00, Bob Roe <bob@example.org> написал(а):",  # noqa: RUF001
    "Ukrainian": "пн, 3 лист. 2025 р. о 10:00 Bob Roe <bob@example.org> пише:",  # noqa: RUF001
    "Greek": "Στις Δευ 3 Νοε 2025 στις 10:00 π.μ., ο χρήστης Bob Roe <bob@example.org> έγραψε:",  # noqa: RUF001
    "Bulgarian": "На пн, 3.11.2025 г. в 10:00 ч. Bob Roe <bob@example.org> написа:",  # noqa: RUF001
    "Croatian": "pon, 3. stu 2025. u 10:00 Bob Roe <bob@example.org> napisao je:",
    "Estonian": "Kuupäev E, 3. november 2025 kell 10:00 kirjutas Bob Roe <bob@example.org>:",
    "Japanese": "2025年11月3日(月) 10:00 Bob Roe <bob@example.org>:",
    "Chinese": "Bob Roe <bob@example.org> 于2025年11月3日周一 10:00写道:",
    "Korean": "2025년 11월 3일 (월) 오전 10:00, Bob Roe <bob@example.org>님이 작성:",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_languages(line: str) -> None:
    assert is_attribution(line)
    assert first_quotation(["Mine.", "", line, "", "> Old."]) == Quotation(2, 4, ">")
    middle = line.rindex(" ", 0, 2 * len(line) // 3)
    broken = f"{line[:middle]}\n{line[middle + 1 :]}"
    assert trim(Lines.of(f"Mine.\n\n{broken}\n\n> Old.", ()), reply=True) == "Mine."


@pytest.mark.parametrize("last", ["<kovacs.eszter@pelda.example>", "ezt", "írta", "(időpont:", "nov."])
def test_a_hungarian_name_that_fills_the_line_goes_with_it(last: str) -> None:
    line = "Kovács-Szabó Eszter <kovacs.eszter@pelda.example> ezt írta (időpont: 2025. nov. 3., H, 10:00):"
    broken = line.replace(f"{last} ", f"{last}\n", 1)
    assert trim(Lines.of(f"Mine.\n\n{broken}\n\n> Old.", ()), reply=True) == "Mine."


@pytest.mark.parametrize(
    "line",
    [
        "He wrote:",
        "Please note:",
        "On Monday the printer wrote:",
        "At 10:30 these were broken:",
        "See what the manual of 2019 says:",
        "On 3 Nov 2025 at 10:00 Bob Roe wrote",
    ],
)
def test_what_announces_nobody(line: str) -> None:
    assert not is_attribution(line)


@pytest.mark.parametrize("above", ["On 3 November I paid 100 EUR", "Am Freitag will ich mein Geld", "3 of 4"])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_an_own_line_right_above_it_is_none_of_it(line: str, above: str) -> None:
    assert first_quotation(["Mine.", above, line, "> Old."]) == Quotation(2, 3, ">")
    middle = line.rindex(" ", 0, 2 * len(line) // 3)
    broken = f"{line[:middle]}\n{line[middle + 1 :]}"
    assert above in trim(Lines.of(f"Mine.\n{above}\n{broken}\n> Old.", ()), reply=True)


def test_two_own_lines_above_it_stay() -> None:
    above = "I want a refund.\nOn 3 November 2025 I paid 100 EUR to Bob"
    for line in (LINES["English, Gmail"], LINES["German, Apple"], LINES["French"]):
        assert trim(Lines.of(f"{above}\n{line}\n> Old.", ()), reply=True) == above


@pytest.mark.parametrize("line", [f"{'-' * 395}x", f"2025-01-01 <{'@' * 300} >:", f"{'a' * 79}<{'@' * 300}:"])
def test_no_hostile_line_takes_long(line: str) -> None:
    # Each took a millisecond or two: the deadline of the test run is what that would break.
    for _ in range(30_000):
        assert not is_title(line)
        assert not is_attribution(line)
