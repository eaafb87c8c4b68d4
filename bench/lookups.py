"""What a cold cache costs: mails of domains that nobody asked about before, beside mails of domains that are known.

The whole server asks a name server whose answers take 20 ms. Mails from 100 domains come over 20 sessions: a round from
domains that are in the cache, a round from 100 new ones, in turns. Then one mail at a time, to see for how long it
waits. Every mail is signed, and the log must say that all of them passed SPF, DKIM and DMARC.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench import letters, load, mails, nameserver, servers
from bench.nameserver import Nameserver
from bench.servers import Server

_SIZE: Final = 5_000
_DELAY_MS: Final = 20
_DOMAINS: Final = 100
_SESSIONS: Final = 20
_ALONE: Final = 20  # mails, one after the other
_LOSS_GOAL: Final = 20.0  # per cent
_TRIPS_GOAL: Final = 3.0
_PASSED: Final = """
    SELECT count(*) FROM maillog WHERE spf = 'pass' AND json_extract(dmarc, '$.result') = 'pass'
    AND json_extract(dkim, '$[0].result') = 'pass' AND outcome = 'created'
"""


@dataclass(slots=True)
class _Figures:
    """Of one kind of mail: a rate and a latency for each round; processor time in total."""

    rates: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    sent: int = 0
    cpu: float = 0.0
    names_cpu: float = 0.0

    @property
    def rate(self) -> float:
        return median(self.rates)

    def row(self) -> str:
        return (
            f"{self.rate:9.1f}/s  p50 {median(self.p50_ms):8.1f} ms  cpu {self.cpu / self.sent * 1e3:7.2f} ms"
            f"  (and {self.names_cpu / self.sent * 1e3:.2f} ms of the name server)"
        )


@dataclass(slots=True)
class _Scene:
    server: Server
    names: Nameserver
    unsigned: bytes = field(default_factory=lambda: mails.unsigned(_SIZE))
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    sent: int = 0

    def send(self, domains: list[str], sessions: int, figures: _Figures) -> None:
        """One mail from each of `domains`, counted in `figures`."""
        batch = [letters.letter(self.unsigned, domain, next(self.numbers)) for domain in domains]
        cpu, names_cpu = self.server.cpu_seconds(), self.names.cpu_seconds()
        run = load.drive_batch(self.server.port, sessions, batch)
        figures.cpu += self.server.cpu_seconds() - cpu
        figures.names_cpu += self.names.cpu_seconds() - names_cpu
        figures.rates.append(run.rate)
        figures.p50_ms.append(run.p50_ms)
        figures.sent += run.sent
        self.sent += run.sent


def run(runs: int, folder: Path) -> dict[str, object]:
    """Print and give the rates, the loss, and the round trips that one mail waits for."""
    print(f"\n# Lookups: mails of {_DOMAINS} domains, known or new; a round trip to DNS takes {_DELAY_MS} ms\n")
    rounds = 2 * runs  # for they are short
    domains = [letters.domain(number) for number in range((rounds + 2) * _DOMAINS + _ALONE)]
    zone = {name: text for domain in domains for name, text in letters.published(domain).items()}
    known, new = domains[:_DOMAINS], iter(domains[_DOMAINS:])
    warm, cold, warm_alone, cold_alone = _Figures(), _Figures(), _Figures(), _Figures()
    with (
        nameserver.running(zone, _DELAY_MS) as names,
        servers.smtpintake(servers.fresh(folder), _environment(names)) as server,
    ):
        scene = _Scene(server, names)
        for warm_up in (known, known, list(itertools.islice(new, _DOMAINS))):
            scene.send(warm_up, _SESSIONS, _Figures())
        for _ in range(rounds):
            scene.send(known, _SESSIONS, warm)
            scene.send(list(itertools.islice(new, _DOMAINS)), _SESSIONS, cold)
        scene.send(known[:_ALONE], 1, warm_alone)
        scene.send(list(itertools.islice(new, _ALONE)), 1, cold_alone)
    _assert_passed(folder, scene.sent)
    loss = (1 - cold.rate / warm.rate) * 100
    trips = (cold_alone.p50_ms[0] - warm_alone.p50_ms[0]) / _DELAY_MS
    print(f"  known domains  {warm.row()}")
    print(f"  new domains    {cold.row()}")
    print(f"  loss           {loss:.1f} %{_verdict(loss, _LOSS_GOAL, '%')}")
    print(f"  one mail alone: known {warm_alone.p50_ms[0]:.1f} ms, new {cold_alone.p50_ms[0]:.1f} ms")
    print(f"  it waits for   {trips:.2f} round trips{_verdict(trips, _TRIPS_GOAL)}", flush=True)
    return {
        "known": warm.rates,
        "new": cold.rates,
        "loss": round(loss, 2),
        "cpu_ms": {"known": warm.cpu / warm.sent * 1e3, "new": cold.cpu / cold.sent * 1e3},
        "alone_ms": {"known": warm_alone.p50_ms[0], "new": cold_alone.p50_ms[0]},
        "round_trips": round(trips, 3),
    }


def _environment(names: Nameserver) -> dict[str, str]:
    return {"SMTPINTAKE_AUTHENTICATION__VERIFY": "true", "SMTPINTAKE_DNS__NAMESERVERS": names.address}


def _assert_passed(folder: Path, sent: int) -> None:
    database = sqlite3.connect(servers.database_file(folder))
    (passed,) = database.execute(_PASSED).fetchone()
    database.close()
    if passed != sent:
        raise RuntimeError(f"of {sent} mails {passed} passed SPF, DKIM and DMARC")


def _verdict(value: float, goal: float, unit: str = "") -> str:
    return f"  (goal: at most {goal:g}{unit and ' ' + unit}: {'reached' if value <= goal else 'MISSED'})"
