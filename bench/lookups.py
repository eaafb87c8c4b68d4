"""What a cold cache costs: mails of domains that nobody asked about before, beside mails of domains that are known.

The whole server asks a name server whose answers take 20 ms. Mails from 100 domains come over 20 sessions, in turns: a
round from domains that are in the cache, one from new domains that send through a provider which is known, and one from
new domains of which nothing is known (see `letters`). Then one mail at a time, to see for how long it waits. Every mail
is signed, and the log must say that all of them passed SPF, DKIM and DMARC.
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
_PROVIDER: Final = "provider.example"
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
    """Print and give the rates, the losses, and the round trips that one mail waits for."""
    print(f"\n# Lookups: mails of {_DOMAINS} domains, known or new; a round trip to DNS takes {_DELAY_MS} ms\n")
    rounds = 2 * runs  # for they are short
    domains = [letters.domain(number) for number in range((2 * rounds + 4) * _DOMAINS)]
    known, clients, others = domains[:_DOMAINS], iter(domains[_DOMAINS::2]), iter(domains[_DOMAINS + 1 :: 2])
    zone: dict[str, str] = {}
    for number, domain in enumerate(domains):
        zone |= letters.published(domain, "" if number >= _DOMAINS and (number - _DOMAINS) % 2 else _PROVIDER)
    kinds = {name: _Figures() for name in ("known", "of a provider", "all their own")}
    warm, provided, own = kinds.values()
    warm_alone, own_alone = _Figures(), _Figures()
    with (
        nameserver.running(zone, _DELAY_MS) as names,
        servers.smtpintake(servers.fresh(folder), _environment(names)) as server,
    ):
        scene = _Scene(server, names)
        for warm_up in (known, known, list(itertools.islice(others, _DOMAINS))):
            scene.send(warm_up, _SESSIONS, _Figures())
        for _ in range(rounds):
            scene.send(known, _SESSIONS, warm)
            scene.send(list(itertools.islice(clients, _DOMAINS)), _SESSIONS, provided)
            scene.send(list(itertools.islice(others, _DOMAINS)), _SESSIONS, own)
        scene.send(known[:_ALONE], 1, warm_alone)
        scene.send(list(itertools.islice(others, _ALONE)), 1, own_alone)
    _assert_passed(folder, scene.sent)
    losses = {name: _loss(figures, warm) for name, figures in kinds.items()}
    for name, figures in kinds.items():
        lost = f"  loss {losses[name]:.1f} %{_verdict(losses[name], _LOSS_GOAL, '%')}"
        print(f"  {name:14} {figures.row()}{'' if figures is warm else lost}")
    trips = (own_alone.p50_ms[0] - warm_alone.p50_ms[0]) / _DELAY_MS
    print(f"  one mail alone: known {warm_alone.p50_ms[0]:.1f} ms, all its own {own_alone.p50_ms[0]:.1f} ms", end="")
    print(f"  round trips {trips:.2f}{_verdict(trips, _TRIPS_GOAL)}", flush=True)
    return {
        "rates": {name: figures.rates for name, figures in kinds.items()},
        "cpu_ms": {name: figures.cpu / figures.sent * 1e3 for name, figures in kinds.items()},
        "loss": {name: round(loss, 2) for name, loss in losses.items()},
        "alone_ms": {"known": warm_alone.p50_ms[0], "all their own": own_alone.p50_ms[0]},
        "round_trips": round(trips, 3),
    }


def _loss(figures: _Figures, warm: _Figures) -> float:
    """Per cent of the rate, each round beside the one next to it: what else the machine does comes and goes."""
    return (1 - median(rate / known for rate, known in zip(figures.rates, warm.rates, strict=True))) * 100


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
