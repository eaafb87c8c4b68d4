"""What the templates say, for `make catalogues`: every message into every `.po`, for translators to fill.

Contract: translations that are still said stay, others go, new ones stand there empty; a header stays as it is.
"""

from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from smtpintake.compose.kinds import SEPARATOR
from smtpintake.resources import resource

_CALLS: Final = ("_", "ngettext")


def catalogues() -> list[Path]:
    return sorted(resource("templates").glob("locale/*.po"))


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, path.stem.replace("-", "_"), abort_invalid=True)


def messages() -> Catalog:
    """Every message, with the names of the files that it is in."""
    found = Catalog()
    found.add(SEPARATOR, locations=[("compose/kinds.py", 0)])
    for path in sorted(resource("templates").glob("*.*")):
        for _, _, message, _ in babel_extract(BytesIO(path.read_bytes()), _CALLS, (), {}):
            ids = [each for each in message if each] if isinstance(message, tuple) else [message]
            found.add(ids[0] if len(ids) == 1 else (ids[0], ids[1]), locations=[(path.name, 0)])
    return found


def main() -> None:
    for path in catalogues():
        catalogue = read(path)
        catalogue.update(messages(), no_fuzzy_matching=True)
        body = BytesIO()
        write_po(body, catalogue, width=118, omit_header=True, ignore_obsolete=True, include_lineno=False)
        header = path.read_text("utf-8").partition("\n\n")[0]
        path.write_text(f"{header}\n\n{body.getvalue().decode().strip()}\n", "utf-8")


if __name__ == "__main__":
    main()
