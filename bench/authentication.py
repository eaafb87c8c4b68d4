"""What authentication costs a message when nothing has to be asked: processor time, beside dkimpy as it stands.

One RSA-2048 signature, relaxed/relaxed, whose key was seen before; SPF with an include; DMARC. Everything is done as
the server does it: the inquiry, with SPF, on an event loop with a resolver whose cache has all answers; the hand-over
of these to an analyser and of the verdict back; verifying. All are given the mail in turns; a figure is the median of
its runs.
"""

import asyncio
import pickle
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Final

import dkim as dkimpy
import uvloop

from bench import letters, mails, nameserver
from bench.load import Letter
from smtpintake.auth.results import AuthResult, AuthVerdict
from smtpintake.auth.verify import Evidence, verify
from smtpintake.intake.inquiry import MAX_HEAD, Inquiry
from smtpintake.mail.address import Mailbox, ReversePath
from smtpintake.mail.envelope import Envelope, Hello, Peer
from smtpintake.mail.parse import read
from smtpintake.mail.prescan import prescan
from smtpintake.net.lookups import Lookups
from smtpintake.net.resolver import Resolver
from tests.auth.signing import rsa_key

_DEADLINE: Final = 8.0


@dataclass(frozen=True, slots=True)
class _Case:
    size: int
    plain: bool
    repeats: int
    goal: float


_CASES: Final = {
    "5 KB": _Case(5_000, plain=False, repeats=200, goal=1.0),
    "5 MB": _Case(5_000_000, plain=False, repeats=3, goal=12.0),
    "5 MB of plain text": _Case(5_000_000, plain=True, repeats=3, goal=12.0),
}

# One step done so many times; the milliseconds of processor time that each took.
_Step = Callable[[int], float]


def run(runs: int) -> dict[str, object]:
    """Print and give the milliseconds of processor time of each step, and of dkimpy's DKIM alone."""
    print("\n# Authentication of a mail with one RSA-2048 signature, everything looked up before: processor time\n")
    zone = letters.published(letters.domain(1))
    with nameserver.running(zone, 0) as names, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        resolver = Resolver([names.address])
        found = {name: _measure(name, case, runs, resolver, runner) for name, case in _CASES.items()}
        runner.run(resolver.close())
    return dict(found)


def _measure(name: str, case: _Case, runs: int, resolver: Resolver, runner: asyncio.Runner) -> dict[str, float]:
    letter = letters.letter(mails.unsigned(case.size, plain=case.plain), letters.domain(1), 1)
    steps = _steps(letter, resolver, runner)
    spent: dict[str, list[float]] = {step: [] for step in steps}
    for _ in range(runs + 1):
        for step, work in steps.items():
            spent[step].append(work(case.repeats))
    # The first of each is to warm up.
    found = {step: median(mine[1:]) for step, mine in spent.items()}
    total = found["inquiry"] + found["hand-over"] + found["verify"]
    print(name)
    print(f"  dkimpy     {found['dkimpy']:8.3f} ms  (DKIM alone)")
    print(
        f"  smtpintake {total:8.3f} ms  event loop {found['inquiry']:.3f} (of it SPF {found['spf']:.3f}), "
        f"hand-over {found['hand-over']:.3f}, analyser {found['verify']:.3f}"
        f"  (goal {case.goal}: {'reached' if total <= case.goal else 'MISSED'})",
        flush=True,
    )
    return {step: round(value, 4) for step, value in found.items()} | {"total": round(total, 4)}


def _steps(letter: Letter, resolver: Resolver, runner: asyncio.Runner) -> dict[str, _Step]:
    mail, envelope = letter.octets, _envelope(letter.domain)
    head = mail[: min(mail.index(b"\r\n\r\n") + 4, MAX_HEAD)]
    scan = prescan(mail)
    author = read(mail, "", scan).author
    record = rsa_key().record.encode()

    async def inquire() -> Evidence:
        inquiry = Inquiry(Lookups(resolver, _DEADLINE), envelope)
        inquiry.header(head)
        return await inquiry.evidence()

    async def spf() -> None:
        await Lookups(resolver, _DEADLINE).spf(letters.PEER, envelope.hello.name, letter.domain, "ana")

    evidence = runner.run(inquire())
    verdict = verify(mail, scan, author, evidence)
    _assert_passed(verdict)
    return {
        "inquiry": lambda repeats: runner.run(_awaited(inquire, repeats)),
        "spf": lambda repeats: runner.run(_awaited(spf, repeats)),
        "hand-over": _repeated(lambda: pickle.loads(pickle.dumps((evidence, verdict)))),
        "verify": _repeated(lambda: verify(mail, scan, author, evidence)),
        "dkimpy": _repeated(lambda: dkimpy.DKIM(mail).verify(0, dnsfunc=lambda *_args, **_options: record)),
    }


def _assert_passed(verdict: AuthVerdict) -> None:
    results = {verdict.spf.result, verdict.dmarc.result, *(one.result for one in verdict.dkim)}
    assert results == {AuthResult.PASS}, verdict


def _envelope(domain: str) -> Envelope:
    return Envelope(
        transaction_id="0" * 16,
        received_at=datetime.now(UTC),
        listener="bench",
        peer=Peer(letters.PEER, 4711),
        hello=Hello(f"mx.{domain}"),
        tls=None,
        mail_from=ReversePath(Mailbox.parse(f"ana@{domain}")),
        rcpt_to=(Mailbox.parse("support@example.org"),),
    )


def _repeated(work: Callable[[], object]) -> _Step:
    def step(repeats: int) -> float:
        began = time.process_time()
        for _ in range(repeats):
            work()
        return (time.process_time() - began) * 1e3 / repeats

    return step


async def _awaited(work: Callable[[], Awaitable[object]], repeats: int) -> float:
    began = time.process_time()
    for _ in range(repeats):
        await work()
    return (time.process_time() - began) * 1e3 / repeats
