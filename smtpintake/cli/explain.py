"""`explain`: what would become of a mail from a file, and why. Nothing is recorded."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import BinaryIO

import click

from smtpintake.auth.answers import Answer
from smtpintake.auth.verify import Evidence
from smtpintake.cli.display import one_line, print_json, print_table
from smtpintake.cli.mailfile import as_sent, envelope_of, mail_options, received
from smtpintake.cli.program import Program, json_option, pass_program, said_in_one_line
from smtpintake.decide.prose import conclusion, sentences
from smtpintake.decide.routing import separators
from smtpintake.intake.analysis import Task, analyse
from smtpintake.intake.explain import Explanation
from smtpintake.intake.explain import explain as explain_mail
from smtpintake.intake.inquiry import Inquiry
from smtpintake.mail.envelope import Envelope
from smtpintake.settings import Settings
from smtpintake.wiring import lookups_for_mails, open_judge, open_resolver


@click.command()
@mail_options
@json_option
@pass_program
def explain(program: Program, /, file: BinaryIO, to: tuple[str, ...], *, as_json: bool, **envelope: str | None) -> None:
    """Tell what would become of the mail in FILE, and why. Nothing is recorded."""
    octets = as_sent(file.read())
    given = envelope_of(octets, to, **envelope)
    with program.database() as database, said_in_one_line("explain"):
        snapshots, recorder = open_judge(program.settings, database)
        policy = snapshots.newest.policy
        evidence = asyncio.run(_asked(program.settings, given, octets))
        analysis = analyse(Task.of(received(octets), given, separators(policy, given.rcpt_to), evidence))
        lookups = evidence.answers if evidence is not None else ()
        explanations = explain_mail(database, recorder, policy, given, analysis, lookups=lookups)
    if as_json:
        print_json([_view(each) for each in explanations])
        return
    for each in explanations:
        _print(each)
    _print_lookups(explanations[0].lookups)


async def _asked(settings: Settings, envelope: Envelope, octets: bytes) -> Evidence | None:
    """What DNS says of the mail's sender; None where nothing is to be verified."""
    async with open_resolver(settings) as resolver:
        lookups = lookups_for_mails(settings, resolver)
        if lookups is None:
            return None
        inquiry = Inquiry(lookups(), envelope)
        inquiry.header(octets)
        return await inquiry.evidence()


def _view(explanation: Explanation) -> dict[str, object]:
    reply = explanation.reply
    return {
        "rcpt_to": [str(recipient) for recipient in explanation.recipients],
        "inbox": explanation.inbox,
        "outcome": explanation.outcome,
        "reason": explanation.reason,
        "reply": {"code": reply.code, "status": reply.enhanced, "text": reply.text},
        "issue": explanation.issue,
        "policy_version": explanation.policy_version,
        "trace": [asdict(finding) for finding in explanation.findings],
        "sentences": _sentences(explanation),
        "nearest": [asdict(one) | {"sentence": str(one)} for one in explanation.nearest],
        "auth": asdict(explanation.auth),
        "lookups": [_lookup(answer) for answer in explanation.lookups],
    }


def _lookup(answer: Answer) -> dict[str, object]:
    return {
        "name": answer.name,
        "type": answer.rdtype,
        "found": answer.found,
        "records": answer.records,
        "detail": answer.detail,
    }


def _print_lookups(lookups: Sequence[Answer]) -> None:
    rows = [(each.name, each.rdtype, each.found, each.detail or each.records) for each in lookups]
    click.echo()
    print_table(("dns", "type", "found", "records"), rows, nothing="nothing was looked up", keep=1)


def _print(explanation: Explanation) -> None:
    recipients = ", ".join(map(str, explanation.recipients))
    click.echo(
        one_line(f"{recipients}: {explanation.outcome}, {explanation.reason}; policy {explanation.policy_version}")
    )
    click.echo(f"  {explanation.reply}")
    for sentence in _sentences(explanation):
        click.echo(one_line(f"  {sentence}"))
    if explanation.nearest:
        click.echo("  What would have changed it:")
    for one in explanation.nearest:
        click.echo(one_line(f"  - {one}"))


def _sentences(explanation: Explanation) -> list[str]:
    """The trace as a person would say it, and what decided."""
    found, version = explanation.findings, explanation.policy_version
    said = conclusion(found, explanation.outcome, explanation.reason, version, happened=False)
    return [*sentences(found), said]
