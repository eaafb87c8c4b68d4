"""`Templates`: the words of our own mail, from jinja2 templates and gettext catalogues.

Contract: a kind of mail has the templates `KIND.subject`, `KIND.txt` and `KIND.html`, in English; `locale/LANGUAGE.po`
says in another language what they mark for translation. An installation may replace any of these files by its own, and
add languages. All are compiled, and each kind tried in each language with sample values, once, when they are loaded:
what is wrong shows then, all at once. A mail is never lost by it: where an own file is at fault, now or then, the mail
is written with the built-in ones, and says so.

HTML is escaped, whatever a value holds; templates run in a sandbox and cannot reach into the program.
"""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from gettext import NullTranslations
from textwrap import fill
from types import MappingProxyType
from typing import Final

from babel.core import Locale
from babel.dates import format_date, format_time
from jinja2 import DictLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from smtpintake.compose.catalogue import ENGLISH, CatalogueError, read_catalogue
from smtpintake.compose.kinds import SEPARATOR, Values

FALLBACK_LANGUAGE: Final = "en"

_LINE: Final = 72
_FORMS: Final = ("subject", "txt", "html")
# Whatever a template can do wrong inside its sandbox.
_MISHAPS: Final = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """One thing wrong with a template or catalogue: its name, the line where known or 0, and what."""

    template: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.template}:{self.line}: {self.what}" if self.line else f"{self.template}: {self.what}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The texts of one mail. `subject` may still hold line ends: the header writer takes them out. `fault` is why the
    installation's own templates were not used, where they should have been.
    """

    subject: str
    text: str
    html: str
    language: str
    fault: TemplateFault | None = None


class TemplatesError(ValueError):
    """Built-in templates are wrong; `faults` lists everything that is."""

    def __init__(self, faults: Iterable[TemplateFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


class Templates:
    """The files `built_in`, and an installation's `own` before them, both by name. `samples` maps each kind to values
    as `render` will be given. Raises TemplatesError for built-in ones. `faults` is what is wrong with own ones,
    beginning with those that are `unread`.
    """

    def __init__(
        self,
        built_in: Mapping[str, str],
        samples: Mapping[str, Values],
        own: Mapping[str, str] = MappingProxyType({}),
        unread: Iterable[TemplateFault] = (),
    ) -> None:
        self._built_in: Final = _Edition((built_in,), samples)
        if self._built_in.faults:
            raise TemplatesError(self._built_in.faults)
        self._chosen: Final = _Edition((own, built_in), samples) if own else self._built_in
        self.faults: Final = (*unread, *self._chosen.faults)

    def render(self, kind: str, language: str, values: Values) -> Rendered:
        """The texts of a mail of this kind, in `language` where there is one, or in its base (`pt` for `pt-BR`)."""
        try:
            return self._chosen.render(kind, language, values)
        except _FaultyTemplateError as error:
            return replace(self._built_in.render(kind, language, values), fault=error.fault)

    def separator(self, language: str, known: tuple[str, ...]) -> str:
        """The line above which people answer: in their language, where it is one of those that are `known` to stand
        there; else the first of these.
        """
        ours = self._chosen.catalogues[self._chosen.nearest(language)].gettext(SEPARATOR)
        return ours if ours in known else next(iter(known), "")


class _FaultyTemplateError(Exception):
    def __init__(self, fault: TemplateFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class _Edition:
    """Templates and catalogues that are used together: of several files of one name the first layer's."""

    def __init__(self, layers: Sequence[Mapping[str, str]], samples: Mapping[str, Values]) -> None:
        self.catalogues: Final[dict[str, NullTranslations]] = {FALLBACK_LANGUAGE: ENGLISH}
        self._environment: Final = _environment(ChainMap(*map(dict, layers)))
        self._faulty: Final[dict[tuple[str, str], TemplateFault]] = {}
        self.faults: Final = tuple(dict.fromkeys((*self._read_catalogues(layers), *self._try(samples))))

    def nearest(self, language: str) -> str:
        """The language nearest to `language` that there is a catalogue of."""
        tried = (language, language.partition("-")[0], FALLBACK_LANGUAGE)
        return next(each for each in tried if each in self.catalogues)

    def render(self, kind: str, language: str, values: Values) -> Rendered:
        """Raises _FaultyTemplateError."""
        language = self.nearest(language)
        if fault := self._faulty.get((kind, language)):
            raise _FaultyTemplateError(fault)
        variables = self._variables(values, language)
        subject, text, html = (self._form(f"{kind}.{form}", variables) for form in _FORMS)
        return Rendered(subject, text, html, language)

    def _variables(self, values: Values, language: str) -> dict[str, object]:
        """`Template.render` copies the environment's globals into a context for each template: once is enough."""
        own = {"language": language, "catalogue": self.catalogues[language]}
        return {**self._environment.globals, **values, **own}

    def _form(self, name: str, variables: dict[str, object]) -> str:
        try:
            template = self._environment.get_template(name)
            text = "".join(template.root_render_func(template.new_context(variables, shared=True)))
        except TemplateNotFound as error:
            raise _FaultyTemplateError(TemplateFault(str(error), 0, "there is no such template")) from error
        except TemplateSyntaxError as error:
            fault = TemplateFault(error.name or name, error.lineno, error.message or "syntax error")
            raise _FaultyTemplateError(fault) from error
        except _MISHAPS as error:
            what = f"cannot be rendered in {variables['language']}: {str(error) or type(error).__name__}"
            raise _FaultyTemplateError(TemplateFault(name, 0, what)) from error
        if not text.strip():
            raise _FaultyTemplateError(TemplateFault(name, 0, "gives an empty text"))
        return text

    def _try(self, samples: Mapping[str, Values]) -> Iterator[TemplateFault]:
        """Render each form of each kind in each language."""
        for kind, values in samples.items():
            for language in self.catalogues:
                variables = self._variables(values, language)
                for form in _FORMS:
                    try:
                        self._form(f"{kind}.{form}", variables)
                    except _FaultyTemplateError as error:
                        self._faulty[kind, language] = error.fault
                        yield error.fault

    def _read_catalogues(self, layers: Sequence[Mapping[str, str]]) -> Iterator[TemplateFault]:
        """Where several layers have a language, the messages of the first come before those of the others."""
        for name, source in (item for layer in reversed(layers) for item in sorted(layer.items())):
            language = name.removeprefix("locale/").removesuffix(".po")
            if name != f"locale/{language}.po":
                continue
            try:
                catalogue = read_catalogue(language, source)
            except CatalogueError as error:
                yield TemplateFault(name, error.line, str(error))
            else:
                catalogue.add_fallback(self.catalogues.get(language, ENGLISH))
                self.catalogues[language] = catalogue


def _environment(sources: Mapping[str, str]) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=DictLoader(sources),
        autoescape=_escapes,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=("jinja2.ext.i18n",),
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["_"] = environment.globals["gettext"]  # what the extension puts there only calls it
    environment.filters.update(moment=_moment, wrapped=_wrapped)
    return environment


def _escapes(name: str | None) -> bool:
    return name is not None and name.endswith(".html")


# ---- what templates call -------------------------------------------------------------------------------------------


@pass_context
def _gettext(context: Context, message: str) -> str:
    return _catalogue(context).gettext(message)


@pass_context
def _ngettext(context: Context, singular: str, plural: str, number: int) -> str:
    return _catalogue(context).ngettext(singular, plural, number)


def _catalogue(context: Context) -> NullTranslations:
    catalogue = context["catalogue"]
    assert isinstance(catalogue, NullTranslations)
    return catalogue


@lru_cache(maxsize=256)  # nearly all are the same from mail to mail
def _wrapped(text: str) -> str:
    """A paragraph in lines; a word that is longer than one stays whole, as a URL must."""
    return text if len(text) <= _LINE else fill(text, _LINE, break_long_words=False, break_on_hyphens=False)


@pass_context
def _moment(context: Context, moment: datetime) -> str:
    """As people write a day and a time of it, in the reader's language; with its zone."""
    locale = Locale.parse(context["language"], sep="-")
    zone = moment.tzname() or ""
    return f"{format_date(moment, 'long', locale)}, {format_time(moment, 'short', locale=locale)} {zone}".rstrip()
