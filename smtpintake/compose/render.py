"""`Templates`: the words of our own mail, from jinja2 templates.

Contract: a template is named `LANGUAGE/KIND.subject`, `.txt` or `.html`; `en` has every kind. All are compiled and
tried with sample values once, when they are loaded: whatever is wrong with them shows then, all at once, and not when a
mail arrives. HTML is escaped, whatever a value holds; templates run in a sandbox and cannot reach into the program.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from jinja2 import DictLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

FALLBACK_LANGUAGE: Final = "en"

_FORMS: Final = ("subject", "txt", "html")

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The texts of one mail. `subject` may still hold line ends: the header writer takes them out."""

    subject: str
    text: str
    html: str
    language: str


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """One thing wrong with a template: its name, the line where known or 0, and what."""

    template: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.template}:{self.line}: {self.what}" if self.line else f"{self.template}: {self.what}"


class TemplatesError(ValueError):
    """Templates are wrong; `faults` lists everything that is."""

    def __init__(self, faults: tuple[TemplateFault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


class Templates:
    """The templates of every kind and language. `samples` maps each kind to values as `render` will be given.

    Raises TemplatesError.
    """

    def __init__(self, sources: Mapping[str, str], samples: Mapping[str, Values]) -> None:
        self._environment: Final = SandboxedEnvironment(
            loader=DictLoader(sources),
            autoescape=_escapes,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._compiled: Final[dict[str, Template]] = {}
        if faults := tuple(self._faults(sources, samples)):
            raise TemplatesError(faults)

    def render(self, kind: str, language: str, values: Values) -> Rendered:
        """The texts of a mail of this kind, in `language` where there is one, or in its base (`pt` for `pt-BR`)."""
        chosen = next(
            tried
            for tried in (language, language.partition("-")[0], FALLBACK_LANGUAGE)
            if f"{tried}/{kind}.subject" in self._compiled
        )
        # `Template.render` copies the environment's globals into a context for each template: once is enough.
        variables = {**self._environment.globals, **values}
        subject, text, html = (
            "".join(template.root_render_func(template.new_context(variables, shared=True)))
            for template in (self._compiled[f"{chosen}/{kind}.{form}"] for form in _FORMS)
        )
        return Rendered(subject, text, html, chosen)

    def _faults(self, sources: Mapping[str, str], samples: Mapping[str, Values]) -> Iterator[TemplateFault]:
        languages = {FALLBACK_LANGUAGE, *(name.partition("/")[0] for name in sources if "/" in name)}
        for kind, values in samples.items():
            for language in sorted(languages):
                names = [f"{language}/{kind}.{form}" for form in _FORMS]
                if language != FALLBACK_LANGUAGE and not any(name in sources for name in names):
                    continue
                for name in names:
                    yield from self._try(name, sources, values)

    def _try(self, name: str, sources: Mapping[str, str], values: Values) -> Iterator[TemplateFault]:
        """Compile the template and render it with `values`."""
        if name not in sources:
            yield TemplateFault(name, 0, "there is no such template")
            return
        try:
            template = self._environment.get_template(name)
            if not template.render(values).strip():
                yield TemplateFault(name, 0, "the template gives an empty text")
            self._compiled[name] = template
        except TemplateSyntaxError as error:
            yield TemplateFault(error.name or name, error.lineno, error.message or "syntax error")
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            yield TemplateFault(name, 0, f"cannot be rendered: {error}")


def _escapes(name: str | None) -> bool:
    return name is not None and name.endswith(".html")
