"""The outbox: tells people of what happened to issues, and operators of the day, and sends mail of our own."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from functools import partial

from smtpintake.compose.render import Templates
from smtpintake.net.smarthost import Smarthost
from smtpintake.outbox.digester import Digester, Reporter, Schedule
from smtpintake.outbox.letters import Writer
from smtpintake.outbox.notifier import Notifier
from smtpintake.outbox.pace import Pace
from smtpintake.outbox.signing import Signer, SigningKey, read_key
from smtpintake.outbox.worker import Worker
from smtpintake.settings import Settings
from smtpintake.settings.sending import DkimKey
from smtpintake.store.blobs import Blobs, open_blobs
from smtpintake.store.migrations import open_served
from smtpintake.store.readiness import NotReadyError
from smtpintake.store.snapshot import Snapshots
from smtpintake.supervisor import is_supervised, until_told_to_stop
from smtpintake.wiring import certificate, load_secret, open_templates


async def run_outbox(settings: Settings) -> None:
    """Send mail until told to stop."""
    if is_supervised() and (faults := list(file_faults(settings))):
        raise NotReadyError("; ".join(faults))
    database = await asyncio.to_thread(open_served, settings.database.url)
    worker = Worker(database, smarthosts(settings), pace(settings), signer=signer(settings))
    blobs = open_blobs(settings.blobs.url, settings.blobs.spool)
    writer = letter_writer(settings, blobs)
    parts: list[Worker | Notifier | Digester] = [worker, Notifier(database, Snapshots(database), writer)]
    if settings.digest.to:
        parts.append(Digester(database, Snapshots(database), reporter(settings, writer.templates, writer.secret)))
    gc.freeze()  # as in the intake
    working = [asyncio.create_task(part.run()) for part in parts]
    stopping = asyncio.create_task(until_told_to_stop())
    await asyncio.wait((*working, stopping), return_when=asyncio.FIRST_COMPLETED)
    for part in parts:
        part.stop()
    await asyncio.gather(*working)
    stopping.cancel()
    blobs.close()
    database.close()


def letter_writer(settings: Settings, blobs: Blobs) -> Writer:
    """What writes to people about issues. Raises NotReadyError."""
    secret, budget = load_secret(settings.web.secret_file), settings.budget.budget
    return Writer(open_templates(settings), secret, budget, settings.web.public_url, blobs)


def reporter(settings: Settings, templates: Templates, secret: bytes) -> Reporter:
    """What writes the operators' digest."""
    section, host = settings.digest, settings.smtp.announced_name
    return Reporter(section.to, section.from_, host, Schedule(section.time, section.zone), templates, secret)


def file_faults(settings: Settings) -> Iterator[str]:
    """What is wrong with the files that the settings name, whichever part needs them. A faulty template costs no mail,
    and is said in the journal.
    """
    wanted: tuple[Callable[[], object], ...] = (
        lambda: load_secret(settings.web.secret_file),
        lambda: certificate(settings),
        *(partial(_signing_key, each) for each in settings.dkim.keys),
    )
    for look in wanted:
        try:
            look()
        except NotReadyError as error:
            yield str(error)
        except OSError as error:
            yield f"{error.filename or ''}: {error.strerror or error}"


def signing_keys(settings: Settings) -> list[SigningKey]:
    """The keys that our own mail is signed with. Raises NotReadyError."""
    return [_signing_key(each) for each in settings.dkim.keys]


def _signing_key(named: DkimKey) -> SigningKey:
    try:
        return read_key(named.domain, named.selector, named.file.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise NotReadyError(f"[dkim] the key {named.file} of {named.domain} cannot be used: {why}") from error


def signer(settings: Settings) -> Signer | None:
    """What signs our own mail, or None where nothing does. Raises NotReadyError."""
    return Signer(signing_keys(settings)) if settings.dkim.keys else None


def smarthosts(settings: Settings) -> list[Smarthost]:
    """The servers that take our own mail, in order of preference."""
    return [
        Smarthost(
            host=each.host,
            port=each.port,
            hello=settings.smtp.announced_name,
            tls=each.policy,
            implicit=each.implicit_tls,
            username=each.username,
            password=each.password.get_secret_value(),
        )
        for each in settings.smarthost.several
    ]


def pace(settings: Settings) -> Pace:
    """How fast our own mail goes out."""
    section = settings.smarthost
    return Pace(connections=section.connections, per_domain=section.per_domain)
