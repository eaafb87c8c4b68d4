"""Exactly once, through ten SIGKILLs: each mail is sent until 250, and becomes one issue with everything in it."""

import base64
import hashlib
import queue
import smtplib
import threading
from collections import Counter
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select
from sqlmodel import Session

from smtpintake.mail.transfer import decoded
from smtpintake.store.blobcheck import check
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.database import Database
from smtpintake.store.schema import Attachment, Issue, LogRow, RawMail
from tests.server import PATIENCE, Server

MAILS = 200
SESSIONS = 20
KILLS = 10
LARGE = 10  # every tenth mail has an attachment that makes it a blob


def attachment(number: int) -> bytes:
    size = 300_000 if number % LARGE == 0 else 3_000
    return hashlib.shake_256(str(number).encode()).digest(size)


def mail(number: int) -> bytes:
    encoded = base64.encodebytes(attachment(number)).replace(b"\n", b"\r\n")
    return (
        b"From: Cara <cara@customer.example>\r\nTo: support@example.org\r\nSubject: Mail %d\r\n"
        b"Message-ID: <%d@customer.example>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nHelp!\r\n--x\r\n"
        b"Content-Type: application/octet-stream; name=data.bin\r\nContent-Disposition: attachment\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n%s--x--\r\n" % (number, number, encoded)
    )


class Sender:
    """Sends every mail until the server has answered 250, over SESSIONS sessions at a time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.changed = threading.Condition()
        self.accepted: list[int] = []
        self.up = threading.Event()
        self.replies: Counter[int] = Counter()

    def run(self) -> None:
        while (number := self.todo.get()) >= 0:
            while not self._submit(number):
                assert self.up.wait(PATIENCE), "the server did not come back"

    def _submit(self, number: int) -> bool:
        try:
            with self.server.client() as client:
                client.sendmail("cara@customer.example", ["support@example.org"], mail(number))
        except (OSError, smtplib.SMTPException) as error:
            self.replies[getattr(error, "smtp_code", 0)] += 1
            return False
        with self.changed:
            self.accepted.append(number)
            self.changed.notify_all()
        return True

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.accepted) >= count, PATIENCE), self.replies


@pytest.fixture
def stopped(tmp_path: Path) -> Server:
    server = Server(tmp_path)
    server.prepare()
    return server


def test_each_mail_is_exactly_one_issue_however_often_the_server_is_killed(stopped: Server) -> None:
    server = stopped
    sender = Sender(server)
    threads = [threading.Thread(target=sender.run, daemon=True) for _ in range(SESSIONS)]
    for number in range(MAILS):
        sender.todo.put(number)
    for thread in threads:
        sender.todo.put(-1)
        thread.start()
    orphans: list[psutil.Process] = []
    for kill in range(1, KILLS + 1):
        server.start()
        sender.up.set()
        sender.wait_for(kill * (MAILS - SESSIONS) // (KILLS + 1))
        assert server.process is not None
        orphans += psutil.Process(server.process.pid).children(recursive=True)
        sender.up.clear()
        server.kill()
    server.start()
    sender.up.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert server.stop() == 0
    _, alive = psutil.wait_procs(orphans, PATIENCE)
    assert not alive, "what a killed server had started lives on"
    assert sorted(sender.accepted) == list(range(MAILS))
    verify(server)


def verify(server: Server) -> None:
    """One issue a mail, each attachment as it was sent, no blob without a row and no row without its blob."""
    database = Database(server.environment["SMTPINTAKE_DATABASE__URL"])
    blobs = FileBlobs(server.folder / "blobs")
    with Session(database.engine) as session:
        titles = Counter(session.scalars(select(Issue.title)))
        assert titles == Counter({f"Mail {number}": 1 for number in range(MAILS)})
        numbers = sorted(session.scalars(select(Issue.number)))
        assert numbers == list(range(1, MAILS + 1)), "issue numbers have gaps"
        rows = session.execute(
            select(Issue.title, Attachment, RawMail)
            .join_from(Attachment, Issue, Attachment.issue_id == Issue.id)
            .join(RawMail, Attachment.raw_id == RawMail.id)
        ).all()
        assert len(rows) == MAILS
        for title, view, raw in rows:
            octets = raw.octets if raw.blob is None else blobs.read(raw.blob, 0, raw.size)
            found = b"".join(decoded(octets, view.offset, view.length, view.encoding))
            assert found == attachment(int(title.split()[1]))
            assert view.sha256 == hashlib.sha256(found).hexdigest()
        accepted = session.scalars(select(LogRow).where(LogRow.outcome == "created")).all()
        assert len(accepted) == MAILS
        assert all(row.raw_id for row in accepted)
    assert check(database, blobs).is_sound
    blobs.close()
    database.close()
