"""Templates: escaped, sandboxed, and all their faults at once when they are loaded."""

import pytest

from smtpintake.compose.render import Templates, TemplatesError

GOOD = {"en/note.subject": "[{{ key }}] Note", "en/note.txt": "About {{ key }}", "en/note.html": "<p>{{ key }}</p>"}
SAMPLES = {"note": {"key": "SUP-1"}}


def test_only_html_is_escaped() -> None:
    rendered = Templates(GOOD, SAMPLES).render("note", "en", {"key": '<b>&"'})
    assert (rendered.subject, rendered.text) == ('[<b>&"] Note', 'About <b>&"')
    assert rendered.html == "<p>&lt;b&gt;&amp;&#34;</p>"


@pytest.mark.parametrize(
    ("language", "chosen"),
    [("en", "en"), ("pt", "pt"), ("pt-BR", "pt"), ("pt-PT", "pt-PT"), ("ja", "en"), ("en-GB", "en")],
)
def test_the_language_falls_back_to_its_base_and_then_to_english(language: str, chosen: str) -> None:
    sources = GOOD | {
        f"{code}/note.{form}": f"{code} {{{{ key }}}}"
        for code in ("pt", "pt-PT")
        for form in ("subject", "txt", "html")
    }
    rendered = Templates(sources, SAMPLES).render("note", language, {"key": "K"})
    assert rendered.language == chosen


@pytest.mark.parametrize(
    ("template", "source", "says"),
    [
        ("en/note.txt", "line\n{% if %}", "en/note.txt:2:"),
        ("en/note.txt", "{{ nothing }}", "'nothing' is undefined"),
        ("en/note.html", "{{ key.__class__.__mro__ }}", "en/note.html: cannot be rendered"),
        ("en/note.html", "{{ key + 1 }}", "en/note.html: cannot be rendered"),
        ("en/note.txt", "{% include 'other' %}", "en/note.txt: cannot be rendered"),
        ("en/note.subject", " \n", "empty text"),
        ("de/note.txt", "nur Text", "de/note.html: there is no such template"),
    ],
)
def test_a_faulty_template_shows_when_it_is_loaded(template: str, source: str, says: str) -> None:
    with pytest.raises(TemplatesError) as caught:
        Templates(GOOD | {template: source}, SAMPLES)
    assert says in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(TemplatesError) as caught:
        Templates({"en/note.txt": "{{"}, SAMPLES)
    assert [fault.template for fault in caught.value.faults] == ["en/note.subject", "en/note.txt", "en/note.html"]
