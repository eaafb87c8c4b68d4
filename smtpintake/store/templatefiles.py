"""Templates and catalogues as files: by their names in a folder, `autoreply.txt` and `locale/de.po`.

Contract: reads only, and never raises: what cannot be read is a fault, and not there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smtpintake.compose.render import TemplateFault

_SUFFIXES: Final = frozenset((".subject", ".txt", ".html", ".jinja", ".po"))


@dataclass(frozen=True, slots=True)
class TemplateFiles:
    """Texts by name, and what kept others from being read."""

    sources: dict[str, str]
    faults: tuple[TemplateFault, ...] = ()


def read_templates(folder: Path) -> TemplateFiles:
    """What `folder` has; of files of other kinds, which editors leave behind, nothing is said."""
    try:
        next(folder.iterdir(), None)  # rglob passes over what it may not read, and says nothing
    except (FileNotFoundError, NotADirectoryError):
        return TemplateFiles({}, (TemplateFault(str(folder), 0, "there is no such folder"),))
    except OSError as error:
        return TemplateFiles({}, (TemplateFault(str(folder), 0, f"cannot be read: {error.strerror}"),))
    read = dict(_read(folder))
    return TemplateFiles(
        {name: text for name, text in read.items() if isinstance(text, str)},
        tuple(fault for fault in read.values() if isinstance(fault, TemplateFault)),
    )


def _read(folder: Path) -> Iterator[tuple[str, str | TemplateFault]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        try:
            yield name, path.read_text("utf-8")
        except UnicodeDecodeError as error:
            yield name, TemplateFault(name, 0, f"is not UTF-8: {error.reason} at octet {error.start}")
        except OSError as error:
            yield name, TemplateFault(name, 0, f"cannot be read: {error.strerror}")
