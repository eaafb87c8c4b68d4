"""An outbox with mails in it, and workers that send them to real smarthosts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

from sqlalchemy import func, select

from smtpintake.net.smarthost import Smarthost, Tls
from smtpintake.outbox.pace import Pace
from smtpintake.outbox.signing import Signer
from smtpintake.outbox.worker import Worker
from smtpintake.store.database import Database
from smtpintake.store.schema import Issue, OutboxMail, Project
from tests.make import NOW
from tests.smarthost import Host

FAST = Pace(poll=timedelta(milliseconds=5), rest=timedelta(milliseconds=20), per_domain=8)
IS = OutboxMail.__table__.c


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def mail(number: int, **values: Any) -> dict[str, Any]:
    """The values of a row."""
    return {
        "kind": "autoreply",
        "mail_from": "",
        "rcpt_to": f"c{number}@customer.example",
        "domain": "customer.example",
        "subject": "s",
        "message_id": f"{number}@example.org",
        "octets": f"Message-ID: <{number}@example.org>\r\n\r\nbody\r\n".encode(),
        "created_at": NOW,
        "state": "queued",
        "attempts": 0,
        "next_attempt_at": NOW,
        "note": "",
    } | values


def queue(database: Database, count: int = 1, **values: Any) -> None:
    """So many mails, with Message-IDs of their own."""
    with database.write() as connection:
        first = connection.execute(select(func.count()).select_from(OutboxMail.__table__)).scalar_one()
        several = [mail(number, **values) for number in range(first, first + count)]
        connection.execute(OutboxMail.__table__.insert(), several)


def an_issue(database: Database) -> int:
    with database.writing() as session:
        project = Project(key="SUP", name="Support", closed_statuses=["closed"], statuses=["open", "closed"])
        session.add(project)
        session.flush()
        issue = Issue(
            project_id=project.id or 0,
            number=1,
            key="SUP-1",
            type="incident",
            title="t",
            reporter_address="c0@customer.example",
            body_text="b",
            created_at=NOW,
            updated_at=NOW,
        )
        session.add(issue)
        session.flush()
        assert issue.id is not None
        return issue.id


def rows(database: Database) -> list[OutboxMail]:
    with database.session() as session:
        return list(session.execute(select(OutboxMail).order_by(IS.id)).scalars())


async def until(database: Database, what: Any, count: int) -> None:
    """Until `count` rows are as the column expression says."""
    query = select(func.count()).select_from(OutboxMail.__table__).where(what)
    async with asyncio.timeout(20):
        while True:
            with database.engine.connect() as connection:
                if connection.execute(query).scalar_one() >= count:
                    return
            await asyncio.sleep(0.005)


@asynccontextmanager
async def working(
    database: Database,
    hosts: Host | list[Host] | None,
    clock: Clock,
    pace: Pace = FAST,
    workers: int = 1,
    signer: Signer | None = None,
    timeout: float = 5.0,
) -> AsyncIterator[list[Worker]]:
    several = hosts if isinstance(hosts, list) else [hosts] if hosts else []
    targets = [Smarthost("127.0.0.1", host.port, "intake.example", tls=Tls.NONE, timeout=timeout) for host in several]
    running = [Worker(database, targets, pace, clock, signer=signer) for _ in range(workers)]
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for worker in running:
            group.create_task(worker.run())
        try:
            yield running
        finally:
            for worker in running:
                worker.stop()


def message_ids(host: Host) -> list[str]:
    return [message_from_bytes(bytes(envelope.content or b""))["Message-ID"] for envelope in host.taken]
