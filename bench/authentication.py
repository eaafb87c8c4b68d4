"""What authentication costs a message when nothing has to be asked: processor time, beside dkimpy as it stands.

One RSA-2048 signature, relaxed/relaxed, whose key was seen before. Both are given the mail and the key in turns; a
figure is the median of its runs.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import dkim as dkimpy

from smtpintake.auth import arc, dkim, dmarc
from smtpintake.auth.answers import Answer, Answers, Found, by_name
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import AuthResult, SpfResult
from smtpintake.mail.prescan import Prescan, prescan
from tests.auth.signing import rsa_key, signed

_DOMAIN: Final = "clients.example"
_KEY_NAME: Final = f"s1._domainkey.{_DOMAIN}"
_GOALS: Final = {"5 KB": 1.0, "5 MB": 12.0}
_REPEATS: Final = {"5 KB": 200, "5 MB": 3}


def _dkim(mail: bytes, scan: Prescan, answers: Answers) -> None:
    bodies = BodyHashes(mail, scan.body_offset)
    found = dkim.verify(mail, scan, answers, datetime.now(UTC), bodies)
    assert any(result.result is AuthResult.PASS for result in found), found


def _arc(mail: bytes, scan: Prescan, answers: Answers) -> None:
    arc.verify(mail, scan, answers, datetime.now(UTC), BodyHashes(mail, scan.body_offset))


def _dmarc(_mail: bytes, _scan: Prescan, answers: Answers) -> None:
    found = dmarc.evaluate(_DOMAIN, SpfResult(AuthResult.PASS, domain=_DOMAIN), (), answers)
    assert found.result is AuthResult.PASS, found


# What is done for each message. A step that is added here counts.
_STEPS: Final = {"DKIM": _dkim, "ARC": _arc, "DMARC": _dmarc}


def run(runs: int, paths: dict[str, Path]) -> dict[str, object]:
    """Print and give the milliseconds of processor time of each step, and of dkimpy's DKIM alone."""
    print("\n# Authentication of a mail with one RSA-2048 signature, everything looked up before: processor time\n")
    return {size: _size(size, runs, paths[size].read_bytes()) for size in _GOALS}


def _size(size: str, runs: int, plain: bytes) -> dict[str, float]:
    mail = signed(plain, _DOMAIN, "s1", rsa_key())
    scan = prescan(mail)
    answers = _answers(scan)
    record = rsa_key().record.encode()
    rivals: dict[str, Callable[[], object]] = {
        name: lambda step=step: step(mail, scan, answers)  # type: ignore[misc]
        for name, step in _STEPS.items()
    }
    rivals["dkimpy"] = lambda: dkimpy.DKIM(mail).verify(0, dnsfunc=lambda *_args, **_options: record)
    spent: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(runs + 1):
        for name, rival in rivals.items():
            spent[name].append(_milliseconds(rival, _REPEATS[size]))
    # The first of each is to warm up.
    found = {name: median(mine[1:]) for name, mine in spent.items()}
    total = sum(found[name] for name in _STEPS)
    parts = ", ".join(f"{name} {found[name]:.3f}" for name in _STEPS)
    verdict = f"(goal {_GOALS[size]}: {'reached' if total <= _GOALS[size] else 'MISSED'})"
    print(size)
    print(f"  dkimpy     {found['dkimpy']:8.3f} ms  (DKIM alone)")
    print(f"  smtpintake {total:8.3f} ms  {parts}  {verdict}", flush=True)
    return {name: round(value, 4) for name, value in found.items()} | {"total": round(total, 4)}


def _answers(scan: Prescan) -> Answers:
    known = {_KEY_NAME: rsa_key().record, f"_dmarc.{_DOMAIN}": "v=DMARC1; p=reject"}
    names = (*dkim.key_names(scan.fields), *dmarc.names(_DOMAIN, (_DOMAIN,)))
    return by_name(
        Answer(name, "TXT", Found.RECORDS, (known[name],)) if name in known else Answer(name, "TXT", Found.NXDOMAIN)
        for name in names
    )


def _milliseconds(work: Callable[[], object], repeats: int) -> float:
    began = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - began) * 1e3 / repeats
