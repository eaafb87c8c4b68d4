"""`Chores`: what is done beside the mail, in quiet moments: held mail is looked at again, old things are forgotten.

Contract: runs until cancelled. Nothing here may keep mail from being taken: what fails is said in the journal, and
tried again later.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from smtpintake.intake.review import Review
from smtpintake.store.blobs import Blobs
from smtpintake.store.database import Database
from smtpintake.store.periods import Periods
from smtpintake.store.retention import Purged, purge

_LOOK_SECONDS: Final = 1.0
_PURGE_SECONDS: Final = 3600.0

_log: Final = structlog.get_logger(__name__)


class Chores:
    """One for each process that takes mail."""

    def __init__(self, database: Database, blobs: Blobs, review: Review, periods: Periods) -> None:
        self._database: Final = database
        self._blobs: Final = blobs
        self._review: Final = review
        self._periods: Final = periods

    async def run(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Look about once a second, and purge at the start and once an hour."""
        purged = -_PURGE_SECONDS
        while True:
            try:
                await self._review.look()
                if clock() - purged >= _PURGE_SECONDS:
                    purged = clock()
                    await asyncio.to_thread(self.purge)
            except DBAPIError as error:
                _log.warning("the database cannot be used, held mail and old mail wait", error=str(error.orig))
            except OSError as error:
                _log.warning("old mail could not be deleted", error=str(error))
            await asyncio.sleep(_LOOK_SECONDS)

    def purge(self) -> Purged:
        """Everything whose time has come."""
        purged = purge(self._database, self._blobs, self._periods, datetime.now(UTC))
        if purged != Purged():
            _log.info("old mail was forgotten", **asdict(purged))
        return purged
