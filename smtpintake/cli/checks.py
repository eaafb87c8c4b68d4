"""The checks behind `doctor`: each looks at one thing that keeps mail from being taken or sent.

Contract: a check never raises for what it finds, changes nothing that lasts, and gives Checks: what was looked at, what
was seen, and for anything but `ok` how to mend it. Sockets have a deadline.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final

from sqlalchemy.exc import DBAPIError

from smtpintake.cli.certificates import certificate
from smtpintake.cli.check import DEADLINE, Check, Result
from smtpintake.cli.listening import listeners
from smtpintake.cli.sending import digest, signing, smarthost, templates
from smtpintake.cli.storing import bucket, database, folders, secret
from smtpintake.decide.policy import PolicyError
from smtpintake.net.nameserver import Nameserver
from smtpintake.net.scanner import Scanner, ScannerError
from smtpintake.settings import Settings
from smtpintake.store.blobcheck import check
from smtpintake.store.blobs import open_blobs
from smtpintake.store.database import Database, is_missing
from smtpintake.store.directory import load_policy
from smtpintake.store.migrations import is_current
from smtpintake.store.readiness import NotReadyError
from smtpintake.wiring import make_rates, named_scanners, open_resolver


def hostname(settings: Settings) -> Iterator[Check]:
    """The name that we greet with: RFC 5321 s4.1.1.1 wants a fully qualified one."""
    name = settings.smtp.announced_name
    if "." in name and not name.endswith(".localdomain"):
        yield Check("host name", Result.OK, name)
    else:
        mend = "set hostname in [smtp] to the name in your MX record"
        yield Check("host name", Result.WARNING, f"{name} is not fully qualified", mend)


def policy(settings: Settings) -> Iterator[Check]:
    """There is one that takes mail."""
    if is_missing(settings.database.url):
        return
    mend = "run 'smtpintake apply FILE'; conf/intake.toml is an example"
    try:
        with closing(Database(settings.database.url)) as opened, opened.session() as session:
            found = load_policy(session)
    except PolicyError as error:
        yield Check("policy", Result.FAIL, f"cannot be read by this version: {error}", mend)
    except (DBAPIError, ModuleNotFoundError, OSError):
        return  # told by the check of the database
    else:
        active = [inbox.name for inbox in found.document.inbox if inbox.active]
        if active:
            yield Check("policy", Result.OK, f"version {found.version}, inboxes {', '.join(active)}")
        else:
            yield Check("policy", Result.FAIL, "no inbox takes mail: every recipient is refused", mend)


def blobs(settings: Settings) -> Iterator[Check]:
    """Those that rows name are there: a backup may have been restored by half, a disk not be mounted."""
    if is_missing(settings.database.url):
        return
    try:
        with (
            closing(Database(settings.database.url)) as opened,
            closing(open_blobs(settings.blobs.url, settings.blobs.spool)) as kept,
        ):
            if not is_current(opened):
                return
            lost = sorted(check(opened, kept).missing)
    except (DBAPIError, ModuleNotFoundError, OSError):
        return  # told by the checks of the database and of the bucket
    if lost:
        mend = f"mount the disk of {settings.blobs.url}, or put the blobs of the backup there"
        yield Check("blobs", Result.FAIL, f"of {len(lost)} mails the octets are gone, such as blob {lost[0]}", mend)
    else:
        yield Check("blobs", Result.OK, "each that a mail needs is there")


def name_servers(settings: Settings) -> Iterator[Check]:
    """Each answers; without one no sender can be told from a forger."""

    async def ask() -> Sequence[tuple[Nameserver, str]]:
        async with open_resolver(settings) as resolver:
            return await resolver.survey()

    found = asyncio.run(ask())
    if not found:
        mend = "name one in nameservers of [dns], or in /etc/resolv.conf"
        yield Check("name server", Result.FAIL, "none is configured", mend)
    mend = "check nameservers in [dns] or /etc/resolv.conf, the firewall, and that it serves this machine"
    useless = Result.FAIL if all(why for _, why in found) else Result.WARNING
    for server, why in found:
        if why:
            yield Check(f"name server {server}", useless, why, mend)
        else:
            yield Check(f"name server {server}", Result.OK, "answers")


def rates(settings: Settings) -> Iterator[Check]:
    """Redis, where it is to count: without it each process counts for itself."""
    if not settings.limits.backend:
        return

    async def ask() -> str | None:
        counted = make_rates(settings)
        try:
            return await counted.trouble()
        finally:
            await counted.close()

    try:
        trouble = asyncio.run(ask())
    except NotReadyError as error:
        yield Check("redis", Result.FAIL, str(error), "install the extra, or leave backend in [limits] empty")
        return
    if trouble is None:
        yield Check("redis", Result.OK, "answers")
    else:
        remedy = "start it, or check backend in [limits]: each process counts for itself now"
        yield Check("redis", Result.WARNING, trouble, remedy)


def scanners(settings: Settings) -> Iterator[Check]:
    """Each answers; mail waits at its sender's for one that does not, but where its inbox says otherwise."""

    async def ask(scanner: Scanner) -> str:
        async with asyncio.timeout(DEADLINE):
            return await scanner.ping()

    for scanner in named_scanners(settings):
        try:
            said = asyncio.run(ask(scanner))
        except (OSError, EOFError, ScannerError) as error:
            mend = f"start it, or check {scanner.name} in [scanner]: until then mail is answered 451"
            yield Check(scanner.name, Result.FAIL, str(error) or "no answer in time", mend)
        else:
            yield Check(scanner.name, Result.OK, f"answers: {said}")


ALL: Final[tuple[Callable[[Settings], Iterator[Check]], ...]] = (
    hostname,
    database,
    policy,
    folders,
    bucket,
    blobs,
    secret,
    certificate,
    listeners,
    name_servers,
    rates,
    scanners,
    signing,
    templates,
    digest,
    smarthost,
)
