"""What nobody proved to be from its author sends nobody any mail: counted at a real smarthost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpintake.auth.results import UNVERIFIED, AuthVerdict
from smtpintake.compose.replyaddress import loop_mark
from smtpintake.decide.policy import read_document
from smtpintake.intake.answer import Answerer
from smtpintake.intake.record import Recorder
from smtpintake.intake.submission import Submission
from smtpintake.outbox.letters import Writer
from smtpintake.outbox.notifier import Notifier
from smtpintake.store.configure import apply
from smtpintake.store.schema import Issue, OutboxMail
from smtpintake.store.types import Table
from smtpintake.wiring import load_templates
from tests import make
from tests.decide.verdicts import verdict
from tests.intake.test_record import SECRET, World, mail
from tests.outbox.post import IS, Clock, until, working
from tests.smarthost import Host, listening

VICTIM, CARA = "victim@customer.example", "cara@customer.example"
PROVED = verdict("pass", "pass", "reject", aligned="spf,dkim")
POLICY = {
    "project": [{"key": "SUP", "name": "Support"}],
    "inbox": [
        {"name": name, "addresses": [f"{name}@example.org"], "project": "SUP", "unknown_senders": "create"} | more
        for name, more in (("support", {}), ("open", {"require": "none", "obey_dmarc": False}))
    ],
    "person": [{"name": "Ana", "addresses": ["ana@example.org"], "roles": {"SUP": "agent"}}],
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(f"sqlite:///{tmp_path}/test.db")
    Table.metadata.create_all(world.database.engine)
    with world.database.writing() as session:
        apply(session, read_document(POLICY), "test", prune=False, now=make.NOW)
    answerer = Answerer(SECRET, load_templates())
    world.recorder = Recorder(world.snapshots, answerer, "mx.example.org", lambda: make.NOW)
    yield world
    world.database.close()


def of_victim(auth: AuthVerdict, extra: str = "", to: str = "support@example.org", author: str = VICTIM) -> Submission:
    return mail(to, author=author, mail_from=author, auth=auth, extra=extra)


async def test_only_the_proved_hear_of_us(world: World) -> None:
    forged = [
        of_victim(auth, extra, to)
        for to in ("support@example.org", "open@example.org")
        for auth in (UNVERIFIED, verdict(), verdict("fail"), verdict("pass elsewhere.example", policy="none"))
        for extra in ("", f"Cc: {VICTIM}\r\n", f"Reply-To: {VICTIM}\r\n")
    ]
    machines = [
        of_victim(PROVED, "Auto-Submitted: auto-replied\r\n"),
        of_victim(PROVED, "Precedence: bulk\r\n"),
        of_victim(PROVED, f"X-Smtpintake-Loop: {loop_mark(SECRET)}\r\n"),
        of_victim(PROVED, author="no-reply@customer.example"),
        of_victim(PROVED, author="support@example.org"),
    ]
    world.submit(*forged, *machines)
    world.submit(of_victim(PROVED, f"Cc: {VICTIM}\r\n", author=CARA))
    Notifier(world.database, world.snapshots, Writer(load_templates(), SECRET), lambda: make.NOW).tell_due()
    assert world.count(Issue) > len(forged)
    async with listening(Host()) as host, working(world.database, host, Clock()):
        await until(world.database, IS.state == "sent", world.count(OutboxMail))
    recipients = [address for envelope in host.taken for address in envelope.rcpt_tos]
    assert [address for address in recipients if address != "ana@example.org"] == [CARA]
