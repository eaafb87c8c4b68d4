"""What commands print: JSON for programs, tables and records for people.

Contract: text that came by mail is untrusted; on a terminal it is shown without control and direction characters, which
could rewrite the screen. JSON escapes by itself and loses nothing.
"""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from unicodedata import combining, east_asian_width

import click

MIN_WIDTH: Final = 80
PIPED_WIDTH: Final = 1_000_000  # in a pipe nothing is cut, so that grep finds it
_GAP: Final = "  "
_LEAST: Final = 8  # a column is not cut below this


def print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, nothing: str, keep: int = 0) -> None:
    """One line a row. Where a terminal is too narrow, the widest columns are cut, but never the first `keep`."""
    if not rows:
        click.echo(nothing, err=True)
        return
    cells = [[one_line(cell) for cell in row] for row in rows]
    natural = [max(_width(row[i]) for row in [list(headings), *cells]) for i in range(len(headings))]
    widths = _fitted(natural, _terminal_width() - len(_GAP) * (len(headings) - 1), keep)
    for row in [[heading.upper() for heading in headings], *cells]:
        click.echo(_GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_record(pairs: Sequence[tuple[str, object]]) -> None:
    """`name: value` lines, aligned; what is empty is left out."""
    shown = [(name, one_line(value)) for name, value in pairs if value not in (None, "", [], {})]
    width = max((len(name) for name, _ in shown), default=0) + 1
    for name, value in shown:
        click.echo(f"{name + ':':<{width}} {value}")


def print_text(text: str, indent: str = "") -> None:
    """A text of several lines."""
    for line in text.splitlines():
        click.echo(f"{indent}{one_line(line)}".rstrip())


def one_line(value: object) -> str:
    """`value` as people read it, in one line that cannot do anything to a terminal."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(one_line, value))
        case dict():
            return ", ".join(f"{key}={one_line(of_key)}" for key, of_key in value.items())
        case _:
            return "".join(
                c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in str(value)
            )


def short_moment(written: str | None) -> str:
    """A view's moment to the second: `2026-03-01 12:00:00`, in UTC."""
    return f"{datetime.fromisoformat(written).astimezone(UTC):%Y-%m-%d %H:%M:%S}" if written else ""


def _terminal_width() -> int:
    return max(MIN_WIDTH, shutil.get_terminal_size((PIPED_WIDTH, 24)).columns)


def _fitted(widths: Sequence[int], room: int, keep: int) -> list[int]:
    """`widths`, the widest after the first `keep` cut until all fit into `room` or none can be cut any more."""
    kept, cut = list(widths[:keep]), list(widths[keep:])
    while sum(kept) + sum(cut) > room and max(cut, default=0) > _LEAST:
        cut[cut.index(max(cut))] -= 1
    return kept + cut


def _padded(text: str, width: int) -> str:
    if _width(text) > width:
        while text and _width(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining marks none."""
    return len(text) if text.isascii() else sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if combining(character):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
