"""Templates: escaped, sandboxed, translated; and what an installation's own may do wrong without costing a mail."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from smtpintake.compose.render import Rendered, Templates, TemplatesError

GOOD = {"note.subject": "[{{ key }}] Note", "note.txt": "About {{ key }}", "note.html": "<p>{{ key }}</p>"}
SAMPLES = {"note": {"key": "SUP-1"}}
VALUES = {"key": "SUP-2"}


def catalogue(plurals: str = "nplurals=2; plural=(n != 1);", **messages: str) -> str:
    header = f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: {plurals}\\n"\n'
    return header + "".join(f'\nmsgid "{english}"\nmsgstr "{said}"\n' for english, said in messages.items())


def test_only_html_is_escaped() -> None:
    rendered = Templates(GOOD, SAMPLES).render("note", "en", {"key": '<b>&"'})
    assert (rendered.subject, rendered.text) == ('[<b>&"] Note', 'About <b>&"')
    assert rendered.html == "<p>&lt;b&gt;&amp;&#34;</p>"


@pytest.mark.parametrize(
    ("language", "chosen"),
    [("en", "en"), ("pt", "pt"), ("pt-BR", "pt"), ("pt-PT", "pt-PT"), ("ja", "en"), ("en-GB", "en"), ("", "en")],
)
def test_the_language_falls_back_to_its_base_and_then_to_english(language: str, chosen: str) -> None:
    sources = GOOD | {f"locale/{code}.po": catalogue(About=f"Sobre {code}") for code in ("pt", "pt-PT")}
    sources["note.txt"] = "{{ _('About') }} {{ key }}"
    rendered = Templates(sources, SAMPLES).render("note", language, VALUES)
    assert rendered.language == chosen
    assert rendered.text == ("About SUP-2" if chosen == "en" else f"Sobre {chosen} SUP-2")


def test_a_message_that_is_not_translated_is_said_in_english() -> None:
    sources = GOOD | {"locale/de.po": catalogue(Other="Anderes"), "note.txt": "{{ _('About') }} {{ key }}"}
    assert Templates(sources, SAMPLES).render("note", "de", VALUES).text == "About SUP-2"


def test_values_in_a_translation_are_escaped_and_the_translation_is_not() -> None:
    sources = GOOD | {
        "note.html": "{{ _('About %(key)s', key=key) }}",
        "locale/de.po": catalogue(**{"About %(key)s": "<b>Zu</b> %(key)s"}),
    }
    assert Templates(sources, SAMPLES).render("note", "de", {"key": "<i>"}).html == "<b>Zu</b> &lt;i&gt;"


def test_plurals_are_those_of_the_language() -> None:
    polish = catalogue("nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);")
    polish += '\nmsgid "%(num)d mail"\nmsgid_plural "%(num)d mails"\n'
    polish += "".join(f'msgstr[{at}] "%(num)d {said}"\n' for at, said in enumerate(("list", "listy", "listów")))
    sources = {**GOOD, "note.txt": "{{ ngettext('%(num)d mail', '%(num)d mails', n) }}", "locale/pl.po": polish}
    templates = Templates(sources, {"note": {"key": "K", "n": 1}})
    said = [templates.render("note", "pl", {"key": "K", "n": n}).text for n in (1, 3, 5, 22)]
    assert said == ["1 list", "3 listy", "5 listów", "22 listy"]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "March 1, 2026, 9:30\u202fAM CET"),
        ("de", "1. März 2026, 09:30 CET"),
        ("ja", "2026年3月1日, 9:30 CET"),
    ],
)
def test_a_moment_is_said_as_the_reader_says_it(language: str, said: str) -> None:
    at = datetime(2026, 3, 1, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    sources = GOOD | {"note.txt": "{{ at|moment }}"} | {f"locale/{code}.po": catalogue() for code in ("de", "ja")}
    values = {"key": "K", "at": at}
    assert Templates(sources, {"note": values}).render("note", language, values).text == said


FAULTS = [
    ("note.txt", "line\n{% if %}", "note.txt:2:"),
    ("note.txt", "{{ nothing }}", "'nothing' is undefined"),
    ("note.html", "{{ key.__class__.__mro__ }}", "note.html: cannot be rendered in en"),
    ("note.html", "{{ key + 1 }}", "note.html: cannot be rendered in en"),
    ("note.html", "{{ _('%(no)s') }}", "note.html: cannot be rendered in en"),
    ("note.txt", "{% include 'other' %}", "other: there is no such template"),
    ("note.txt", "{% include 'note.txt' %}", "note.txt: cannot be rendered in en: maximum recursion"),
    ("note.txt", "{% extends 'layout.txt' %}", "layout.txt: there is no such template"),
    ("note.subject", " \n", "empty text"),
    ("locale/de.po", 'msgid "', "locale/de.po:1:"),
    ("locale/de.po", catalogue("nplurals=x"), "locale/de.po: "),
    ("locale/deutsch.po", catalogue(), "locale/deutsch.po: "),
]


@pytest.mark.parametrize(("name", "source", "says"), FAULTS)
def test_a_faulty_file_shows_when_it_is_loaded(name: str, source: str, says: str) -> None:
    with pytest.raises(TemplatesError) as caught:
        Templates(GOOD | {name: source}, SAMPLES)
    assert says in str(caught.value)


def test_all_faults_are_told_at_once_and_each_once() -> None:
    with pytest.raises(TemplatesError) as caught:
        Templates({"note.txt": "{{", "locale/de.po": catalogue(), "locale/fr.po": 'msgid "'}, SAMPLES)
    assert [fault.template for fault in caught.value.faults] == [
        "locale/fr.po",
        "note.subject",
        "note.txt",
        "note.html",
    ]


# ---- an installation's own -----------------------------------------------------------------------------------------


def test_an_own_file_stands_before_the_built_in_one_of_its_name() -> None:
    rendered = Templates(GOOD, SAMPLES, {"note.txt": "Ours: {{ key }}"}).render("note", "en", VALUES)
    assert rendered == Rendered("[SUP-2] Note", "Ours: SUP-2", "<p>SUP-2</p>", "en")


def test_own_catalogues_add_languages_and_change_messages() -> None:
    built_in = {**GOOD, "note.txt": "{{ _('One') }} {{ _('Two') }}", "locale/de.po": catalogue(One="Eins", Two="Zwei")}
    own = {"locale/de.po": catalogue(Two="Zwo"), "locale/nl.po": catalogue(One="Een")}
    templates = Templates(built_in, SAMPLES, own)
    assert templates.render("note", "de", VALUES).text == "Eins Zwo"
    assert templates.render("note", "nl", VALUES).text == "Een Two"


@pytest.mark.parametrize(("name", "source", "says"), [each for each in FAULTS if not each[0].startswith("locale/")])
def test_a_faulty_own_file_is_told_and_the_built_in_ones_are_used(name: str, source: str, says: str) -> None:
    templates = Templates(GOOD, SAMPLES, {name: source, "note.subject": source if "subject" in name else "Ours"})
    assert [says in str(fault) for fault in templates.faults] == [True]
    rendered = templates.render("note", "en", VALUES)
    assert (rendered.subject, rendered.text, rendered.html) == ("[SUP-2] Note", "About SUP-2", "<p>SUP-2</p>")
    assert rendered.fault == templates.faults[0]


def test_a_translation_at_fault_costs_its_own_language_only() -> None:
    built_in = {**GOOD, "note.txt": "{{ _('About %(key)s', key=key) }}"}
    built_in["locale/de.po"] = catalogue(**{"About %(key)s": "Zu %(key)s"})
    own = {"locale/de.po": catalogue(**{"About %(key)s": "Betrifft %(kye)s"}), "note.subject": "Ours"}
    templates = Templates(built_in, SAMPLES, own)
    german, english = (templates.render("note", language, VALUES) for language in ("de", "en"))
    assert (german.subject, german.text) == ("[SUP-2] Note", "Zu SUP-2")
    assert "cannot be rendered in de" in str(german.fault)
    assert (english.subject, english.text, english.fault) == ("Ours", "About SUP-2", None)


def test_an_own_catalogue_that_cannot_be_read_leaves_the_built_in_one() -> None:
    built_in = {**GOOD, "note.txt": "{{ _('One') }}", "locale/de.po": catalogue(One="Eins")}
    templates = Templates(built_in, SAMPLES, {"locale/de.po": "msgid nonsense", "note.subject": "Ours"})
    assert [fault.template for fault in templates.faults] == ["locale/de.po"]
    assert templates.render("note", "de", VALUES) == Rendered("Ours", "Eins", "<p>SUP-2</p>", "de")


def test_what_goes_wrong_with_these_values_only_costs_no_mail_either() -> None:
    own = {"note.txt": "{{ 1 / (key|length - 5) }}"}
    templates = Templates(GOOD, {"note": {"key": "SUP-12"}}, own)
    assert not templates.faults
    assert templates.render("note", "en", {"key": "SUP-12"}).fault is None
    rendered = templates.render("note", "en", {"key": "SUP-1"})
    assert rendered.text == "About SUP-1"
    assert "division by zero" in str(rendered.fault)
