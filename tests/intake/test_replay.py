"""Logged mail judged again: by itself it comes out as it did, under another policy what differs is listed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from smtpintake.decide.change import merged
from smtpintake.decide.policy import Policy, read_document
from smtpintake.decide.recall import Named
from smtpintake.intake.analyser import Analysers
from smtpintake.intake.record import Recorder
from smtpintake.intake.replay import Asked, Replay, Replayed, Why
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.schema import Issue, LogRow, OutboxMail, PastFacts, Person, PersonRole, RawMail, ThreadKey
from tests import make
from tests.databases import configured
from tests.decide.verdicts import verdict
from tests.intake.test_bounced import dsn, given
from tests.intake.test_record import POLICY, World, mail
from tests.server import log_id

INBOXES = {inbox["name"]: inbox for inbox in POLICY["inbox"]}
MIXED = ("support@example.org", "partners@example.org")


class Lab:
    """A world, and what judges its mail again."""

    def __init__(self, world: World, blobs: FileBlobs, analysers: Analysers) -> None:
        self.world, self.blobs, self.analysers = world, blobs, analysers

    async def replay(self, asked: Asked | None = None, inbox: str | None = None) -> Replayed:
        recorder: Recorder = self.world.recorder
        asked = asked or Asked(self.policy())
        return await Replay(self.world.database, self.blobs, recorder, self.analysers, asked).run(make.NOW, inbox)

    def policy(self) -> Policy:
        self.world.snapshots.look()
        return self.world.snapshots.newest.policy

    def asked(self, name: str = "support", **settings: Any) -> Asked:
        """The policy with other settings of one inbox."""
        document = read_document({"project": POLICY["project"], "inbox": [INBOXES[name] | settings]})
        return Asked(Policy(1, merged(self.policy().document, document, prune=False)))

    def change(self, statement: Any) -> None:
        with self.world.database.write() as connection:
            connection.execute(statement)


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    url = configured(f"sqlite:///{tmp_path}/test.db", POLICY)
    world, blobs, analysers = World(url), FileBlobs(tmp_path / "blobs"), Analysers(1, 10.0)
    yield Lab(world, blobs, analysers)
    analysers.stop()
    blobs.close()
    world.database.close()


async def test_under_the_policy_of_its_time_each_mail_comes_out_as_it_did(lab: Lab) -> None:
    """The tracker has moved on: issues exist that the mails made, roles are gone. What was known then holds."""
    world = lab.world
    world.submit(mail("support@example.org", message_id="first@customer.example"))
    world.submit(mail("support@example.org", extra="In-Reply-To: <first@customer.example>\r\n"))
    world.submit(mail("support@example.org", subject="[SUP-1] me too", author="Eve <eve@evil.example>"))
    world.submit(mail("support@example.org", subject="[SUP-1] seen", author="Ana <ana@example.org>"))
    world.submit(mail(*MIXED, author="New <new@customer.example>"))
    world.submit(mail("partners@example.org", author="Stranger <s@evil.example>"))
    world.submit(mail("strict@example.org", auth=verdict("pass", "pass", "reject", aligned="spf")))
    lab.change(delete(PersonRole.__table__))
    lab.change(update(LogRow.__table__).values(delivery_key=None))
    found = await lab.replay()
    assert (found.mails, found.recipients, found.differences, found.passed) == (7, 8, [], [])


async def test_what_another_policy_would_do_is_listed_with_what_decides(lab: Lab) -> None:
    reply = lab.world.submit(mail("support@example.org", author="Bob <bob@spam.example>", subject="Buy"))[0]
    lab.world.submit(mail("support@example.org"))
    found = await lab.replay(lab.asked(denied_senders=["@spam.example"]))
    (one,) = found.differences
    assert (one.row.log_id, one.row.author, one.row.subject) == (log_id(reply), "bob@spam.example", "Buy")
    assert (one.was.outcome, one.was.reason) == ("created", "thread.new")
    assert (one.would_be.outcome, one.would_be.reason) == ("rejected", "sender.denied")
    assert (one.decided_by.check, one.repeatable) == ("denied_senders", True)
    assert found.mails == 2


async def test_the_verdict_of_then_counts_for_a_stricter_inbox(lab: Lab) -> None:
    proved = verdict("pass", "pass", "reject", aligned="spf,dkim")
    lab.world.submit(mail("support@example.org", auth=proved))
    reply = lab.world.submit(mail("support@example.org", auth=verdict("fail")))[0]
    found = await lab.replay(lab.asked(require="aligned", on_fail="reject"))
    assert [(one.row.log_id, one.would_be.reason) for one in found.differences] == [(log_id(reply), "auth.unaligned")]


async def test_an_issue_that_would_only_be_made_otherwise_differs_too(lab: Lab) -> None:
    lab.world.submit(mail("support@example.org"))
    (one,) = (await lab.replay(lab.asked(defaults={"priority": "urgent", "tags": ["mail"]}))).differences
    assert one.was == one.would_be
    assert one.fields == ("priority high -> urgent",)


async def test_a_recipient_without_an_inbox_would_be_refused_at_rcpt(lab: Lab) -> None:
    lab.world.submit(mail("help@example.org"))
    (one,) = (await lab.replay(lab.asked(addresses=["support@example.org"]))).differences
    assert (one.would_be.outcome, one.would_be.reason) == ("rejected", "rcpt.unknown")


async def test_people_whom_the_file_names_are_known_in_its_replay(lab: Lab) -> None:
    lab.world.submit(mail("partners@example.org", author="Paul <paul@partner.example>"))
    document = read_document({"person": [{"name": "Paul", "addresses": ["Paul@partner.example"]}]})
    people = {address: person for person in document.person for address in person.addresses}
    (one,) = (await lab.replay(Asked(lab.policy(), Named(people)))).differences
    assert (one.was.reason, one.would_be.outcome) == ("sender.unknown", "created")


async def test_whom_the_file_does_not_name_is_retired_where_it_prunes(lab: Lab) -> None:
    """A person that came by mail is not: they were never configured."""
    reply = lab.world.submit(mail("support@example.org", author="Ana <ana@example.org>"))[0]
    lab.world.submit(mail("support@example.org", author="Cara <cara@customer.example>"))
    lab.world.submit(mail("support@example.org", author="Cara <cara@customer.example>"))
    assert (await lab.replay(Asked(lab.policy(), Named()))).differences == []
    (one,) = (await lab.replay(Asked(lab.policy(), Named(prune=True)))).differences
    assert (one.row.log_id, one.was.outcome, one.would_be.reason) == (log_id(reply), "created", "sender.denied")
    assert (one.decided_by.check, one.decided_by.result) == ("sender", "inactive")


async def test_an_address_that_the_file_takes_away_is_nobodys(lab: Lab) -> None:
    lab.world.submit(mail("partners@example.org", author="Ana <ana@example.org>"))
    document = read_document({"person": [{"name": "Ana", "addresses": ["ana@new.example"]}]})
    ana = {"ana@new.example": document.person[0]}
    (person,) = [one for one in lab.world.rows(Person) if one.name == "Ana"]
    assert (await lab.replay(Asked(lab.policy(), Named(ana)))).differences == []
    (one,) = (await lab.replay(Asked(lab.policy(), Named(ana, frozenset((person.id,)))))).differences
    assert one.would_be.reason == "sender.unknown"


async def test_whom_a_rule_imports_for_is_retired_too(lab: Lab) -> None:
    """Mail of strangers comes in the name of Ana, until she is nobody."""
    asked = lab.asked("partners", unknown_senders="import", import_as="ana@example.org")
    lab.world.submit(mail("partners@example.org", author="Paul <paul@partner.example>"))
    (one,) = (await lab.replay(asked)).differences
    assert one.would_be.outcome == "created"
    (one,) = (await lab.replay(replace(asked, named=Named(prune=True)))).differences
    assert one.would_be.outcome == "held"


async def test_a_token_that_gets_a_meaning_finds_only_issues_that_were_there(lab: Lab) -> None:
    world, ana = lab.world, "Ana <ana@example.org>"
    world.submit(mail("support@example.org"))
    lab.change(update(Issue.__table__).values(created_at=make.NOW.replace(year=2025)))
    reply = world.submit(mail("support@example.org", subject="[NEW:1] seen", author=ana))[0]
    types = [{"name": "incident", "prefix": "NEW"}]
    document = read_document({"project": [POLICY["project"][0] | {"issue_types": types}]})
    asked = Asked(Policy(1, merged(lab.policy().document, document, prune=False)))
    (one,) = (await lab.replay(asked)).differences
    assert (one.row.log_id, one.would_be.outcome, one.would_be.issue) == (log_id(reply), "commented", "SUP-1")
    lab.change(
        update(Issue.__table__).where(Issue.__table__.c.key == "SUP-1").values(created_at=make.NOW.replace(year=2027))
    )
    assert (await lab.replay(asked)).differences == []


async def test_what_was_not_written_by_the_policy_of_then_says_so(lab: Lab) -> None:
    lab.world.submit(mail("support@example.org"))
    lab.change(update(LogRow.__table__).values(outcome="held", reason="thread.unmatched"))
    (one,) = (await lab.replay()).differences
    assert not one.repeatable


async def test_only_the_mail_of_one_inbox(lab: Lab) -> None:
    lab.world.submit(mail("support@example.org"))
    lab.world.submit(mail("ops@example.org"))
    assert (await lab.replay(inbox="ops")).mails == 1


async def test_a_large_mail_is_read_from_its_blob(lab: Lab, tmp_path: Path) -> None:
    lab.world.submit(mail("support@example.org"))
    (raw,) = lab.world.rows(RawMail)
    spooled = lab.blobs.spool_folder / "mail"
    spooled.write_bytes(raw.octets)
    lab.blobs.adopt(spooled, raw.id)
    lab.change(update(RawMail.__table__).values(octets=None, blob=raw.id))
    assert (await lab.replay()).mails == 1
    lab.blobs.delete(raw.id)
    found = await lab.replay()
    assert [(one.why, one.detail) for one in found.passed] == [(Why.NOT_KEPT, "its blob is gone")]


async def test_mails_that_cannot_be_judged_again_are_named(lab: Lab) -> None:
    world = lab.world
    first = mail("support@example.org", message_id="twice@customer.example")
    world.submit(first)
    again = world.submit(mail("support@example.org", message_id="twice@customer.example"))[0]
    assert "SUP-1" in again
    third = mail("support@example.org")
    world.submit(third)
    newest = third.transaction_id
    lab.change(update(PastFacts.__table__).where(PastFacts.transaction_id == newest).values(facts="{}"))
    found = await lab.replay()
    assert found.mails == 1
    assert sorted((one.row.log_id, one.why) for one in found.passed) == sorted(
        (row.id, Why.FACTS if row.transaction_id == newest else Why.NOT_KEPT)
        for row in world.rows(LogRow)
        if row.transaction_id != first.transaction_id
    )
    assert "rcpt_to" in next(one.detail for one in found.passed if one.why is Why.FACTS)


async def test_a_replay_writes_nothing(lab: Lab) -> None:
    lab.world.submit(mail("support@example.org"))
    before = [lab.world.count(model) for model in (LogRow, Issue, ThreadKey, PastFacts)]
    await lab.replay(lab.asked(unmatched="reject"))
    assert [lab.world.count(model) for model in (LogRow, Issue, ThreadKey, PastFacts)] == before


async def test_a_report_is_judged_again_as_it_was(lab: Lab) -> None:
    """What it says is known by now."""
    lab.world.submit(mail())
    (sent,) = lab.world.rows(OutboxMail)
    lab.world.submit(given(dsn(sent.message_id), received_at=make.NOW))
    replayed = await lab.replay()
    assert (replayed.mails, list(replayed.differences)) == (2, [])
