"""What breaks around a running server: each mail is answered 4yz with the id that the log or the journal knows, nothing
of it is left half-written, and the same mail sent again is one issue.
"""

import resource
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select
from sqlmodel import Session

from smtpintake.store.blobcheck import check, recover
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.database import Database
from smtpintake.store.maillog import raw_mail
from smtpintake.store.schema import Issue, LogRow
from tests.server import PATIENCE, Server, log_id

DEADLINE = 4.0  # seconds for an analyser; an ordinary mail takes milliseconds, the largest here less than one
SPOOLED = 400_000  # octets, more than stays in memory
LONG_TO_READ = 16 << 20


@dataclass
class Scene:
    server: Server
    database: Database
    blobs: FileBlobs
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def pid(self) -> int:
        assert self.server.process is not None
        return self.server.process.pid

    def mail(self, size: int = 0) -> bytes:
        """One more mail, with an attachment of about `size` octets where it is to be large."""
        number = next(self.numbers)
        encoded = (b"%072d\r\n" % number) * (size // 74)
        return (
            b"From: Cara <cara@customer.example>\r\nSubject: Mail %d\r\nMessage-ID: <%d@customer.example>\r\n"
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHelp!\r\n--x\r\nContent-Type: a/b\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n%s--x--\r\n" % (number, number, encoded)
        )

    def submit(self, mail: bytes) -> str:
        with self.server.client() as client:
            client.ehlo_or_helo_if_needed()
            client.mail("cara@customer.example")
            client.rcpt("support@example.org")
            code, text = client.data(mail)
            assert client.noop()[0] == 250, "the session goes on"
            return f"{code} {text.decode()}"

    def issues(self) -> int:
        with Session(self.database.engine) as session:
            return session.scalar(select(func.count()).select_from(Issue)) or 0

    def row(self, reply: str) -> LogRow:
        with Session(self.database.engine) as session:
            return session.scalars(select(LogRow).where(LogRow.id == log_id(reply))).one()

    def kept(self, row: LogRow) -> bytes | None:
        with Session(self.database.engine) as session:
            return raw_mail(session, self.blobs, row.raw_id) if row.raw_id else None

    def succeeds_once(self, mail: bytes) -> None:
        before = self.issues()
        replies = [self.submit(mail) for _ in range(2)]
        assert replies[0].startswith("250 2.0.0 SUP-")
        assert replies[0].partition(";")[0] == replies[1].partition(";")[0]
        assert self.issues() == before + 1
        assert self.row(replies[0]).outcome == "created"
        assert self.kept(self.row(replies[0])) == mail

    def processes(self) -> list[psutil.Process]:
        """What the server has started, analysers among them."""
        return psutil.Process(self.pid).children(recursive=True)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    server = Server(
        tmp_path_factory.mktemp("outage"),
        {"SMTPINTAKE_SMTP__ANALYSIS_DEADLINE": str(DEADLINE), "SMTPINTAKE_SMTP__ANALYSERS": "2"},
    )
    server.prepare()
    server.start()
    scene = Scene(server, Database(f"sqlite:///{server.database}"), FileBlobs(server.folder / "blobs"))
    yield scene
    scene.database.close()
    if server.process is not None and server.process.poll() is None:
        server.kill()


@contextmanager
def disk_full(pid: int) -> Iterator[None]:
    """No file of this process can grow: neither database nor spool nor journal."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, SPOOLED], ids=["small", "large"])
def test_a_full_disk(scene: Scene, size: int) -> None:
    mail, before = scene.mail(size), scene.issues()
    with disk_full(scene.pid):
        for _ in range(2):
            reply = scene.submit(mail)
            assert reply.startswith("452 4.3.1 fault.storage: ")
            assert log_id(reply)
    assert scene.issues() == before
    scene.succeeds_once(mail)


@contextmanager
def without_blobs(scene: Scene) -> Iterator[None]:
    """The folder is gone, as when its disk is unmounted."""
    folder = scene.blobs.folder
    away = folder.rename(folder.with_name("away"))
    yield
    away.rename(folder)


def test_blobs_that_are_gone(scene: Scene) -> None:
    large = scene.mail(SPOOLED)
    with without_blobs(scene):
        assert scene.submit(large).startswith("452 4.3.1 fault.storage: ")
        assert scene.submit(scene.mail()).startswith("250 "), "a small mail needs no blobs"
    scene.succeeds_once(large)


def test_blobs_that_go_in_the_middle_of_a_mail(scene: Scene) -> None:
    mail, before = scene.mail(SPOOLED), scene.issues()
    client = scene.server.client()
    client.ehlo()
    client.mail("cara@customer.example")
    client.rcpt("support@example.org")
    client.docmd("DATA")
    client.sock.sendall(mail[: SPOOLED - 10_000])
    spool = scene.blobs.folder / "spool"
    while not any(spool.glob("*/mail-*")):
        pass
    with without_blobs(scene):
        client.sock.sendall(mail[SPOOLED - 10_000 :] + b".\r\n")
        code, text = client.getreply()
        assert (code, text[:20]) == (452, b"4.3.1 fault.storage:")
    client.close()
    assert scene.issues() == before
    scene.succeeds_once(mail)


@contextmanager
def reading(scene: Scene, mail: bytes) -> Iterator[tuple[psutil.Process, Future[str]]]:
    """The analyser that reads `mail`, and the reply to come."""
    with ThreadPoolExecutor(1) as senders:
        reply = senders.submit(scene.submit, mail)
        yield having_spool(scene.processes(), reply), reply


def having_spool(processes: list[psutil.Process], reply: Future[str]) -> psutil.Process:
    """The one that has a spool file open, as soon as one has."""
    while not reply.done():
        for process in processes:
            if "/spool/" in Path(f"/proc/{process.pid}/maps").read_text():
                return process
    raise AssertionError(f"nobody was seen reading: {reply.result()}")


def deferred(scene: Scene, mail: bytes, reply: str) -> None:
    """The reply, the row, and the octets of a mail that could not be read."""
    assert reply.startswith("451 4.3.0 fault.analysis: ")
    row = scene.row(reply)
    assert (row.outcome, row.reason, row.issue_id) == ("deferred", "fault.analysis", None)
    assert scene.kept(row) == mail


def test_an_analyser_that_is_killed_while_it_reads(scene: Scene) -> None:
    mail = scene.mail(LONG_TO_READ)
    with reading(scene, mail) as (analyser, reply):
        analyser.kill()
        deferred(scene, mail, reply.result(PATIENCE))
    scene.succeeds_once(mail)


def test_an_analyser_past_its_deadline_disturbs_nobody_else(scene: Scene) -> None:
    mail = scene.mail(LONG_TO_READ)
    with reading(scene, mail) as (analyser, reply):
        analyser.send_signal(signal.SIGSTOP)
        assert scene.submit(scene.mail()).startswith("250 2.0.0 SUP-")
        assert not reply.done()
        deferred(scene, mail, reply.result(PATIENCE))
        assert not analyser.is_running()
    scene.succeeds_once(mail)


def test_every_analyser_killed_by_the_system(scene: Scene) -> None:
    for process in scene.processes():
        process.kill()
    scene.succeeds_once(scene.mail())


def test_a_client_that_leaves_while_the_database_is_locked_and_comes_back(scene: Scene) -> None:
    mail, before = scene.mail(), scene.issues()
    with scene.database.write():
        client = scene.server.client()
        client.ehlo()
        client.mail("cara@customer.example")
        client.rcpt("support@example.org")
        client.docmd("DATA")
        client.sock.sendall(mail + b".\r\n")
        client.close()
        with scene.server.client() as neighbour:
            assert neighbour.noop()[0] == 250
    assert scene.submit(mail).startswith("250 2.0.0 SUP-")
    assert scene.issues() == before + 1


def test_at_last_nothing_is_left_over(scene: Scene) -> None:
    assert scene.server.stop() == 0
    assert recover(scene.database, scene.blobs) == ()
    assert check(scene.database, scene.blobs).is_sound
    assert [path.name for path in (scene.blobs.folder / "spool").iterdir()] == ["lock"]
