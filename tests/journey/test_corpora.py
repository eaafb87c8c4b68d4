"""Every mail of every corpus over SMTP, three times: once as its author, again because the reply got lost, and from the
null reverse-path. What must hold whatever a mail says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from smtpintake.mail.address import Mailbox
from smtpintake.mail.parse import read
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.database import Database
from smtpintake.store.maillog import raw_mail
from smtpintake.store.schema import Attachment, Comment, Issue, LogRow, OutboxMail, RawMail
from smtpintake.store.types import Table
from tests import vectors
from tests.corpus.corpora import CORPORA
from tests.server import Server, log_id

POLICY = """\
[[project]]
key = "SUP"
name = "Support"

[[inbox]]
name = "support"
addresses = ["support@example.org"]
project = "SUP"
unknown_senders = "create"
auto_reply = { enabled = true, least_proof = "none" }

[[inbox]]
name = "archive"
addresses = ["archive@example.org"]
project = "SUP"
unknown_senders = "create"
auto_reply = { enabled = true, least_proof = "none" }
"""
RECIPIENTS = ("support@example.org", "archive@example.org")
STORED = (Issue, Comment, Attachment, RawMail, OutboxMail)
# What no inbox takes, because nobody in particular wrote it.
AUTHORLESS = ("author.missing", "author.several", "author.invalid")


@dataclass(frozen=True)
class Sent:
    """A mail, from whom, and what the server said to it."""

    name: str
    octets: bytes
    reverse_path: str
    reply: str

    @property
    def accepted(self) -> bool:
        return self.reply.startswith("250 ")


class Post:
    """Somebody who sends mail over one connection at a time, and who may look into the server's database."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.database = Database(server.environment["SMTPINTAKE_DATABASE__URL"])
        self.blobs = FileBlobs(server.folder / "blobs")

    def send(self, mails: Sequence[tuple[str, bytes]], reverse_path: str | None = None) -> list[Sent]:
        """Each mail to all RECIPIENTS; from its author where no reverse-path is given."""
        sent = []
        with self.server.client() as client:
            client.ehlo()
            for name, octets in mails:
                sender = _author(octets) if reverse_path is None else reverse_path
                assert client.mail(sender)[0] == 250
                assert [client.rcpt(recipient)[0] for recipient in RECIPIENTS] == [250, 250]
                code, text = client.data(octets)
                sent.append(Sent(name, octets, sender, f"{code} {text.decode()}"))
        return sent

    def counts(self) -> dict[str, int]:
        with Session(self.database.engine) as session:
            return {table.__name__: _count(session, table) for table in STORED}

    def rows(self, sent: Sent) -> list[LogRow]:
        """The log rows of the transaction that one of them names."""
        with Session(self.database.engine) as session:
            named = session.get_one(LogRow, log_id(sent.reply))
            found = select(LogRow).where(col(LogRow.transaction_id) == named.transaction_id).order_by(col(LogRow.id))
            return list(session.scalars(found))

    def kept(self, row: LogRow) -> bytes | None:
        with Session(self.database.engine) as session:
            return raw_mail(session, self.blobs, row.raw_id) if row.raw_id else None

    def null_recipients(self) -> int:
        with Session(self.database.engine) as session:
            return len(session.scalars(select(OutboxMail).where(col(OutboxMail.rcpt_to).in_(["", "<>"]))).all())


def _author(octets: bytes) -> str:
    found = read(octets).author
    return _ascii(found.mailbox) if found is not None else "sender@client.example"


def _ascii(mailbox: Mailbox) -> str:
    return str(mailbox) if str(mailbox).isascii() else "sender@client.example"


def _count(session: Session, table: type[Table]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    server = Server(tmp_path_factory.mktemp("corpora"), {"SMTPINTAKE_LIMITS__EXEMPT": "127.0.0.1"})
    server.prepare(POLICY)
    server.start()
    post = Post(server)
    yield post
    post.blobs.close()
    post.database.close()
    assert server.stop() == 0


@pytest.mark.parametrize("corpus", CORPORA)
def test_what_holds_for_every_mail(post: Post, corpus: str) -> None:
    if corpus != "ours":
        vectors.path(corpus)
    mails = list(CORPORA[corpus]())
    assert mails, "a corpus without mails shows nothing"
    for sent in post.send(mails):
        _has_its_verdict(post, sent)

    before = post.counts()
    again = post.send(mails)
    # Refused mail is kept each time, for the log alone.
    refused = sum(not sent.accepted for sent in again)
    expected = before | {"RawMail": before["RawMail"] + refused}
    assert post.counts() == expected, "the same mail again added something"
    for sent in again:
        if sent.accepted:
            assert {row.outcome for row in post.rows(sent)} == {"duplicate"}, sent.name

    before = post.counts()
    for sent in post.send(mails, ""):
        _has_its_verdict(post, sent)
    assert post.counts()["OutboxMail"] == before["OutboxMail"], "a reply to <>"
    assert post.null_recipients() == 0


def _has_its_verdict(post: Post, sent: Sent) -> None:
    """One log row a recipient; 250 exactly when it is stored, as it came; a refusal only where nobody wrote it."""
    rows = post.rows(sent)
    assert sorted(row.rcpt_to or "" for row in rows) == sorted(RECIPIENTS), sent.name
    stored = [row for row in rows if row.reply_code == 250]
    assert sent.accepted == bool(stored), (sent.name, sent.reply)
    assert all(post.kept(row) == sent.octets for row in stored), sent.name
    if not sent.accepted:
        assert {row.reason for row in rows} <= set(AUTHORLESS), (sent.name, sent.reply)
        assert all(row.issue_id is None and row.comment_id is None for row in rows), sent.name
