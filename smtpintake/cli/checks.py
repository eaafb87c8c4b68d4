"""The checks behind `doctor`: each looks at one thing that keeps mail from being taken or sent.

Contract: a check never raises for what it finds, changes nothing that lasts, and gives Checks: what was looked at, what
was seen, and for anything but `ok` how to mend it. Sockets have a deadline.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from sqlalchemy.exc import DBAPIError

from smtpintake.cli.check import DEADLINE, Check, Result
from smtpintake.cli.listening import answering, certificate, listeners
from smtpintake.cli.sending import digest, signing, smarthost, templates
from smtpintake.decide.policy import PolicyError
from smtpintake.net.nameserver import Nameserver
from smtpintake.net.scanner import Scanner, ScannerError
from smtpintake.settings import Settings
from smtpintake.store.blobs import open_blobs
from smtpintake.store.database import Database, is_missing
from smtpintake.store.directory import load_policy
from smtpintake.store.migrations import REVISIONS, current, newest
from smtpintake.store.readiness import NotReadyError
from smtpintake.wiring import make_rates, named_scanners, open_resolver

_MIB: Final = 1 << 20
_MADE_WHEN_NEEDED: Final = "run 'smtpintake migrate'; the first start does it, too"


def hostname(settings: Settings) -> Iterator[Check]:
    """The name that we greet with: RFC 5321 s4.1.1.1 wants a fully qualified one."""
    name = settings.smtp.announced_name
    if "." in name and not name.endswith(".localdomain"):
        yield Check("host name", Result.OK, name)
    else:
        mend = "set hostname in [smtp] to the name in your MX record"
        yield Check("host name", Result.WARNING, f"{name} is not fully qualified", mend)


def database(settings: Settings) -> Iterator[Check]:
    """Reachable, at the newest schema, with a policy that takes mail."""
    url = settings.database.url
    if is_missing(url):
        where = url.removeprefix("sqlite:///")
        yield Check("database", Result.WARNING, f"{where} is not there yet", _MADE_WHEN_NEEDED)
        return
    try:
        with closing(Database(settings.database.url)) as opened:
            yield from _schema(opened)
    except DBAPIError as error:
        seen = " ".join(str(error.orig).split())
        yield Check("database", Result.FAIL, seen, "check url in [database], and that the server runs")
    except ModuleNotFoundError as error:
        mend = "install smtpintake with its extra 'postgres'"
        yield Check("database", Result.FAIL, f"this installation has no {error.name}", mend)
    except OSError as error:
        seen = f"{error.filename}: {error.strerror}"
        yield Check("database", Result.FAIL, seen, "let the user that runs smtpintake write to the folder")


def _schema(opened: Database) -> Iterator[Check]:
    where = opened.url.render_as_string(hide_password=True)
    has, wanted = current(opened), newest()
    if has == wanted:
        yield Check("database", Result.OK, f"{where} has schema {has}")
        yield from _policy(opened)
    elif has is None and opened.is_sqlite:
        yield Check("database", Result.WARNING, f"{where} is empty", _MADE_WHEN_NEEDED)
    elif has is None or has in REVISIONS:
        seen = f"{where} has schema {has or 'none'}, and needs {wanted}"
        yield Check("database", Result.FAIL, seen, "run 'smtpintake migrate'")
    else:
        seen = f"{where} has schema {has}, of a newer smtpintake than this one"
        yield Check("database", Result.FAIL, seen, "start the newer one, or restore the backup made before the upgrade")


def _policy(opened: Database) -> Iterator[Check]:
    mend = "run 'smtpintake apply FILE'; conf/intake.toml is an example"
    try:
        with opened.session() as session:
            policy = load_policy(session)
    except PolicyError as error:
        yield Check("policy", Result.FAIL, f"cannot be read by this version: {error}", mend)
        return
    active = [inbox.name for inbox in policy.document.inbox if inbox.active]
    if active:
        yield Check("policy", Result.OK, f"version {policy.version}, inboxes {', '.join(active)}")
    else:
        yield Check("policy", Result.FAIL, "no inbox takes mail: every recipient is refused", mend)


def folders(settings: Settings) -> Iterator[Check]:
    """Writable, with room for mail."""
    places = {"blobs": settings.blobs.folder, "secret": settings.web.secret_file.parent}
    for what, folder in places.items():
        yield _writable(f"{what} folder", folder)
    yield _room(_existing(settings.blobs.folder), settings.smtp.max_message_size)


def bucket(settings: Settings) -> Iterator[Check]:
    """The bucket that blobs are in, where it is one, can be listed."""
    if settings.blobs.url.startswith("file:"):
        return
    try:
        with closing(open_blobs(settings.blobs.url, settings.blobs.spool)) as blobs:
            next(blobs.names(), None)
    except ModuleNotFoundError as error:
        mend = "install smtpintake with its extra 's3'"
        yield Check("bucket", Result.FAIL, f"this installation has no {error.name}", mend)
    except OSError as error:
        mend = "check url in [blobs], and AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL in the environment"
        yield Check("bucket", Result.FAIL, str(error), mend)
    else:
        yield Check("bucket", Result.OK, f"{settings.blobs.url} can be listed")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there already."""
    absolute = folder.absolute()
    return next(path for path in (absolute, *absolute.parents) if path.exists())


def _writable(what: str, folder: Path) -> Check:
    try:
        with TemporaryFile(dir=_existing(folder)) as file:
            file.write(b"smtpintake")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        mend = "let the user that runs smtpintake write there, or name another folder in the settings"
        return Check(what, Result.FAIL, f"{folder}: {error.strerror}", mend)
    return Check(what, Result.OK, f"{folder} is writable")


def _room(folder: Path, largest: int) -> Check:
    free = shutil.disk_usage(folder).free
    seen = f"{free // _MIB} MiB free at {folder}"
    if free < 4 * largest:
        return Check("disk", Result.FAIL, seen, "mail is answered 452 when it is full: make room")
    if free < 40 * largest:
        return Check("disk", Result.WARNING, seen, "make room before mail is answered 452")
    return Check("disk", Result.OK, seen)


def secret(settings: Settings) -> Iterator[Check]:
    """Reply addresses can be forged by whoever reads it."""
    file = settings.web.secret_file
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        yield Check("secret", Result.OK, f"{file} is not there yet; the first start makes it")
    except OSError as error:
        yield Check("secret", Result.FAIL, f"{file}: {error.strerror}", "let the user that runs smtpintake read it")
    else:
        if mode & 0o077:
            yield Check("secret", Result.FAIL, f"{file} has mode {mode:03o}: others can use it", f"chmod 600 {file}")
        elif not os.access(file, os.R_OK):
            yield Check("secret", Result.FAIL, f"{file} cannot be read", f"chown it to {os.geteuid()}")
        else:
            yield Check("secret", Result.OK, f"{file} has mode {mode:03o}")


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


# Those of `--quick` look at nothing but what serves.
QUICK: Final[tuple[Callable[[Settings], Iterator[Check]], ...]] = (database, answering)
ALL: Final[tuple[Callable[[Settings], Iterator[Check]], ...]] = (
    hostname,
    database,
    folders,
    bucket,
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
