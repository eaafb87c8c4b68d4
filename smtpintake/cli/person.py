"""`person`: who is known."""

import click

from smtpintake.cli.conditions import SEARCH
from smtpintake.cli.display import print_json, print_record, print_table, short_moment
from smtpintake.cli.program import Program, json_option, limit_option, pass_program
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.store.peopleview import person_list, person_view
from smtpintake.store.tracker import issues_of


@click.group()
def person() -> None:
    """Look at the people who are known."""


@person.command("list")
@SEARCH
@limit_option
@json_option
@pass_program
def list_people(program: Program, *, part: str | None, limit: int, as_json: bool) -> None:
    """Who came last comes first."""
    with program.database() as database, database.session() as session:
        people = person_list(session, part=part, limit=limit)
    if as_json:
        print_json(people)
        return
    print_table(
        ("id", "name", "addresses", "organisation", "roles", "came by", "active"),
        [
            (
                one["id"],
                one["name"],
                one["addresses"],
                one["organisation"],
                one["roles"],
                one["origin"],
                one["active"],
            )
            for one in people
        ],
        nothing="no people",
        keep=1,
    )


@person.command("show")
@click.argument("who", metavar="ADDRESS|ID")
@json_option
@pass_program
def show_person(program: Program, who: str, *, as_json: bool) -> None:
    """One person, with the newest issues they reported."""
    with program.database() as database, database.session() as session:
        view = person_view(session, _folded(who))
        issues = issues_of(session, view["id"]) if view is not None else []
    if view is None:
        raise click.ClickException(f"nobody is known as {who}")
    if as_json:
        print_json({**view, "issues": [one["key"] for one in issues]})
        return
    print_record(
        (
            ("name", view["name"]),
            ("addresses", view["addresses"]),
            ("organisation", view["organisation"]),
            ("language", view["language"]),
            ("roles", view["roles"]),
            ("permissions", view["permissions"]),
            ("came by", view["origin"]),
            ("active", view["active"]),
            ("since (UTC)", short_moment(view["created_at"])),
        )
    )
    if issues:
        click.echo()
        rows = [(one["key"], one["status"], short_moment(one["updated_at"]), one["title"]) for one in issues]
        print_table(("key", "status", "updated (UTC)", "title"), rows, nothing="", keep=3)


def _folded(who: str) -> str:
    try:
        return Mailbox.parse(who).folded
    except AddressError:
        return who  # an id, or nobody
