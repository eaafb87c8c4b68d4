"""The checks behind `doctor` of where things are kept: the database, the folders, the bucket, the secret.

Contract: that of `checks`.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from sqlalchemy.exc import DBAPIError

from smtpintake.cli.check import Check, Result
from smtpintake.settings import Settings
from smtpintake.store.blobs import open_blobs
from smtpintake.store.database import Database, is_missing
from smtpintake.store.migrations import REVISIONS, current, newest

_MIB: Final = 1 << 20
_MADE_WHEN_NEEDED: Final = "run 'smtpintake migrate'; the first start does it, too"


def database(settings: Settings) -> Iterator[Check]:
    """Reachable, at the newest schema."""
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
    elif has is None and opened.is_sqlite:
        yield Check("database", Result.WARNING, f"{where} is empty", _MADE_WHEN_NEEDED)
    elif has is None or has in REVISIONS:
        seen = f"{where} has schema {has or 'none'}, and needs {wanted}"
        yield Check("database", Result.FAIL, seen, "run 'smtpintake migrate'")
    else:
        seen = f"{where} has schema {has}, of a newer smtpintake than this one"
        yield Check("database", Result.FAIL, seen, "start the newer one, or restore the backup made before the upgrade")


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
