"""The outbox worker: sends mail of our own."""

import asyncio

from smtpintake.net.smtpclient import Smarthost, Tls
from smtpintake.outbox.worker import Worker
from smtpintake.settings import Settings
from smtpintake.store.migrations import open_current
from smtpintake.supervisor import until_told_to_stop


async def run_outbox(settings: Settings) -> None:
    """Send mail until told to stop."""
    database = await asyncio.to_thread(open_current, settings.database.url)
    worker = Worker(database, smarthost(settings))
    working = asyncio.create_task(worker.run())
    stopping = asyncio.create_task(until_told_to_stop())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    worker.stop()
    await working
    stopping.cancel()
    database.close()


def smarthost(settings: Settings) -> Smarthost | None:
    """The server that takes our own mail, or None where none is configured."""
    section = settings.smarthost
    if not section.host:
        return None
    return Smarthost(
        host=section.host,
        port=section.port,
        tls=Tls(section.tls),
        username=section.username,
        password=section.password.get_secret_value(),
        hello=settings.smtp.announced_name,
    )
