"""The journey of a message, from its octets to its reply. Read `Reception.receive` first: it is the product in one
function.

Contract: the reply is final. `250` means that everything is committed to disk, `4yz` that nothing was kept (but for a
copy of what could not be read) and the sender tries again, `5yz` that the mail is refused, with the reason in the reply
and in the log. `receive` runs to its end even when the client has gone: a commit is not cancelled (RFC 1047).
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from smtpintake.decide.analysis import Analysis
from smtpintake.decide.facts import Finding
from smtpintake.decide.policy import Policy
from smtpintake.decide.routing import separators
from smtpintake.decide.scan import Scan
from smtpintake.intake.analyser import Analysers
from smtpintake.intake.analysis import Task
from smtpintake.intake.inquiry import Inquiry
from smtpintake.intake.record import Job
from smtpintake.intake.spool import Received
from smtpintake.intake.submission import Failure, Raw, Refusal, Submission
from smtpintake.intake.writer import Writer
from smtpintake.mail.envelope import Envelope
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS, Replies, Reply
from smtpintake.net.lookups import Lookups
from smtpintake.net.scanner import Scannable, Scanners
from smtpintake.store.blobcheck import blob_is_named
from smtpintake.store.blobs import Blobs
from smtpintake.store.database import Database
from smtpintake.store.snapshot import Snapshots

_log: Final = structlog.get_logger(__name__)


class Reception:
    """One for each process: the analysers that read, the writer that judges and records, the blobs for what is
    large. `lookups` begins the questions to DNS of one mail; without it nothing is verified. `scanners` look at what
    arrives, where there are any.
    """

    def __init__(
        self,
        analysers: Analysers,
        writer: Writer[Job],
        snapshots: Snapshots,
        blobs: Blobs,
        database: Database,
        *,
        lookups: Callable[[], Lookups] | None,
        scanners: Scanners | None = None,
    ) -> None:
        self._analysers = analysers
        self._writer = writer
        self._snapshots = snapshots
        self._blobs = blobs
        self._database = database
        self._lookups = lookups
        self._scanners = scanners

    def policy(self) -> Policy:
        """The newest policy that this process has seen; what finally judges is looked up again by the writer."""
        return self._snapshots.newest.policy

    def inquire(self, envelope: Envelope) -> Inquiry | None:
        """The questions to DNS for a mail whose envelope begins like this."""
        return Inquiry(self._lookups(), envelope) if self._lookups is not None else None

    async def receive(self, envelope: Envelope, mail: Received, inquiry: Inquiry | None) -> Replies:
        """The mail's final reply, or over LMTP one for each recipient. Takes over `mail`: its spool file is gone
        afterwards.
        """
        started = time.monotonic()
        try:
            # 1 Wait for DNS, which was asked while the mail arrived; then read and verify it, in a process that can be
            #   killed. Meanwhile a large mail goes to disk, and scanners look at it.
            storing = asyncio.create_task(self._store(envelope, mail))
            scanning = self._begin_scan(envelope, mail)
            analysis, failure = await self._read(envelope, mail, inquiry)
            if scanning is not None:
                scans = await scanning
                analysis = replace(analysis, scans=scans) if analysis is not None else None
            blob = await storing
            # 2 Gather facts, judge, compose and record: the writer does it in one transaction, with all that wait.
            raw = Raw(mail.size, mail.sha256, mail.octets, blob)
            replies = await self._writer.submit(Submission(envelope, raw, analysis, failure, started))
            # 3 A blob that no row names after the commit (of a refusal, of a duplicate) is not kept.
            if blob is not None:
                await asyncio.to_thread(self._settle, blob)
        except OSError as error:
            _log.error("a mail could not be stored", transaction=envelope.transaction_id, error=str(error))
            replies = (REFUSALS[Reason.FAULT_STORAGE].logged(envelope.transaction_id),)
        finally:
            mail.discard()
        said = "; ".join(map(str, replies))
        _log.info("mail", transaction=envelope.transaction_id, peer=envelope.peer.ip, reply=said)
        return replies

    async def refuse(self, refusal: Refusal) -> Reply:
        """Log an attempt that is refused before there is a message. The reply names the log row."""
        (reply,) = await self._writer.submit(refusal)
        _log.info("refused", transaction=refusal.transaction_id, peer=refusal.peer.ip, reply=str(reply))
        return reply

    async def _read(
        self, envelope: Envelope, mail: Received, inquiry: Inquiry | None
    ) -> tuple[Analysis | None, Failure | None]:
        """What an analyser makes of the octets, or why there is nothing: this must not cost the mail its log row."""
        try:
            evidence = await inquiry.evidence() if inquiry is not None else None
            task = Task.of(mail, envelope, separators(self.policy(), envelope.rcpt_to), evidence)
            analysis = await self._analysers.analyse(task)
        except Exception as error:  # noqa: BLE001 - a fault of ours: the mail is deferred, its octets and the log row are kept
            _log.exception("a mail could not be analysed", transaction=envelope.transaction_id)
            return None, Failure(Reason.FAULT_INTERNAL, Finding("analysis", "fault", repr(error)))
        if analysis is None:
            detail = "the analyser was killed at its deadline, or died"
            return None, Failure(Reason.FAULT_ANALYSIS, Finding("analysis", "killed", detail))
        return analysis, None

    def _begin_scan(self, envelope: Envelope, mail: Received) -> asyncio.Task[tuple[Scan, ...]] | None:
        if self._scanners is None:
            return None
        return asyncio.create_task(self._scanners.scan(Scannable(envelope, mail.octets, mail.path, mail.size)))

    async def _store(self, envelope: Envelope, mail: Received) -> str | None:
        """The name of the blob that a large mail has become, on disk; None for a small one, which a row will hold."""
        if mail.path is None:
            return None
        try:
            await asyncio.to_thread(self._blobs.adopt, mail.path, envelope.transaction_id)
        except OSError:
            # On a full disk half of it may be there, and in the way of what comes next.
            await asyncio.to_thread(self._blobs.delete, envelope.transaction_id)
            raise
        return envelope.transaction_id

    def _settle(self, blob: str) -> None:
        try:
            if blob_is_named(self._database, blob):
                self._blobs.settle(blob)
            else:
                self._blobs.delete(blob)
        except (DBAPIError, OSError) as error:
            # Nothing is lost: the blob stays marked, and the next start looks again.
            why = error.orig if isinstance(error, DBAPIError) else error
            _log.warning("a blob could not be settled", blob=blob, error=str(why))
