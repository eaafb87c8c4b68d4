"""`issue`: read and work on issues."""

import sys
from datetime import UTC, datetime
from typing import Any

import click

from smtpintake.cli.conditions import AFTER, BEFORE, ROW_NUMBER, SEARCH
from smtpintake.cli.display import one_line, print_json, print_record, print_table, print_text, short_moment
from smtpintake.cli.operator import operator
from smtpintake.cli.program import Program, json_option, limit_option, pass_program
from smtpintake.convert.quoted import Quoted
from smtpintake.store.attachments import opened
from smtpintake.store.edit import EditError, add_comment, edit_issue, watch_issue
from smtpintake.store.outbox import State
from smtpintake.store.tracker import issue_list, issue_view
from smtpintake.store.views import AttachmentView, CommentView, IssueView, ParticipantView, Who


def _settings(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """`NAME=VALUE`, one or more."""
    pairs: list[tuple[str, str]] = []
    for value in values:
        name, found, text = value.partition("=")
        if not found or not name:
            raise click.BadParameter(f"{value!r} is not of the form NAME=VALUE")
        pairs.append((name.strip(), text.strip()))
    return tuple(pairs)


@click.group()
def issue() -> None:
    """Read and work on issues."""


@issue.command("list")
@click.option("--project", metavar="KEY")
@click.option("--status", metavar="STATUS")
@SEARCH
@AFTER
@BEFORE
@limit_option
@json_option
@pass_program
def list_issues(program: Program, /, *, limit: int, as_json: bool, **wanted: Any) -> None:
    """What changed last comes first; each condition narrows the list. --since and --until are of the last change."""
    with program.database() as database, database.session() as session:
        issues = issue_list(session, limit=limit, **wanted)
    if as_json:
        print_json(issues)
        return
    print_table(
        ("key", "status", "priority", "updated (UTC)", "reporter", "title"),
        [
            (
                one["key"],
                one["status"],
                one["priority"],
                short_moment(one["updated_at"]),
                one["reporter"]["address"],
                one["title"],
            )
            for one in issues
        ],
        nothing="no issues",
        keep=4,
    )


@issue.command("show")
@click.argument("key")
@click.option("--all", "everything", is_flag=True, help="Also what is hidden: quotations and signatures.")
@json_option
@pass_program
def show_issue(program: Program, key: str, *, everything: bool, as_json: bool) -> None:
    """One issue with its comments."""
    with program.database() as database, database.session() as session:
        view = issue_view(session, key)
    if view is None:
        raise click.ClickException(f"there is no issue {key}")
    if as_json:
        print_json(view)
    else:
        _print_issue(view, everything=everything)


@issue.command("attachment")
@click.argument("attachment_id", metavar="ID", type=ROW_NUMBER)
@click.option("--output", "-o", type=click.File("wb"), default="-", metavar="FILE", help="Instead of standard output.")
@pass_program
def take_out(program: Program, attachment_id: int, output: Any) -> None:
    """The octets of an attachment; "issue show" has its id, and a name that is safe."""
    if output.name == "<stdout>" and sys.stdout.isatty():
        raise click.UsageError("an attachment is nothing for a terminal: say -o FILE")
    with program.database() as database, database.session() as session, program.blobs() as blobs:
        try:
            with opened(session, blobs, attachment_id) as pieces:
                if pieces is None:
                    raise click.ClickException(f"there is no attachment {attachment_id}")
                for piece in pieces:
                    output.write(piece)
        except FileNotFoundError as error:
            raise click.ClickException(f"the mail's blob is gone: {error.filename}") from error


@issue.command("comment")
@click.argument("key")
@click.argument("text", metavar="TEXT|-")
@click.option("--as", "author", metavar="ADDRESS", default="", help="Somebody in the directory.  [default: you]")
@click.option("--internal", is_flag=True, help="Not for the reporter's eyes.")
@json_option
@pass_program
def comment_on(program: Program, key: str, text: str, *, author: str, internal: bool, as_json: bool) -> None:
    """Add a comment; "-" reads it from standard input."""
    text = sys.stdin.read() if text == "-" else text
    with program.database() as database:
        try:
            with database.writing() as session:
                comment_id = add_comment(
                    session,
                    key,
                    text.strip(),
                    author=author,
                    operator=operator(),
                    internal=internal,
                    now=datetime.now(UTC),
                )
        except EditError as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        print_json({"issue": key.upper(), "comment": comment_id})
    else:
        click.echo(f"{key.upper()}: comment {comment_id} added")


@issue.command("watch")
@click.argument("key")
@click.argument("address")
@pass_program
def follow(program: Program, key: str, address: str) -> None:
    """Have somebody follow an issue: they take part in it, hear of it, and may write to it."""
    _watch(program, key, address, hears=True)


@issue.command("unwatch")
@click.argument("key")
@click.argument("address")
@pass_program
def leave(program: Program, key: str, address: str) -> None:
    """Have somebody hear of an issue no more, unless it is assigned to them. They may still write to it."""
    _watch(program, key, address, hears=False)


def _watch(program: Program, key: str, address: str, *, hears: bool) -> None:
    with program.database() as database:
        try:
            with database.writing() as session:
                changed = watch_issue(session, key, address, datetime.now(UTC), hears=hears)
        except EditError as error:
            raise click.ClickException(str(error)) from error
    now = "watches it" if hears else "hears of it no more"
    click.echo(one_line(f"{key.upper()}: {address} {now}" + ("" if changed else ", as before")))


@issue.command("set")
@click.argument("key")
@click.argument("settings", metavar="NAME=VALUE…", nargs=-1, required=True, callback=_settings)
@click.option(
    "--as", "author", metavar="ADDRESS", default="", help="Somebody in the directory.  [default: an operator]"
)
@json_option
@pass_program
def set_fields(
    program: Program, key: str, settings: tuple[tuple[str, str], ...], *, author: str, as_json: bool
) -> None:
    """Change fields: title, status, priority, type, assignee (an address, or nothing), tags (all of them, or +this
    -that), fields.ANYTHING. Whoever does it is not told of it.
    """
    with program.database() as database:
        try:
            with database.writing() as session:
                lines = edit_issue(session, key, settings, datetime.now(UTC), author=author)
        except EditError as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        print_json({"issue": key.upper(), "changes": lines})
    for line in () if as_json else lines or [f"{key.upper()}: nothing to change"]:
        click.echo(one_line(line))


def _print_issue(view: IssueView, *, everything: bool) -> None:
    click.echo(one_line(f"{view['key']}  {view['title']}"))
    print_record(
        (
            ("status", view["status"]),
            ("type", view["type"]),
            ("priority", view["priority"]),
            ("assignee", _who(view["assignee"])),
            ("reporter", _who(view["reporter"])),
            ("organisation", view["organisation"]),
            ("tags", view["tags"]),
            ("fields", view["fields"]),
            ("written (UTC)", short_moment(view["sent_at"])),
            ("created (UTC)", short_moment(view["created_at"])),
            ("updated (UTC)", short_moment(view["updated_at"])),
            ("participants", [_participant(each) for each in view["participants"]]),
            ("links", [f"{link['kind']} {link['key']}" for link in view["links"]]),
            ("log", view["log_id"]),
        )
    )
    _print_body(view, everything=everything)
    for comment in view["comments"]:
        internal = ", internal" if comment["internal"] else ""
        click.echo()
        click.echo(one_line(f"-- {short_moment(comment['created_at'])}  {_who(comment['author'])}{internal}"))
        _print_body(comment, everything=everything)


def _print_body(said: IssueView | CommentView, *, everything: bool) -> None:
    click.echo()
    hidden = said["hidden_text"]
    print_text(hidden if everything and hidden else said["body_text"], "    ")
    if hidden and not everything:
        click.echo("    [there is more: --all shows what is quoted]")
    if said["quoted"] == Quoted.UNKNOWN:
        click.echo("    [some of what is quoted is not known here]")
    if said["blocked_images"]:
        click.echo(f"    [images from elsewhere that were not loaded: {said['blocked_images']}]")
    for attachment in said["attachments"]:
        if not attachment["repeated"]:
            described = f"{attachment['name']}, {_type(attachment)}, {attachment['size']} octets"
            click.echo(one_line(f"    [attachment {attachment['id']}: {described}]"))
    for mail in said["mails"]:
        why = "" if mail["state"] == State.SENT or not mail["note"] else f": {mail['note']}"
        click.echo(one_line(f"    [mail {mail['id']} to {mail['address']}: {mail['state']}{why}]"))
    for why in said["untold"]:
        click.echo(one_line(f"    [no mail: {why}]"))


def _participant(one: ParticipantView) -> str:
    return one["address"] if one["hears"] else f"{one['address']} (has left)"


def _type(attachment: AttachmentView) -> str:
    declared, detected = attachment["content_type"], attachment["detected_type"]
    return detected if declared in (detected, "application/octet-stream") else f"{detected} (sent as {declared})"


def _who(who: Who | None) -> str:
    if who is None:
        return ""
    return f"{who['name']} <{who['address']}>" if who["name"] and who["address"] else who["address"] or who["name"]
