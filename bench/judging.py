"""What judging a mail costs, with few rules and people and with many: from the read mail to its decision.

The facts are gathered from a database on disk, as the writer does, for one mail at a time and for twenty; nothing is
recorded. Of each thousand rules 400 ask for keywords in the subject, 200 for keywords in the body, 100 for expressions
there, 100 for a header field, and 200 for a sender, and the mail meets three of them. A figure is the median of all
mails, each of which is another; the processor's time of the slowest is beside it.
"""

import itertools
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

from sqlalchemy import Connection

from bench import mails
from smtpintake.auth.results import UNVERIFIED
from smtpintake.convert.draft import draft
from smtpintake.decide.analysis import Analysis
from smtpintake.decide.policy import read_document
from smtpintake.intake.answer import Answerer
from smtpintake.intake.record import Recorder
from smtpintake.intake.submission import Raw, Submission
from smtpintake.mail.address import Mailbox, ReversePath
from smtpintake.mail.envelope import Envelope, Hello, Peer
from smtpintake.mail.ids import new_id
from smtpintake.mail.parse import read
from smtpintake.store.configure import apply
from smtpintake.store.database import Database
from smtpintake.store.migrations import migrate
from smtpintake.store.snapshot import Snapshots
from smtpintake.wiring import load_templates

_PEOPLE: Final = (0, 1_000, 100_000)
_RULES: Final = (0, 1_000, 10_000)
_GOAL_MS: Final = 5.0  # with 1,000 rules, whatever the number of people
_GOAL_RULES: Final = 1_000
_MAILS: Final = 200
_TOGETHER: Final = 20
_SIZE: Final = 5_000
_RECIPIENT: Final = Mailbox.parse("support@example.org")


def run(runs: int, folder: Path) -> dict[str, object]:
    """Print and give the milliseconds of processor time a mail for each number of rules and people."""
    print("\n# Judging a mail of 5 KB: processor time, facts from a database on disk included\n")
    folder.mkdir(parents=True, exist_ok=True)
    unsigned = mails.unsigned(_SIZE)
    found: dict[str, object] = {}
    numbers = itertools.count(1)
    for people in _PEOPLE:
        path = folder / f"judging-{people}.db"
        path.unlink(missing_ok=True)
        database = Database(f"sqlite:///{path}")
        migrate(database)
        _apply(database, _document(people))
        for rules in _RULES:
            _apply(database, {"rule": list(_rules(rules))})
            figures = _figures(database, (_mail(unsigned, people, number) for number in numbers), runs)
            goal = "" if rules != _GOAL_RULES else f"  (goal {_GOAL_MS}: {_verdict(figures['alone'])})"
            print(
                f"  {people:>7,} people {rules:>6,} rules  alone {figures['alone']:6.3f} ms"
                f"  of {_TOGETHER} {figures['together']:6.3f} ms  slowest {figures['slowest']:6.3f} ms"
                f"  first {figures['first']:4.0f} ms{goal}",
                flush=True,
            )
            found[f"{people} people, {rules} rules"] = {name: round(value, 4) for name, value in figures.items()}
        database.close()
        path.unlink()
    return found


def _verdict(cost: float) -> str:
    return "reached" if cost <= _GOAL_MS else "MISSED"


def _figures(database: Database, every: Iterator[Submission], runs: int) -> dict[str, float]:
    """`first` is the cost of the first mail under the policy, for which the rules are compiled."""
    snapshots = Snapshots(database)
    snapshots.look()
    answerer = Answerer(b"s" * 32, load_templates())
    recorder = Recorder(snapshots, answerer, "mx.example.org")
    alone: list[float] = []
    together: list[float] = []
    with database.engine.connect() as connection:
        (first,) = _spent(recorder, snapshots, connection, [[next(every)]])
        for _ in range(runs):
            alone += _spent(recorder, snapshots, connection, [[one] for one in islice(every, _MAILS)])
            several = list(islice(every, _MAILS))
            batches = [several[i : i + _TOGETHER] for i in range(0, _MAILS, _TOGETHER)]
            together += _spent(recorder, snapshots, connection, batches)
    return {"alone": median(alone), "together": median(together), "slowest": max(alone), "first": first}


def _spent(
    recorder: Recorder, snapshots: Snapshots, connection: Connection, batches: list[list[Submission]]
) -> Iterator[float]:
    """Milliseconds a mail of each batch."""
    for batch in batches:
        began = time.process_time()
        judged = recorder.judge(connection, snapshots.newest.policy, batch, datetime.now(UTC))
        yield (time.process_time() - began) * 1e3 / len(batch)
        assert len(judged) == len(batch)


def _mail(unsigned: bytes, people: int, number: int) -> Submission:
    """A mail of somebody in the directory, if anybody is, read as an analyser does."""
    author = f"person{random.Random(number).randrange(people or 1)}@customers.example"
    octets = unsigned.replace(mails.MARK, b"%08d" % number).replace(
        b"<customer%08d@clients.example>" % number, f"<{author}>".encode()
    )
    message = read(octets)
    envelope = Envelope(
        transaction_id=new_id(datetime.now(UTC)),
        received_at=datetime.now(UTC),
        listener="127.0.0.1:25",
        peer=Peer("192.0.2.25", 4711),
        hello=Hello("mail.clients.example"),
        tls=None,
        mail_from=ReversePath(Mailbox.parse(author)),
        rcpt_to=(_RECIPIENT,),
    )
    return Submission(
        envelope, Raw(len(octets), message.sha256), Analysis(message, draft(message, ()), UNVERIFIED), None, 0.0
    )


def _apply(database: Database, document: dict[str, Any]) -> None:
    with database.writing() as session:
        apply(session, read_document(document), "bench", prune=False, now=datetime.now(UTC))


def _document(people: int) -> dict[str, Any]:
    return {
        "project": [{"key": "SUP", "name": "Support"}],
        "inbox": [
            {
                "name": "support",
                "addresses": [str(_RECIPIENT)],
                "project": "SUP",
                "unknown_senders": "create",
                "require": "none",
            }
        ],
        "organisation": [{"name": "Customers", "domains": ["customers.example"]}],
        "person": [
            {"name": f"Person {n}", "addresses": [f"person{n}@customers.example"], "roles": {"SUP": "customer"}}
            for n in range(people)
        ],
    }


def _rules(count: int) -> Iterator[dict[str, Any]]:
    for n, when in _conditions(count):
        yield {"name": f"rule {n}", "then": {"tags": [f"tag{n}"]}, "when": when}


def _conditions(count: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each with its number; three of them hold for every mail of ours."""
    words = random.Random(4711)
    for n in range(count):
        word = "".join(words.choices("abcdefghijklmnopqrstuvwxyz", k=8))
        kind = n % 10
        if kind < 4:
            yield n, {"subject": "second floor" if n == 0 else f"{word} printer"}
        elif kind < 6:
            yield n, {"body": "paper jam" if n == 4 else [word, f"paper {word}"]}
        elif kind == 6:
            yield n, {"regex": {"body": r"\bpaper\s+jam\b" if n == 6 else rf"\b{word}-\d{{4,6}}\b"}}
        elif kind == 7:
            yield n, {"header": {"User-Agent": word}}
        else:
            yield n, {"sender": f"{word}@customers.example" if n % 2 else f"@{word}.example"}
