"""`make bench`: what one machine does with smtpintake, beside bare aiosmtpd in the same run.

Machines differ and are never idle: two servers are driven in turns by the same client, and ratios of medians are what
to believe. Nothing here fails for being slow.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from bench import authentication, content, growth, judging, load, lookups, mails, outgoing, servers
from bench.load import Run
from bench.servers import Server

# (mail, sessions, mails a run); at 20 sessions the issue's goals: this many times bare aiosmtpd.
_CELLS: Final = (
    ("5 KB", 1, 1_000),
    ("5 KB", 20, 3_000),
    ("5 KB", 100, 3_000),
    ("200 KB", 1, 100),
    ("200 KB", 20, 400),
    ("200 KB", 100, 400),
    ("5 MB", 1, 10),
    ("5 MB", 20, 60),
)
_GOALS: Final = {("5 KB", 20): 0.45, ("200 KB", 20): 0.7, ("5 MB", 20): 2.0}
_SYNC_GOAL: Final = 4.0
_GROWTH_GOAL: Final = 1.3
_SYNC_MS: Final = 8
_GROWTH: Final = (0, 10_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of one server's runs; `cpu_ms` is processor time a mail, of all of the server's processes."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    peak_mb: float
    peak_tree_mb: float

    def row(self) -> str:
        return (
            f"{self.rate:9.1f}/s  p50 {self.p50_ms:8.1f} ms  p99 {self.p99_ms:8.1f} ms  cpu {self.cpu_ms:7.2f} ms"
            f"  peak {self.peak_mb:5.0f} MB, all processes {self.peak_tree_mb:5.0f} MB"
        )


def alternate(rivals: list[Server], runs: int, drive: Callable[[Server], Run]) -> list[Figures]:
    """Each rival once to warm up, then all in turns, `runs` times."""
    for rival in rivals:
        drive(rival)
    done: list[list[Run]] = [[] for _ in rivals]
    cpu = [-rival.cpu_seconds() for rival in rivals]
    for _ in range(runs):
        for mine, rival in zip(done, rivals, strict=True):
            mine.append(drive(rival))
    return [
        Figures(
            rate=median(run.rate for run in mine),
            p50_ms=median(run.p50_ms for run in mine),
            p99_ms=median(run.p99_ms for run in mine),
            cpu_ms=(before + rival.cpu_seconds()) / sum(run.sent for run in mine) * 1e3,
            peak_mb=rival.peak / 1e6,
            peak_tree_mb=rival.peak_tree / 1e6,
        )
        for mine, rival, before in zip(done, rivals, cpu, strict=True)
    ]


def throughput(options: argparse.Namespace, paths: dict[str, Path]) -> list[dict[str, object]]:
    print("\n# Against bare aiosmtpd, which only answers 250\n")
    found: list[dict[str, object]] = []
    for size, sessions, full in _CELLS:
        if options.sizes and size not in options.sizes:
            continue
        count = max(sessions, full // options.divisor)
        folder = servers.fresh(options.folder / "throughput")
        with servers.bare() as bare, servers.smtpintake(folder, answers=options.answers) as ours:
            figures = alternate(
                [bare, ours],
                options.runs,
                lambda server: load.drive(server.port, sessions, count, paths[size]),  # noqa: B023
            )
        ratio = figures[1].rate / figures[0].rate
        print(f"{size}, {sessions} sessions")
        print(f"  aiosmtpd   {figures[0].row()}")
        print(f"  smtpintake {figures[1].row()}")
        print(f"  ratio      {ratio:.2f}{_verdict(ratio, _GOALS.get((size, sessions)))}", flush=True)
        found.append({"size": size, "sessions": sessions, "ratio": ratio, **_named(("bare", "smtpintake"), figures)})
    return found


def slow_sync(options: argparse.Namespace, paths: dict[str, Path]) -> dict[str, object]:
    print(f"\n# One fsync takes {_SYNC_MS} ms longer: many mails a commit against one, 5 KB, 100 sessions\n")
    count = max(100, 600 // options.divisor)
    with (
        servers.smtpintake(
            servers.fresh(options.folder / "one"), {"SMTPINTAKE_SMTP__BATCH": "1"}, slow_sync_ms=_SYNC_MS
        ) as one,
        servers.smtpintake(servers.fresh(options.folder / "group"), slow_sync_ms=_SYNC_MS) as group,
    ):
        figures = alternate(
            [one, group], options.runs, lambda server: load.drive(server.port, 100, count, paths["5 KB"])
        )
    ratio = figures[1].rate / figures[0].rate
    print(f"  one a commit  {figures[0].row()}")
    print(f"  group commit  {figures[1].row()}")
    print(f"  ratio         {ratio:.2f}{_verdict(ratio, _SYNC_GOAL)}", flush=True)
    return {"ratio": ratio, **_named(("one", "group"), figures)}


def grown(options: argparse.Namespace, paths: dict[str, Path]) -> dict[str, object]:
    print("\n# How the cost of a mail grows with the database, 5 KB, 20 sessions\n")
    amounts = [amount for amount in _GROWTH if amount <= options.issues]
    with ExitStack() as stack:
        rivals = []
        for amount in amounts:
            folder = servers.fresh(options.folder / f"issues-{amount}")
            stack.callback(servers.fresh, folder)
            servers.prepare(folder)
            if amount:
                growth.fill(servers.database_file(folder), amount)
            rivals.append(stack.enter_context(servers.smtpintake(folder)))
        count = max(100, 2_000 // options.divisor)
        figures = alternate(rivals, options.runs, lambda server: load.drive(server.port, 20, count, paths["5 KB"]))
    for amount, mine in zip(amounts, figures, strict=True):
        print(f"  {amount:>9,} issues  {mine.row()}")
    cost = figures[0].rate / figures[-1].rate
    verdict = "" if options.issues < _GROWTH[-1] else f"  (goal: at most {_GROWTH_GOAL})"
    print(f"  cost of a mail, largest against empty: {cost:.2f} x{verdict}", flush=True)
    return {"cost": cost, **_named(tuple(map(str, amounts)), figures)}


def authenticated(options: argparse.Namespace, _paths: dict[str, Path]) -> dict[str, object]:
    return authentication.run(options.runs)


def looked_up(options: argparse.Namespace, _paths: dict[str, Path]) -> dict[str, object]:
    return lookups.run(options.runs, options.folder / "lookups")


def read(options: argparse.Namespace, _paths: dict[str, Path]) -> dict[str, object]:
    return content.run(options.runs)


def judged(options: argparse.Namespace, _paths: dict[str, Path]) -> dict[str, object]:
    return judging.run(options.runs, options.folder / "judging")


def sent(options: argparse.Namespace, _paths: dict[str, Path]) -> dict[str, object]:
    return outgoing.run(options.runs, 10_000 // options.divisor, options.folder / "outgoing")


def _verdict(ratio: float, goal: float | None) -> str:
    return "" if goal is None else f"  (goal {goal}: {'reached' if ratio >= goal else 'MISSED'})"


def _named(names: tuple[str, ...], figures: list[Figures]) -> dict[str, object]:
    return {
        name: {field: round(getattr(mine, field), 3) for field in Figures.__slots__}
        for name, mine in zip(names, figures, strict=True)
    }


_PARTS: Final = {
    "throughput": throughput,
    "fsync": slow_sync,
    "growth": grown,
    "authentication": authenticated,
    "lookups": looked_up,
    "judging": judged,
    "content": read,
    "outbox": sent,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=tuple(_PARTS), help="one part")
    parser.add_argument("--sizes", nargs="+", choices=tuple(mails.SIZES), help="of the throughput part")
    parser.add_argument("--answers", action="store_true", help="with an auto-reply to each mail, in throughput")
    parser.add_argument("--runs", type=int, default=5, help="runs of each server, in turns (5)")
    parser.add_argument("--quick", action="store_true", help="3 runs of a quarter of the mails, 10,000 issues at most")
    parser.add_argument("--issues", type=int, default=_GROWTH[-1], help="the largest database of the growth part")
    parser.add_argument("--folder", type=Path, default=load.BUILD / "data", help="where the databases go: a real disk")
    options = parser.parse_args()
    options.divisor = 4 if options.quick else 1
    if options.quick:
        options.runs, options.issues = 3, min(options.issues, 10_000)
    return options


def main() -> int:
    options = _options()
    load.build()
    paths = mails.write(load.BUILD)
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, {options.runs} runs")
    found = {name: part(options, paths) for name, part in _PARTS.items() if options.only in (None, name)}
    results = load.HERE / "results" / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(found, indent=2) + "\n")
    servers.fresh(options.folder)
    print(f"\n{results.relative_to(load.HERE.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
