"""What a reply quotes is hidden where the issue has it, and stays where it has not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpintake.store.schema import Comment, Issue, OutboxMail, Trace
from tests import clients
from tests.clients import Reply, Written
from tests.databases import configured
from tests.intake.test_record import POLICY, World, mail

CARA = ("Cara Roe", "cara@customer.example")
ANA = ("Ana Ruiz", "ana@example.org")
SENTENCES = [
    "The printer on the second floor is on fire & nobody has an extinguisher that works.",
    "Please take the one from the kitchen, and tell us what is written on its label.",
    "It says «halon», 5 kg, and that it was tested in 1987.",
    "That one is too old to be used; is there another one on the third floor?",
    "There is one, but the door is locked.\nDora has the key and comes at 10:30.",
    "Then wait for Dora.",
    "She is here now, and the fire is out.",
    "Is the printer still connected to the mains?",
    "Yes.",
    "Unplug it, then send us a picture of what is left of the fuser unit, please.",
    "I have put it on https://pictures.example/fuser?id=1 for you to see.",
    "Thank you, a new one will arrive on Thursday between 8 and 12 o'clock.",
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(configured(f"sqlite:///{tmp_path}/test.db", POLICY))
    yield world
    world.database.close()


def send(world: World, written: Written, number: int, form: str = "both") -> str:
    fields, body = clients.octets(written, form)
    fields += f"In-Reply-To: <m{number - 1}@customer.example>\r\n" if number else ""
    job = mail(
        author=f"{written.author} <{written.address}>",
        subject=written.subject,
        message_id=f"m{number}@customer.example",
        mail_from=written.address,
        extra=fields,
        body=body,
    )
    (reply,) = world.submit(job)
    return reply


@pytest.mark.parametrize("form", ["text", "html", "both"])
@pytest.mark.parametrize("client", [clients.gmail, clients.outlook, clients.apple, clients.thunderbird])
def test_a_thread_shows_each_sentence_once(world: World, client: Reply, form: str) -> None:
    written = clients.first(*CARA, SENTENCES[0])
    send(world, written, 0, form)
    for number, words in enumerate(SENTENCES[1:], 1):
        written = client(*(ANA if number % 2 else CARA), words, written)
        assert "commented" in send(world, written, number, form)
    (issue,), comments = world.rows(Issue), world.rows(Comment)
    shown = [issue.body_text, *(comment.body_text for comment in comments)]
    assert [" ".join(text.split()) for text in shown] == [" ".join(words.split()) for words in SENTENCES]
    assert {comment.quoted for comment in comments} == {"proved"}
    for comment, words in zip(comments, SENTENCES[1:], strict=True):
        assert comment.hidden_text
        if form != "text":
            assert comment.body_html.count("<p>") <= words.count("\n") + 1
            assert "blockquote" not in comment.body_html


@pytest.mark.parametrize("client", [clients.gmail, clients.outlook, clients.apple, clients.thunderbird])
def test_what_we_sent_is_known(world: World, client: Reply) -> None:
    send(world, clients.first(*CARA, SENTENCES[0]), 0)
    (sent,) = world.rows(OutboxMail)
    ours = Written("Support", "support@example.org", "", sent.subject, sent.text, f"<pre>{sent.text}</pre>")
    send(world, client(*CARA, "Thanks, I wait.", ours), 1, "text")
    (comment,) = world.rows(Comment)
    assert (comment.body_text, comment.quoted) == ("Thanks, I wait.", "proved")
    assert sent.text.split("\n")[-2] in comment.hidden_text


def test_what_comes_in_one_batch_is_known(world: World) -> None:
    send(world, clients.first(*CARA, SENTENCES[0]), 0)
    first = clients.first(*CARA, SENTENCES[2])
    second = clients.gmail(*CARA, SENTENCES[3], first)
    replies = world.submit(
        *(
            mail(subject="Re: [SUP-1]", extra=fields, body=body)
            for fields, body in (clients.octets(each, "both") for each in (first, second))
        )
    )
    assert all("SUP-1 commented" in reply for reply in replies)
    comments = world.rows(Comment)
    assert [comment.body_text for comment in comments] == [SENTENCES[2], SENTENCES[3]]
    assert [comment.quoted for comment in comments] == ["", "proved"]


def test_what_was_altered_stays_and_is_in_the_trace(world: World) -> None:
    offer = "We can repair it for 100 EUR.\nA new one costs 900 EUR, and takes a week to arrive.\nPlease choose one."
    first = clients.first(*CARA, offer)
    send(world, first, 0)
    forged = clients.gmail(*ANA, "I choose the new one.", first)
    forged = Written(*ANA, "", forged.subject, forged.text.replace("900", "90"), forged.html.replace("900", "90"))
    send(world, forged, 1)
    (comment,) = world.rows(Comment)
    assert comment.quoted == "unknown"
    assert "> A new one costs 90 EUR, and takes a week to arrive." in comment.body_text
    assert "costs 90 EUR" in comment.body_html
    assert "100 EUR" not in comment.body_text
    assert "100 EUR" in comment.hidden_text
    findings = [finding for trace in world.rows(Trace) for finding in trace.findings]
    assert [finding["result"] for finding in findings if finding["check"] == "quotation"] == ["unknown"]


def test_text_and_html_must_both_be_known(world: World) -> None:
    first = clients.first(*CARA, "We can repair it for 100 EUR, which is a fair price for its age.")
    send(world, first, 0)
    reply = clients.gmail(*ANA, "I agree.", first)
    send(world, Written(*ANA, "", reply.subject, reply.text, reply.html.replace("100", "10")), 1)
    (comment,) = world.rows(Comment)
    assert (comment.body_text, comment.quoted) == ("I agree.", "unknown")
    assert "for 10 EUR" in comment.body_html


def test_a_signature_that_comes_again_is_hidden(world: World) -> None:
    signature = "Cara Roe\nCustomer Ltd., 1 Main Street\nTel. +49 30 123456"
    send(world, clients.first(*CARA, f"It burns.\n\n{signature}"), 0, "text")
    for number, (who, words) in enumerate([(CARA, "Still."), (ANA, "Oh."), (CARA, "Out now.")], 1):
        send(world, Written(*who, "", "Re: Printer", f"{words}\n\n{signature}", ""), number, "text")
    (issue,), comments = world.rows(Issue), world.rows(Comment)
    assert signature in issue.body_text
    assert [comment.body_text for comment in comments] == ["Still.", f"Oh.\n\n{signature}", "Out now."]
    assert signature in comments[0].hidden_text


def test_a_signature_that_comes_again_is_hidden_in_the_html_too(world: World) -> None:
    signature = "Cara Roe\nCustomer Ltd., 1 Main Street\nTel. +49 30 123456"
    send(world, clients.first(*CARA, f"It burns.\n\n{signature}"), 0)
    written = clients.gmail(*CARA, f"Still.\n\n{signature}", clients.first(*CARA, f"It burns.\n\n{signature}"))
    send(world, written, 1)
    send(world, Written(*CARA, "", "Re: Printer", written.text.split("\nOn ")[0], "<p>Still.</p><p>Cara Roe</p>"), 2)
    both, other = world.rows(Comment)
    assert both.body_text == "Still."
    assert "Still." in both.body_html
    assert "Main Street" not in both.body_html
    assert "Main Street" in both.hidden_text
    assert "Cara Roe" in other.body_html  # it says something else than the text, so it stays
