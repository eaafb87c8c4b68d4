"""A process that sends, killed between the smarthost's 250 and our own mark."""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from smtpintake.store.database import Database
from tests.outbox.post import IS, Clock, message_ids, queue, rows, until, working
from tests.server import Server
from tests.smarthost import Host, listening


async def test_sigkill_loses_nothing_and_doubles_the_one_mail_that_was_under_way(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await asyncio.to_thread(server.prepare)
    database = Database(f"sqlite:///{server.database}")
    queue(database, 5)
    async with listening(Host()) as host:
        host.stall("DATA")
        with server.journal.open("ab") as journal:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "smtpintake", "outbox"),
                env=os.environ | server.environment | smarthost(host),
                stdout=journal,
                stderr=journal,
            )
        try:
            await host.until_seen("DATA", 1, patience=90)
            with database.write():  # nothing can be marked now
                host.gate.set()
                await host.until(1)
                process.kill()
                await process.wait()
        except BaseException:
            process.kill()
            raise
        assert {(row.state, row.attempts) for row in rows(database)} == {("queued", 0)}
        later = Clock()
        later.now = datetime.now(UTC) + timedelta(minutes=5)  # its lease is over
        async with working(database, host, later):
            await until(database, IS.state == "sent", 5)
    ids = message_ids(host)
    assert sorted(ids) == sorted([f"<{number}@example.org>" for number in range(5)] + [ids[0]])
    database.close()


def smarthost(host: Host) -> dict[str, str]:
    return {
        "SMTPINTAKE_SMARTHOST__HOST": "127.0.0.1",
        "SMTPINTAKE_SMARTHOST__PORT": str(host.port),
        "SMTPINTAKE_SMARTHOST__CONNECTIONS": "1",
    }
