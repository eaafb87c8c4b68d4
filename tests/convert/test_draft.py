"""Message -> Draft."""

import pytest

from smtpintake.convert.draft import NO_TEXT, PICTURE_ONLY, Draft, draft
from smtpintake.convert.history import History
from smtpintake.convert.layers import MAX_LINES
from smtpintake.convert.quoted import Quoted
from smtpintake.decide.policy import DEFAULT_SEPARATORS
from smtpintake.mail.message import Attachment
from tests import make

REPLY = "Mine.\n\nOn 3 Nov 2025, at 10:00, Bob <bob@example.org> wrote:\n> Old."
SHOWN_HTML = "<p>Mine.</p><blockquote>Old.</blockquote>"
HTML_REPLY = '<p>Mine.</p><blockquote type="cite">Old.</blockquote>'


def drawn(**values: object) -> Draft:
    return draft(make.message(**values), DEFAULT_SEPARATORS)


def test_a_new_mail_is_taken_whole() -> None:
    found = drawn(subject="Printer", text=REPLY + "\n-- \nAna")
    assert found.body_text == REPLY + "\n-- \nAna"
    assert found.hidden_text == ""
    assert found.subject == "Printer"


def test_a_reply_hides_the_history_and_keeps_it() -> None:
    for told in ({"subject": "Re: x"}, {"in_reply_to": ("m@x.example",)}, {"references": ("m@x.example",)}):
        found = drawn(text=REPLY, **told)
        assert found.body_text == "Mine."
        assert found.hidden_text == REPLY


def test_a_forward_is_there_to_be_read() -> None:
    found = drawn(subject="Fwd: x", text=REPLY, html=HTML_REPLY, in_reply_to=("m@x.example",))
    assert found.body_text == REPLY
    assert "Old." in (found.body_html or "")


def test_html_and_text_say_the_same() -> None:
    both = drawn(subject="Re: x", text=REPLY, html=HTML_REPLY)
    assert (both.body_text, both.body_html, both.hidden_text) == ("Mine.", "<p>Mine.</p>", REPLY)
    unmarked = drawn(subject="Re: x", text="Mine.\n\nOld.", html=HTML_REPLY)
    assert (unmarked.body_text, unmarked.body_html, unmarked.hidden_text) == ("Mine.", "<p>Mine.</p>", "Mine.\n\nOld.")


def test_html_that_does_not_say_what_it_quotes_is_shown_as_it_came() -> None:
    html = '<p>Mine, <b>bold</b> <img src="cid:a@b.example"></p><p>Old.</p>'
    found = drawn(subject="Re: x", text=REPLY, html=html)
    for each in (found, found.knowing(History.of(["Old."]), History())):
        assert (each.body_text, each.body_html) == ("Mine.", html)
    stub = drawn(subject="Re: x", text=REPLY.replace("Mine.", "Use an HTML program."), html="<p>Mine.</p><p>Old.</p>")
    for each in (stub, stub.knowing(History.of(["Old."]), History())):
        assert (each.body_text, each.body_html) == ("Use an HTML program.", "<p>Mine.</p><p>Old.</p>")


def test_answers_between_the_lines_stay_in_both() -> None:
    text = "On 3 Nov 2025, at 10:00, Bob <bob@example.org> wrote:\n> One?\nYes.\n> Two?\nNo."
    html = '<blockquote type="cite">One?</blockquote>Yes.<blockquote type="cite">Two?</blockquote>No.'
    found = drawn(subject="Re: x", text=text, html=html)
    assert (found.body_text, found.hidden_text) == (text, "")
    assert "One?" in (found.body_html or "")


def test_answers_that_only_the_author_announces_stay_in_both() -> None:
    own, block = "<p>My answers are in red.</p>", "<p><b>From:</b> Bob<br><b>Sent:</b> x<br><b>To:</b> Ana</p>"
    html = (
        f'{own}<div style="border-top:solid #E1E1E1 1.0pt">{block}</div><p>How many?</p><p style="color:red">Four.</p>'
    )
    text = "My answers are in red.\n\nFrom: Bob\nSent: x\nTo: Ana\n\nHow many?\nFour."
    for found in (drawn(subject="Re: x", text=text, html=html), drawn(subject="Re: x", text=None, html=html)):
        assert "Four." in found.body_text
        assert "Four." in (found.body_html or "")


def test_html_alone() -> None:
    found = drawn(subject="Re: x", text=None, html=HTML_REPLY)
    assert (found.body_text, found.body_html) == ("Mine.", "<p>Mine.</p>")
    assert "Old." in found.hidden_text
    blank = drawn(text=" \n", html="<p>Hello</p>")
    assert blank.body_text == "Hello"


def test_html_that_no_parser_should_see_gives_text() -> None:
    found = drawn(text=None, html="<div>" * 3000 + "Hello")
    assert (found.body_text, found.body_html) == ("Hello", None)


def test_html_that_would_be_many_times_as_long_gives_text() -> None:
    html = f'<p><b title="{"y" * 2000}">x' + "<p>x" * 2000  # each paragraph opens the element again
    drawn = draft(make.message(text=None, html=html), ())
    assert drawn.body_html is None
    assert drawn.body_text.count("x") == 2001


def test_no_text_at_all() -> None:
    for values in ({"text": None}, {"text": ""}, {"text": " \n\n"}, {"text": None, "html": "<p></p>"}):
        found = drawn(**values)
        assert found.body_text == NO_TEXT
        assert found.hidden_text == ""


def test_html_of_blanks_shows_nothing() -> None:
    assert drawn(text="\n", html="<div><br></div><p>&nbsp;</p>").body_html is None
    assert drawn(text="\n", html="<p>&nbsp;<img src=cid:x></p>").body_html is not None


def test_an_empty_reply_shows_everything() -> None:
    quoted = "> Old.\n> Older."
    found = drawn(subject="Re: x", text=quoted)
    assert (found.body_text, found.hidden_text) == (quoted, "")


def test_an_issue_knows_what_a_reply_quotes() -> None:
    found = drawn(subject="Re: x", text=REPLY, html=HTML_REPLY)
    assert found.quoted is Quoted.UNPROVED
    known = found.knowing(History.of(["Old."]), History())
    assert (known.body_text, known.body_html, known.hidden_text) == ("Mine.", "<p>Mine.</p>", REPLY)
    assert known.quoted is Quoted.PROVED
    unknown = found.knowing(History.of(["Other."]), History())
    assert (unknown.body_text, unknown.body_html, unknown.hidden_text) == (REPLY, SHOWN_HTML, "")
    assert unknown.quoted is Quoted.UNKNOWN


@pytest.mark.parametrize(
    ("quoted", "known"),
    [
        ("<p>Please restart the <b>fat</b> printer,</p><div>then call 112.</div>", True),
        ('<p>Please restart the fat printer,</p><a href="https://x.example">then call 112.</a>', False),
        ("<p>Please restart the fat printer,</p>then call 113.", False),
        ("<p>Please restart the fat printer,</p>then call 1<b></b> 12.", False),
        ("<p>Please restart the fat printer,</p>then call 112. <p style='display:none'>Or not.</p>", True),
        ("<p>Please restart the fat printer,</p>then call 112. <p>Or not.</p>", False),
    ],
)
def test_html_that_quotes_otherwise_than_the_text_is_shown(quoted: str, known: bool) -> None:
    attribution = "On 3 Nov 2025, at 10:00, Bob <bob@example.org> wrote:"
    text = f"Done.\n\n{attribution}\n> Please restart the fat printer,\n> then call 112."
    html = f'<p>Done.</p><blockquote type="cite">{quoted}</blockquote>'
    history = History.of(["Please restart the fat printer, then call 112."])
    found = drawn(subject="Re: x", text=text, html=html).knowing(history, History())
    assert found.quoted == (Quoted.PROVED if known else Quoted.UNKNOWN)
    assert (found.body_html == "<p>Done.</p>") is known
    assert found.body_text == "Done."


def test_only_the_html_says_what_is_quoted() -> None:
    found = drawn(subject="Re: x", text="Mine.\n\nOld.", html=HTML_REPLY)
    known = found.knowing(History.of(["Old."]), History())
    assert (known.body_text, known.body_html) == ("Mine.", "<p>Mine.</p>")
    unknown = found.knowing(History.of(["Other."]), History())
    assert (unknown.body_text, unknown.body_html, unknown.quoted) == ("Mine.\n\nOld.", SHOWN_HTML, Quoted.UNKNOWN)


def test_nothing_but_a_quotation_shows_everything() -> None:
    found = drawn(subject="Re: x", text="> Old.").knowing(History.of(["Old."]), History())
    assert (found.body_text, found.hidden_text) == ("> Old.", "")


def test_of_a_reply_too_long_to_be_proved_all_is_shown() -> None:
    text = f"{REPLY}\n" + "> Old.\n" * MAX_LINES
    found = drawn(subject="Re: x", text=text)
    assert found.body_text == "Mine."
    assert found.knowing(History.of(["Old."]), History()).body_text == text.strip("\n")


def test_commands_of_a_reply_are_still_obeyed() -> None:
    found = drawn(subject="Re: x", text=f"#status closed\n\n{REPLY}").knowing(History.of(["Old."]), History())
    assert found.body_text == "#status closed\n\nMine."
    assert found.commands is not None
    obeyed = found.obeying(found.commands.commands)
    assert (obeyed.body_text, obeyed.quoted) == ("Mine.", Quoted.PROVED)
    assert "> Old." in obeyed.hidden_text


def test_what_is_hidden_has_the_notes_as_well() -> None:
    found = drawn(text=REPLY, subject="Re: x", notes=("(signature unverified)",))
    assert found.body_text == "Mine.\n\n(signature unverified)"
    assert found.hidden_text == f"{REPLY}\n\n(signature unverified)"
    told = found.knowing(History.of(["Old."]), History())
    assert (told.body_text, told.hidden_text) == (found.body_text, found.hidden_text)


def test_own_words_in_the_container_of_the_quotation_stay_in_both() -> None:
    asked = "Which of the two printers is on fire, the black one or the white one?"
    html = f'<p>See below.</p><blockquote type="cite"><p>{asked}</p><p>The black one.</p></blockquote>'
    for text in (None, "See below.\n\nThe black one."):
        told = drawn(subject="Re: x", text=text, html=html).knowing(History.of([asked]), History())
        assert "The black one." in told.body_text
        assert "The black one." in (told.body_html or "")


PICTURE = '<div><img src="cid:a@b.example"></div>'


@pytest.mark.parametrize("text", [REPLY.removeprefix("Mine.\n\n"), None])
def test_an_answer_that_is_only_a_picture_hides_what_it_quotes(text: str | None) -> None:
    html = f'{PICTURE}<blockquote type="cite">Old.</blockquote>'
    found = drawn(subject="Re: x", text=text, html=html)
    told = found.knowing(History.of(["Old."]), History())
    assert (told.body_text, told.body_html, told.quoted) == (PICTURE_ONLY, PICTURE, Quoted.PROVED)
    assert "Old." in told.hidden_text
    for each in (found, found.knowing(History.of(["Older."]), History())):
        assert "Old." in each.body_text
        assert "Old." in (each.body_html or "")


def test_a_picture_beside_a_text_that_only_quotes() -> None:
    picture = Attachment("a.jpg", "image/jpeg", 0, 1, "7bit", 1, "0" * 64)
    found = drawn(subject="Re: x", text=REPLY.removeprefix("Mine.\n\n"), attachments=(picture,))
    assert found.knowing(History.of(["Old."]), History()).body_text == PICTURE_ONLY


@pytest.mark.parametrize("picture", ["", '<img src="https://tracker.example/1.gif">'])
def test_a_mail_that_only_quotes_says_so_whole(picture: str) -> None:
    html = f'{picture}<blockquote type="cite">Old.</blockquote>'
    found = drawn(subject="Re: x", text=REPLY.removeprefix("Mine.\n\n"), html=html)
    assert "Old." in found.knowing(History.of(["Old."]), History()).body_text
