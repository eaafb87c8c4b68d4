"""The intake: the listeners, and the journey behind them."""

import asyncio
import resource
from contextlib import suppress
from typing import Final

import structlog

from smtpintake.intake.limits import Limits
from smtpintake.intake.listener import Listener
from smtpintake.intake.options import Options
from smtpintake.net.resolver import MAX_QUERIES
from smtpintake.settings import Endpoint, Settings, UnixSocket
from smtpintake.store.migrations import open_current
from smtpintake.supervisor import until_told_to_stop
from smtpintake.wiring import accounts, certificate, make_guards, open_journey, open_rates

_log: Final = structlog.get_logger(__name__)

_OTHER_FILES: Final = 256  # besides sessions: database, analysers, blobs


async def run_intake(settings: Settings) -> None:
    """Take mail until told to stop; then refuse new sessions, end what runs, and return."""
    allow_open_files(settings.smtp.max_connections)
    database = await asyncio.to_thread(open_current, settings.database.url)
    async with open_journey(settings, database) as journey, open_rates(settings) as rates:
        listener = Listener(
            journey.reception,
            _limits(settings),
            journey.spool_folder,
            relays=settings.smtp.relays,
            guards=make_guards(settings, journey, rates),
            certificate=certificate(settings),
            accounts=accounts(settings, rates),
        )
        several = settings.smtp.workers > 1
        names = [
            await listener.listen(each.address.host, each.address.port, each.options, reuse_port=several)
            for each in settings.smtp.listen
        ]
        names += [f"{await _listen_lmtp(listener, each, settings)} (LMTP)" for each in settings.lmtp.listen]
        _log.info("listening on " + ", ".join(names), policy_version=journey.snapshots.newest.policy.version)
        chores = asyncio.create_task(journey.chores.run())
        await until_told_to_stop()
        await _end(chores)
        _log.info("draining", sessions=len(listener.sessions), seconds=settings.smtp.drain_timeout)
        cut_off = await listener.drain(settings.smtp.drain_timeout)
        if cut_off:
            _log.warning("sessions were cut off at the end of the drain", sessions=cut_off)
    database.close()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _listen_lmtp(listener: Listener, where: Endpoint | UnixSocket, settings: Settings) -> str:
    options = Options(lmtp=True)
    if isinstance(where, UnixSocket):
        return await listener.listen_unix(where.path, int(settings.lmtp.socket_mode, 8), options)
    return await listener.listen(where.host, where.port, options, reuse_port=settings.smtp.workers > 1)


def allow_open_files(connections: int) -> None:
    """Let this process open what so many sessions need: a socket each, and a spool file for a large mail; and a socket
    for each query to DNS. The usual soft limit of 1024 would turn the default number of sessions into mails that cannot
    be stored.
    """
    wanted = 2 * connections + MAX_QUERIES + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _log.warning("fewer open files are allowed than max_connections may need", allowed=allowed, wanted=wanted)


def _limits(settings: Settings) -> Limits:
    smtp = settings.smtp
    return Limits(
        hostname=smtp.announced_name,
        max_message_size=smtp.max_message_size,
        max_recipients=smtp.max_recipients,
        max_connections=smtp.max_connections,
        max_connections_per_peer=smtp.max_connections_per_peer,
        idle_timeout=smtp.idle_timeout,
        min_data_rate=settings.limits.min_data_rate,
    )
