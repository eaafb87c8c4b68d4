"""The intake: the listeners, and the journey behind them."""

import asyncio
import gc
import resource
import sys
from contextlib import suppress
from typing import Final

import structlog

from smtpintake.intake.limits import Limits
from smtpintake.intake.listener import Listener
from smtpintake.net.resolver import MAX_QUERIES
from smtpintake.parts.addresses import bind_all, told_where
from smtpintake.settings import Settings
from smtpintake.store.migrations import open_served
from smtpintake.supervisor import until_told_to_stop
from smtpintake.wiring import accounts, certificate, make_guards, open_journey, open_rates

_log: Final = structlog.get_logger(__name__)

# How long a thread that computes may keep the interpreter from one that waits for it. With Python's 5 ms, what 20
# clients wait for stands behind the writer at each step of a mail (measured on a busy machine, in four runs:
# 8 to 29 % more mails a second with 1 ms, no more with 0.2 ms; on a quiet one there is no difference beyond the noise).
_SWITCH_SECONDS: Final = 0.001
_OTHER_FILES: Final = 256  # besides sessions: database, analysers, blobs


async def run_intake(settings: Settings) -> None:
    """Take mail until told to stop; then refuse new sessions, end what runs, and return."""
    # Before all that takes time: who started a second server, or another program has the port, hears so at once.
    several = list(bind_all(settings))
    allow_open_files(settings.smtp.max_connections)
    sys.setswitchinterval(_SWITCH_SECONDS)
    database = await asyncio.to_thread(open_served, settings.database.url)
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
        for bound, options in several:
            with told_where(bound.name):
                await listener.listen(bound, options)
        names = ", ".join(f"{bound.name} (LMTP)" if options.lmtp else bound.name for bound, options in several)
        _log.info(f"listening on {names}", policy_version=journey.snapshots.newest.policy.version)
        gc.freeze()  # what a start made stays: no collection looks at it again, not even when the process ends
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
