"""`replay`: logged mail judged again, and what another policy would make of it.

Contract: `replayed` is for `apply --replay` too. Nothing is written; what differs is no fault, so the exit status is 0.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import click

from smtpintake.cli.display import one_line, print_json, print_table, short_moment
from smtpintake.cli.policyfile import faults_in, read_policy_file
from smtpintake.cli.program import Program, json_option, pass_program, said_in_one_line
from smtpintake.cli.since import SINCE
from smtpintake.decide.change import merged
from smtpintake.decide.policy import Document, Policy
from smtpintake.decide.prose import sentences
from smtpintake.decide.recall import Named
from smtpintake.intake.analyser import Analysers
from smtpintake.intake.replay import Asked, Difference, Replay, Replayed, Verdict
from smtpintake.store.database import Database
from smtpintake.store.people import known_as
from smtpintake.wiring import open_judge


@click.command()
@click.option("--since", type=SINCE, metavar="WHEN", default="7d", show_default=True, help="30m, 2h, 7d, or a date.")
@click.option("--policy", "file", metavar="FILE|-", help="As if this were applied.  [default: the policy in force]")
@click.option("--prune", is_flag=True, help="As if what FILE doesn't name were retired.")
@click.option("--inbox", metavar="NAME", help="Only the mail that came to this inbox.")
@json_option
@pass_program
def replay(
    program: Program, since: datetime, file: str | None, inbox: str | None, *, prune: bool, as_json: bool
) -> None:
    """Judge logged mail again, and list what would differ.

    The mail is read again and judged with what was known of it when it came, under the policy in force or the one in
    FILE. Nothing is changed.
    """
    document = read_policy_file(file) if file is not None else None
    with program.database() as database, faults_in(file or "the policy in force"):
        found = replayed(program, database, since, document, prune=prune, inbox=inbox)
    if as_json:
        print_json(replay_view(found))
    else:
        print_replay(found)


def replayed(
    program: Program,
    database: Database,
    since: datetime,
    document: Document | None,
    *,
    prune: bool,
    inbox: str | None = None,
) -> Replayed:
    """The mail that was judged since then, judged again as if `document` were applied. Raises PolicyError where it
    contradicts what stays in force.
    """
    with said_in_one_line("replay"), program.blobs() as blobs:
        snapshots, recorder = open_judge(program.settings, database)
        asked = Asked(snapshots.newest.policy)
        if document is not None:
            policy = Policy(asked.policy.version, merged(asked.policy.document, document, prune=prune))
            people = {address: person for person in document.person for address in person.addresses}
            with database.session() as session:
                asked = Asked(policy, Named(people, known_as(session, document.person), prune))
        section = program.settings.smtp

        async def run() -> Replayed:
            analysers = Analysers(section.analysers, section.analysis_deadline)
            try:
                await analysers.warm_up()
                return await Replay(database, blobs, recorder, analysers, asked).run(since, inbox)
            finally:
                await asyncio.to_thread(analysers.stop)

        return asyncio.run(run())


def replay_view(found: Replayed) -> dict[str, object]:
    """All of it, for programs."""
    return {
        "mails": found.mails,
        "recipients": found.recipients,
        "differences": [_view(each) for each in found.differences],
        "not_judged": [
            {"log": each.row.log_id, "transaction": each.row.transaction_id, "why": each.why, "detail": each.detail}
            for each in found.passed
        ],
    }


def print_replay(found: Replayed) -> None:
    """What differs, and the counts."""
    rows = [
        (
            short_moment(each.row.received_at.isoformat()),
            each.row.log_id,
            each.row.author,
            each.row.subject,
            f"{_short(each.was)} -> {_short(each.would_be)}",
        )
        for each in found.differences
    ]
    if rows:
        print_table(("received (UTC)", "id", "from", "subject", "was -> would be"), rows, nothing="", keep=2)
        click.echo()
    for each in found.differences:
        click.echo(one_line(f"{each.row.log_id}: {'; '.join(_why(each))}"))
    if rows:
        click.echo()
    for why, count in Counter(each.why for each in found.passed).items():
        ids = " ".join(each.row.log_id for each in found.passed if each.why is why)
        click.echo(one_line(f"{count} not judged again, {why}: {ids}"))
    kinds = Counter(f"{each.was.outcome} -> {each.would_be.outcome}" for each in found.differences)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    click.echo(f"{found.mails} mails judged again; {len(rows)} would differ" + (f": {counts}" if counts else ""))


def _why(each: Difference) -> Iterator[str]:
    yield from sentences([each.decided_by])
    yield from each.fields
    if not each.repeatable:
        yield "not for the policy alone: the policy of then says otherwise today, too"


def _short(verdict: Verdict) -> str:
    return f"{verdict.outcome} {verdict.issue or verdict.reason}"


def _view(each: Difference) -> dict[str, object]:
    row, decided = each.row, each.decided_by
    return {
        "log": row.log_id,
        "transaction": row.transaction_id,
        "received_at": row.received_at.isoformat(),
        "author": row.author,
        "subject": row.subject,
        "recipient": row.rcpt_to,
        "policy_version": row.policy_version,
        "was": _verdict(each.was),
        "would_be": _verdict(each.would_be),
        "decided_by": {"check": decided.check, "result": decided.result, "detail": decided.detail},
        "fields": list(each.fields),
        "repeatable": each.repeatable,
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {"outcome": verdict.outcome, "reason": verdict.reason, "inbox": verdict.inbox, "issue": verdict.issue}
