"""The composition root: makes the parts out of Settings and joins them. Nothing else makes an engine, a pool or a
listener.

Contract: each function gives a part that is ready to work, or raises what keeps it from working: `NotReadyError` with a
line for the admin, or the infrastructure's own exception.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

import structlog
from limits.errors import ConfigurationError
from sqlalchemy import Connection

from smtpintake.compose.kinds import SAMPLES
from smtpintake.compose.render import Templates
from smtpintake.compose.replyaddress import MIN_SECRET
from smtpintake.intake.accounts import FAILURES_OF_A_NAME, FAILURES_OF_A_PEER, Account, Accounts
from smtpintake.intake.analyser import Analysers
from smtpintake.intake.answer import Answerer
from smtpintake.intake.certificate import Certificate
from smtpintake.intake.chores import Chores
from smtpintake.intake.greylist import Greylist, Patience
from smtpintake.intake.guards import Guards, Tarpit
from smtpintake.intake.rates import Counted, Rates
from smtpintake.intake.receive import Reception
from smtpintake.intake.record import Job, Recorder
from smtpintake.intake.review import Review
from smtpintake.intake.writer import Writer
from smtpintake.mail.reply import Replies
from smtpintake.net.clamd import Clamd
from smtpintake.net.dnsbl import Dnsbl
from smtpintake.net.lookups import Lookups
from smtpintake.net.resolver import Resolver
from smtpintake.net.rspamd import Rspamd
from smtpintake.net.scanner import Scanner, Scanners
from smtpintake.net.zone import Zone
from smtpintake.resources import resource
from smtpintake.settings import Settings, UnixSocket
from smtpintake.store.blobcheck import recover
from smtpintake.store.blobs import open_blobs
from smtpintake.store.database import Database
from smtpintake.store.readiness import NotReadyError
from smtpintake.store.snapshot import Snapshots
from smtpintake.store.templatefiles import read_templates

_log: Final = structlog.get_logger(__name__)


def load_templates(folder: Path | None = None) -> Templates:
    """The templates that travel with the code, and those of `folder` before them. What is wrong with the latter is
    among their `faults`.
    """
    if folder is None:
        return _built_in_templates()
    own = read_templates(folder)
    return Templates(read_templates(resource("templates")).sources, SAMPLES, own.sources, own.faults)


@cache
def _built_in_templates() -> Templates:
    """Compiled and tried once a process, as they don't change."""
    return Templates(read_templates(resource("templates")).sources, SAMPLES)


def open_templates(settings: Settings) -> Templates:
    """The templates of our own mail. What is wrong with the installation's own is said in the journal, and costs no
    mail: the built-in ones are used.
    """
    templates = load_templates(settings.templates.folder)
    for fault in templates.faults:
        _log.error("a template is faulty, the built-in one is used", fault=str(fault))
    return templates


def load_secret(path: Path) -> bytes:
    """The secret that signs."""
    return load_secrets(path)[0]


def load_secrets(path: Path) -> tuple[bytes, ...]:
    """The installation's secrets, a line each: the first signs, the others did before. One is drawn and written when
    there is none yet. Only its owner may read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole before it has its name: a process that starts beside us reads all of it or makes none.
        with NamedTemporaryFile("wb", dir=path.parent, prefix=".secret-") as file:
            file.write(secrets.token_hex(MIN_SECRET).encode())
            file.flush()
            with suppress(FileExistsError):
                path.hardlink_to(file.name)
    found = tuple(line.strip() for line in path.read_bytes().splitlines() if line.strip())
    if not found:
        raise NotReadyError(f"{path} holds no secret: delete it to have one made")
    if short := next((number for number, secret in enumerate(found, 1) if len(secret) < MIN_SECRET), 0):
        raise NotReadyError(f"{path}: secret {short} has fewer than {MIN_SECRET} octets")
    return found


def rotate_secret(path: Path) -> int:
    """Have a new secret sign; how many there are now. Those before it stay, and what they made is accepted."""
    before = load_secrets(path) if path.exists() else ()
    _write_secrets(path, (secrets.token_hex(MIN_SECRET).encode(), *before))
    return len(before) + 1


def drop_former_secrets(path: Path) -> int:
    """Leave the secret that signs alone; how many there were besides."""
    newest, *former = load_secrets(path)
    _write_secrets(path, (newest,))
    return len(former)


def _write_secrets(path: Path, several: Sequence[bytes]) -> None:
    """In one step, so that whoever reads at this moment reads all of it; for the owner that it had."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("wb", dir=path.parent, prefix=".secret-", delete=False) as file:
        new = Path(file.name)
        try:
            if path.exists():
                had = path.stat()
                os.chown(new, had.st_uid, had.st_gid)
            file.write(b"\n".join((*several, b"")))
            file.flush()
            os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


@dataclass(frozen=True, slots=True)
class Journey:
    """What a message travels through, without the sockets."""

    database: Database
    snapshots: Snapshots
    recorder: Recorder
    reception: Reception
    spool_folder: Path
    resolver: Resolver
    greylist: Greylist | None
    chores: Chores


def open_answerer(settings: Settings, database: Database) -> tuple[Snapshots, Answerer]:
    """What writes mail of our own, with the policy in force."""
    snapshots = Snapshots(database)
    snapshots.look()
    (secret, *former), budget = load_secrets(settings.web.secret_file), settings.budget.budget
    return snapshots, Answerer(secret, open_templates(settings), budget, settings.web.public_url, tuple(former))


def open_judge(settings: Settings, database: Database) -> tuple[Snapshots, Recorder]:
    """What judges mail, with the policy in force."""
    snapshots, answerer = open_answerer(settings, database)
    return snapshots, Recorder(snapshots, answerer, settings.authserv_id)


@asynccontextmanager
async def open_journey(settings: Settings, database: Database) -> AsyncIterator[Journey]:
    """Analysers, writer and blobs, running while the context is open; what is under way is finished at its end."""
    blobs = open_blobs(settings.blobs.url, settings.blobs.spool)
    await asyncio.to_thread(recover, database, blobs)
    snapshots, recorder = await asyncio.to_thread(open_judge, settings, database)
    greylist = _greylist(settings, database)

    def record(connection: Connection, jobs: Sequence[Job]) -> list[Replies]:
        if greylist is not None:
            greylist.record(connection, jobs)
        return recorder.record(connection, jobs)

    def idle() -> None:
        snapshots.look()
        if greylist is not None:
            greylist.tidy()

    writer = Writer[Job](database, record, recorder.record_fault, idle, settings.smtp.batch)
    analysers = Analysers(settings.smtp.analysers, settings.smtp.analysis_deadline)
    writer.start()
    try:
        async with open_resolver(settings) as resolver, scanners_for_mails(settings) as scanners:
            await analysers.warm_up()
            lookups = lookups_for_mails(settings, resolver)
            reception = Reception(analysers, writer, snapshots, blobs, database, lookups=lookups, scanners=scanners)
            review = Review(database, recorder, snapshots, analysers, blobs)
            chores = Chores(database, blobs, review, settings.retention.periods)
            yield Journey(database, snapshots, recorder, reception, blobs.spool_folder, resolver, greylist, chores)
    finally:
        await asyncio.to_thread(analysers.stop)
        await asyncio.to_thread(writer.stop)
        blobs.close()


def certificate(settings: Settings) -> Certificate | None:
    """The server's certificate, or None where none is configured. Raises NotReadyError."""
    section = settings.smtp
    if section.tls_certificate is None or section.tls_key is None:
        return None
    try:
        return Certificate(section.tls_certificate, section.tls_key)
    except (OSError, ValueError) as error:
        why = f"{section.tls_certificate}, {section.tls_key}: {error}"
        raise NotReadyError(f"the certificate cannot be used: {why}") from error


def open_resolver(settings: Settings) -> Resolver:
    """What asks DNS; an asynchronous context manager."""
    section = settings.dns
    return Resolver(section.nameservers, section.timeout, section.deadline)


def make_rates(settings: Settings) -> Rates:
    """What counts how often peers and senders come, and fail to log in. Raises NotReadyError."""
    section = settings.limits
    named = (
        (Counted.CONNECTIONS, section.connections_per_peer),
        (Counted.MAILS, section.mails_per_peer),
        (Counted.SENDER_MAILS, section.mails_per_sender),
        (Counted.REFUSED_RECIPIENTS, section.recipients_refused_per_peer),
        (Counted.LOGINS_OF_PEER, FAILURES_OF_A_PEER),
        (Counted.LOGINS_OF_NAME, FAILURES_OF_A_NAME),
    )
    try:
        return Rates({what: rate for what, rate in named if rate is not None}, section.backend)
    except ConfigurationError as error:
        raise NotReadyError(f"[limits] backend: {error}") from error


@asynccontextmanager
async def open_rates(settings: Settings) -> AsyncIterator[Rates]:
    """One for all guards and logins of a process. Raises NotReadyError."""
    rates = make_rates(settings)
    try:
        yield rates
    finally:
        await rates.close()


def make_guards(settings: Settings, journey: Journey, rates: Rates) -> Guards:
    """What keeps strangers from wearing the server out."""
    section = settings.limits
    tarpit = Tarpit(section.tarpit_after, section.tarpit_delay, section.tarpit_end)
    zones = [Zone(each.zone, each.codes, each.action) for each in settings.dnsbl.zones]
    dnsbl = Dnsbl(journey.resolver, zones) if zones else None
    return Guards(rates, tarpit, section.exempt, dnsbl, journey.greylist)


def _greylist(settings: Settings, database: Database) -> Greylist | None:
    section = settings.greylist
    if not section.enabled:
        return None
    return Greylist(database, Patience(section.delay, section.window, section.remember, section.spare_spf))


def accounts(settings: Settings, rates: Rates) -> Accounts | None:
    """Who may log in, or None where nobody may."""
    section = settings.smtp.accounts
    several = [Account(one.username, one.password_hash.get_secret_value(), one.senders) for one in section]
    return Accounts(several, rates) if several else None


def lookups_for_mails(settings: Settings, resolver: Resolver) -> Callable[[], Lookups] | None:
    """How the questions of a mail begin; None where senders are not verified."""
    if not settings.authentication.verify:
        return None
    return lambda: Lookups(resolver, settings.dns.deadline)


def named_scanners(settings: Settings) -> tuple[Scanner, ...]:
    """The scanners that the settings name."""
    section = settings.scanner
    scanners: list[Scanner] = []
    if section.clamd is not None:
        where = section.clamd
        scanners.append(Clamd(where.path if isinstance(where, UnixSocket) else (where.host, where.port)))
    if section.rspamd:
        scanners.append(Rspamd(section.rspamd))
    return tuple(scanners)


def scanners_for_mails(settings: Settings) -> AbstractAsyncContextManager[Scanners | None]:
    """What looks at each mail, or None where nothing does."""
    section = settings.scanner
    scanners = named_scanners(settings)
    return Scanners(scanners, section.deadline, section.max_size) if scanners else nullcontext()
