"""What is cut from a reply, and what never is."""

import pytest

from smtpintake.convert.lines import Lines
from smtpintake.convert.trim import trim
from smtpintake.decide.policy import DEFAULT_SEPARATORS

GMAIL = "On Mon, Nov 3, 2025 at 10:00 AM Bob Roe <bob@example.org> wrote:"
HISTORY = "> Old words.\n>\n> More of them.\n"
OUTLOOK = (
    "From: Bob Roe <bob@example.org>\nSent: Monday, November 3, 2025 10:00\nTo: Ana\nSubject: Printer\n\nOld words.\n"
)


def trimmed(text: str) -> str:
    return trim(Lines.of(text, DEFAULT_SEPARATORS), reply=True)


@pytest.mark.parametrize(
    "history",
    [
        f"{GMAIL}\n\n{HISTORY}",
        f"{GMAIL[:40]}\n{GMAIL[41:]}\n{HISTORY}",
        f"{GMAIL}\nOld words that bear no mark.\n",
        HISTORY,
        "Am 03.11.2025 um 10:00 schrieb Bob Roe <bob@example.org>:\n" + HISTORY,
        "Bob Roe <bob@example.org> schrieb am Mo., 3.\nNov. 2025 um 10:00 Uhr:\n\n" + HISTORY,
        "Le lun. 3 nov. 2025 à 10:00, Bob Roe <bob@example.org> a écrit :\n" + HISTORY,
        "El lun, 3 nov 2025 a las 10:00, Bob Roe (<bob@example.org>) escribió:\n" + HISTORY,
        "Il giorno lun 3 nov 2025 alle ore 10:00 Bob Roe <bob@example.org> ha scritto:\n" + HISTORY,
        "Em seg., 3 de nov. de 2025 às 10:00, Bob Roe <bob@example.org> escreveu:\n" + HISTORY,
        "Op ma 3 nov 2025 om 10:00 schreef Bob Roe <bob@example.org>:\n" + HISTORY,
        "Den mån 3 nov. 2025 kl 10:00 skrev Bob Roe <bob@example.org>:\n" + HISTORY,
        "pon., 3 lis 2025 o 10:00 Bob Roe <bob@example.org> napisał(a):\n" + HISTORY,
        "пн, 3 нояб. 2025 г. в 10:00, Bob Roe <bob@example.org> написал:\n" + HISTORY,  # noqa: RUF001
        "2025年11月3日(月) 10:00 Bob Roe <bob@example.org>:\n" + HISTORY,
        "在 2025年11月3日 10:00,Bob Roe <bob@example.org> 写道:\n" + HISTORY,
        "2025-11-03 10:00 GMT+01:00 Bob Roe <\nbob@example.org>:\n" + HISTORY,
        "-----Original Message-----\n" + OUTLOOK,
        '-----"Bob Roe" <bob@example.org> schrieb: -----\nAn: Ana\nVon: Bob Roe\nBetreff: x\n\nOld words.',
        "________________________________\n" + OUTLOOK,
        OUTLOOK,
        "Von: Bob Roe <bob@example.org>\nGesendet: Montag, 3. November 2025 10:00\nAn: Ana\nBetreff: x\n\nOld words.",
        "De : Bob Roe\nEnvoyé : lundi 3 novembre 2025\nÀ : Ana\nObjet : x\n\nOld words.",
        "-----Ursprüngliche Nachricht-----\nOld words.",
        "-- reply above this line --\nOld words.",
        "> -- Reply above this line --\n> Old words.",
        "Bob Roe <bob@example.org>, 3.11.2025 10:00:\n-- reply above this line --\nOld words.",
        "Bob Roe <bob@example.org> writes:\n\n" + HISTORY,
        ">>> Bob Roe <bob@example.org> 11/3/2025 10:00 AM >>>\nOld words.",
        ">>> Bob Roe 11/3/2025 10:00 AM >>>\n\nOld words.",
        "-------- Original message --------From: Bob Roe <bob@example.org> Date: 03/11/2025  10:00 "
        + "Old words. " * 60,
        f"{GMAIL}\n> -- bitte oberhalb dieser Zeile antworten --\n> Old words.",
        "* -- この線より上に返信してください --\nOld words.",
    ],
)
def test_history_is_cut(history: str) -> None:
    assert trimmed(f"My answer.\n\nOf two parts.\n\n{history}") == "My answer.\n\nOf two parts."


@pytest.mark.parametrize(
    "text",
    [
        f"{GMAIL}\n> One?\nYes.\n> Two?\nNo.",
        f"See below.\n\n{GMAIL}\n> One?\n\nYes.\n\n> Two?\n\nNo.",
        f"See below.\n\n{HISTORY}\nYes, that one.",
        "Yesterday at 10:30 the printer wrote:\nout of paper",
        "Note: it is broken\nFrom: the beginning",
        "| a | b |\n| 1 | 2 |",
        "A list:\n- one\n- two",
        "Thanks,\nAna",
        "---------- Forwarded message ---------\n" + OUTLOOK,
        "FYI\n\nBegin forwarded message:\n\n" + OUTLOOK,
        "$ cat x\n--- a\n+++ b",
    ],
)
def test_what_is_no_history_stays(text: str) -> None:
    assert trimmed(text) == text.strip("\n")


def test_an_answer_below_the_quotation() -> None:
    assert trimmed(f"{GMAIL}\n{HISTORY}\nMy answer.") == "My answer."
    assert trimmed(f"{GMAIL}\n> -- reply above this line --\n{HISTORY}\nMy answer.") == "My answer."


@pytest.mark.parametrize("text", [HISTORY, f"{GMAIL}\n{HISTORY}", OUTLOOK, "-- reply above this line --\nOld."])
def test_an_empty_result_shows_everything(text: str) -> None:
    assert trimmed(text) == text.strip("\n")


@pytest.mark.parametrize(
    "signature", ["-- \nAna Ruiz\nExample Ltd.", "-- \nAna", "Sent from my phone", "Gesendet von meinem Gerät"]
)
def test_signatures(signature: str) -> None:
    assert trimmed(f"My answer.\n\n{signature}") == "My answer."
    assert trimmed(f"My answer.\n\n{signature}\n\n{GMAIL}\n{HISTORY}") == "My answer."


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my TI-85",
        "Sent from [mail](https://go.microsoft.com/fwlink/?LinkId=550986) for windows 10",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Sent from my Windows Phone 8.1",
        "Gesendet mit der GMX Mail App",
        "Gesendet von Mail für Windows",
        "Envoyé depuis mon Galaxy S23",
        "Enviado do meu telemóvel",
        "Inviato da iPhone",
        "Verzonden met BlackBerry Work",
        "Skickat från min iPad",
        "Отправлено из Почты для Windows",
        "发自我的小米手机",
        "iPhoneから送信",
    ],
)
def test_what_a_device_adds_is_cut(line: str) -> None:
    assert trimmed(f"It is sent.\n\n{line}") == "It is sent."


@pytest.mark.parametrize(
    "line",
    [
        "Sent by mail yesterday, tracking number 12345678",
        "Gesendet mit DHL, Sendungsnummer folgt",
        "Gesendet von unserem Lager am 3.11., bitte bestätigen!",
        "Envoyé de Lyon avec la facture",
        "Enviado por Correos, y otra vez hoy",
        "Inviato dalla banca il bonifico",
        "Verzonden met PostNL, pakket 3STEST123",
    ],
)
def test_what_somebody_sent_is_no_device(line: str) -> None:
    assert trimmed(f"Hello.\n\n{line}") == f"Hello.\n\n{line}"


def test_two_hyphens_far_from_the_end_are_no_signature() -> None:
    text = "Part one.\n--\n" + "\n".join(f"line {number}" for number in range(40))
    assert trimmed(text) == text


def test_what_answers_nothing_is_left_alone() -> None:
    text = f"Look what he said:\n\n{GMAIL}\n{HISTORY}\n-- \nAna"
    assert trim(Lines.of(text, DEFAULT_SEPARATORS), reply=False) == text


def test_our_separator_proves_a_reply() -> None:
    text = f"Mine.\n{GMAIL}\n> -- reply above this line --\n> Old."
    assert trim(Lines.of(text, DEFAULT_SEPARATORS), reply=False) == "Mine."
    assert trim(Lines.of("Mine.\n##- cut here -##\nOld.", ("##- cut here -##",)), reply=False) == "Mine."
    assert trim(Lines.of("Mine.", ("", "  ")), reply=True) == "Mine."


def test_what_we_do_not_know_mail_parser_reply_may() -> None:
    assert trimmed("Mine.\n\n  indented\n\nOn Monday Bob wrote:\nOld.") == "Mine.\n\n  indented"
    # Without its guard it would take minutes over this: it is not asked, and nothing is cut.
    long = "Mine.\n" + "x\n" * 20_000 + "On Monday Bob wrote:\nOld."
    assert trimmed(long) == long


def test_a_name_that_begins_as_an_attribution_does_is_none() -> None:
    assert trimmed(f"It works.\nEmily\n    {GMAIL}\n \n Old words.") == "It works.\nEmily"


@pytest.mark.parametrize(
    "own", ["My answers are below.", "See inline.", "In red:", "Antworten unten in rot.", "Voir ci-dessous", "赤字で"]
)
@pytest.mark.parametrize("above", [OUTLOOK.removesuffix("Old words.\n"), "-- reply above this line --\n"])
def test_answers_that_only_the_author_announces_stay(own: str, above: str) -> None:
    text = f"{own}\n\n{above}How many?\nFour.\n"
    assert trimmed(text).strip() == text.strip()
    marked = f"{own}\n\n{GMAIL}\n> How many?\n"
    assert trimmed(marked) == own


@pytest.mark.parametrize(
    "text",
    [
        "Two options:\n--\nEither you refund me the 100 EUR, or I go to court next week.",
        "Two options\n--\nEither you refund me the 100 EUR\nor I go to court next week",
        "Hello.\n--\nRefund me",
        "My number is new.\n--\ncall me at 030 1234567",
        "Send it to:\n--\nCara Roe\ncara@customer.example",
        "I have\n--\n- 1 printer\n- cara@customer.example",
    ],
)
def test_two_hyphens_without_a_space_hide_no_words(text: str) -> None:
    assert trim(Lines.of(text, ()), reply=True) == text


@pytest.mark.parametrize("card", ["Cara Roe\nCustomer Ltd\n\nTel. +49 30 123456", "Cara Roe - cara@customer.example"])
def test_behind_them_a_card_is_a_signature(card: str) -> None:
    assert trim(Lines.of(f"It burns.\n--\n{card}", ()), reply=True) == "It burns."


def test_behind_the_mark_anything_short_is_one() -> None:
    assert trim(Lines.of("It burns.\n-- \nWe print at night.", ()), reply=True) == "It burns."
