"""Translations of what the templates say: gettext catalogues, read with Babel from the text of `.po` files.

Contract: pure. The templates are in English, which therefore has no catalogue; a message that a catalogue lacks, or has
only as `fuzzy`, is said in English. What cannot be read raises CatalogueError with the line.
"""

from gettext import GNUTranslations, NullTranslations
from io import BytesIO, StringIO
from typing import Final

from babel.core import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

ENGLISH: Final = NullTranslations()


class CatalogueError(ValueError):
    """A catalogue cannot be read: `line` counts from 1, 0 where it is not known."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def read_catalogue(language: str, text: str) -> NullTranslations:
    """The translations in `text`; `language` is a tag such as `pt` or `pt-BR`."""
    compiled = BytesIO()
    try:
        locale = Locale.parse(language, sep="-")
        write_mo(compiled, read_po(StringIO(text), locale, abort_invalid=True))
    except PoFileError as error:
        raise CatalogueError(error.lineno + 1, str(error)) from error
    except (UnknownLocaleError, LookupError, SyntaxError, ValueError) as error:
        raise CatalogueError(0, str(error)) from error
    compiled.seek(0)
    return GNUTranslations(compiled)
