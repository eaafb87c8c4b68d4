"""Applying a policy document: what it writes, what it says it changed, and that its export changes nothing."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlmodel import Session

from smtpintake.decide.policy import Document, PolicyError, read_document
from smtpintake.store.configure import Changes, apply
from smtpintake.store.database import Database
from smtpintake.store.directory import as_data, export, load_policy, policy_version
from smtpintake.store.schema import (
    Inbox,
    InboxAddress,
    Issue,
    Organisation,
    Person,
    PersonAddress,
    PersonRole,
    PolicyVersion,
    Project,
)
from smtpintake.store.types import Table
from tests.databases import new_sqlite
from tests.decide.documents import documents

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEMO = tomllib.loads((Path(__file__).parents[2] / "conf" / "intake.toml").read_text("utf-8"))


def configure(database: Database, data: dict[str, Any], *, prune: bool = False) -> Changes:
    with database.writing() as session:
        return apply(session, read_document(data), "admin", prune=prune, now=NOW)


def exported(database: Database) -> Document:
    with database.session() as session:
        return export(session)


def rows(session: Session, model: type[Table]) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def document(**tables: Any) -> dict[str, Any]:
    return {"project": [{"key": "SUP", "name": "Support"}], **tables}


def inbox(name: str = "support", address: str = "support@example.org", **values: Any) -> dict[str, Any]:
    return {"name": name, "addresses": [address], "project": "SUP", **values}


def person(name: str, *addresses: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "addresses": list(addresses), **values}


def test_an_empty_database_has_the_empty_policy(database: Database) -> None:
    with database.session() as session:
        assert load_policy(session).version == 0
        assert policy_version(session.connection()) == 0
        assert not any(as_data(export(session)).values())


def test_the_demo_policy_is_in_force_once_applied(database: Database) -> None:
    changes = configure(database, DEMO)
    assert changes.version == 1
    assert [line.split(":")[0] for line in changes.lines] == [
        "+ project SUP",
        "+ inbox support",
        "+ inbox partners",
        "+ person Ana Ruiz <ana@example.org>",
    ]
    with database.session() as session:
        policy = load_policy(session)
        assert policy.version == policy_version(session.connection()) == 1
        assert policy.addresses["partners@example.org"].unknown_senders == "reject"
        assert rows(session, Inbox) == rows(session, InboxAddress) == 2
        assert session.scalars(select(PersonRole.role)).all() == ["agent"]


def test_applying_again_writes_nothing(database: Database) -> None:
    configure(database, DEMO)
    again = configure(database, DEMO)
    assert not again
    assert again == Changes((), 1)
    with database.session() as session:
        assert rows(session, PolicyVersion) == 1


def test_a_changed_key_is_one_line_and_a_new_version(database: Database) -> None:
    configure(database, document(inbox=[inbox()]))
    changes = configure(database, document(inbox=[inbox(unknown_senders="create")]))
    assert changes.lines == ('~ inbox support: unknown_senders "reject" -> "create"',)
    assert changes.version == 2


def test_what_is_not_named_stays(database: Database) -> None:
    configure(database, document(inbox=[inbox()], person=[person("Ana", "ana@example.org")]))
    changes = configure(database, document(inbox=[inbox("sales", "sales@example.org")]))
    assert [line[0] for line in changes.lines] == ["+"]
    after = exported(database)
    assert [one.name for one in after.inbox] == ["support", "sales"]
    assert [one.name for one in after.person] == ["Ana"]


def test_pruned_is_retired_and_keeps_its_rows(database: Database) -> None:
    configure(
        database,
        {
            "project": [{"key": "SUP", "name": "Support"}, {"key": "OPS", "name": "Operations"}],
            "inbox": [inbox(), {**inbox("ops", "ops@example.org"), "project": "OPS"}],
            "person": [person("Ana", "ana@example.org", roles={"OPS": "agent"}), person("Bo", "bo@example.org")],
        },
    )
    changes = configure(database, document(inbox=[inbox()], person=[person("Bo", "bo@example.org")]), prune=True)
    assert changes.lines == ("- project OPS", "- inbox ops", "- person Ana")
    with database.session() as session:
        assert session.scalars(select(Project.active).order_by(Project.key)).all() == [False, True]
        assert session.scalars(select(Inbox.active).order_by(Inbox.name)).all() == [False, True]
        assert session.scalars(select(InboxAddress.address)).all() == ["support@example.org"]
        assert rows(session, PersonRole) == 0
        assert session.scalars(select(Person.name).where(Person.active)).all() == ["Bo"]
        assert rows(session, Person) == 2
    assert "ops@example.org" not in load_policy(database.session()).addresses


def test_a_project_that_comes_back_goes_on_counting(database: Database) -> None:
    configure(database, document())
    with database.writing() as session:
        session.scalars(select(Project)).one().last_number = 41
    configure(database, {}, prune=True)
    configure(database, document())
    with database.session() as session:
        project = session.scalars(select(Project)).one()
        assert (project.last_number, project.active) == (41, True)


def test_an_address_moves_from_one_inbox_to_another(database: Database) -> None:
    configure(database, document(inbox=[inbox("a", "a@example.org"), inbox("b", "b@example.org")]))
    configure(database, document(inbox=[inbox("a", "b@example.org"), inbox("b", "a@example.org")]))
    with database.session() as session:
        found = session.execute(
            select(Inbox.name, InboxAddress.address).join_from(InboxAddress, Inbox).order_by(Inbox.name)
        )
        assert [tuple(row) for row in found] == [("a", "b@example.org"), ("b", "a@example.org")]


def test_a_document_that_contradicts_what_stays_changes_nothing(database: Database) -> None:
    configure(database, document(inbox=[inbox()]))
    with pytest.raises(PolicyError, match=r"'support@example\.org' is given 2 times"):
        configure(database, document(inbox=[inbox("second")]))
    with database.session() as session:
        assert rows(session, PolicyVersion) == rows(session, Inbox) == 1


def test_someone_who_came_by_mail_becomes_configured(database: Database) -> None:
    configure(database, document())
    with database.writing() as session:
        cara = Person(name="cara@customer.example", origin="mail", created_at=NOW)
        session.add(cara)
        session.flush()
        assert cara.id is not None
        session.add(PersonAddress(person_id=cara.id, address="cara@customer.example"))
    assert exported(database).person == ()
    assert not configure(database, document(), prune=True)
    changes = configure(database, document(person=[person("Cara", "cara@customer.example", "c@example.org")]))
    about = "~ person Cara <cara@customer.example>"
    assert changes.lines == (
        f'{about}: name "cara@customer.example" -> "Cara"',
        f'{about}: addresses ["cara@customer.example"] -> ["c@example.org", "cara@customer.example"]',
        f'{about}: origin "mail" -> "policy"',
    )
    assert len(exported(database).person) == 1


def test_an_address_that_moves_to_somebody_else_retires_who_has_none_left(database: Database) -> None:
    configure(database, document(person=[person("Ana", "ana@example.org"), person("Bo", "bo@example.org")]))
    changes = configure(database, document(person=[person("Ana", "ana@example.org", "bo@example.org")]))
    assert changes.lines[-1] == "- person Bo: every address is somebody else's now"
    assert [one.name for one in exported(database).person] == ["Ana"]


def test_two_people_who_were_one_are_told_apart(database: Database) -> None:
    configure(database, document(person=[person("Both", "ana@example.org", "bo@example.org")]))
    configure(database, document(person=[person("Ana", "ana@example.org"), person("Bo", "bo@example.org")]))
    assert {one.name: one.addresses for one in exported(database).person} == {
        "Ana": ("ana@example.org",),
        "Bo": ("bo@example.org",),
    }


@pytest.mark.setting("organisation.domains")
def test_an_organisation_goes_when_nothing_points_at_it(database: Database) -> None:
    acme = {"name": "Acme", "domains": ["acme.example"]}
    ana = person("Ana", "ana@example.org", organisation="Acme")
    configure(database, document(organisation=[acme, {"name": "Beta"}], person=[ana]))
    with database.writing() as session:
        beta = session.scalars(select(Organisation.id).where(Organisation.name == "Beta")).one()
        project = session.scalars(select(Project.id)).one()
        session.add(
            Issue(
                project_id=project or 0,
                number=1,
                key="SUP-1",
                type="incident",
                title="t",
                reporter_address="x@example.org",
                organisation_id=beta,
                body_text="",
                created_at=NOW,
                updated_at=NOW,
            )
        )
    changes = configure(database, document(person=[person("Ana", "ana@example.org")]), prune=True)
    assert changes.lines == (
        '~ organisation Acme: domains ["acme.example"] -> []',
        '~ person Ana <ana@example.org>: organisation "Acme" -> ""',
        "- organisation Acme",
    )
    assert [one.name for one in exported(database).organisation] == ["Beta"]


def test_a_trial_can_be_rolled_back(database: Database) -> None:
    with database.writing() as session:
        trial = session.begin_nested()
        assert apply(session, read_document(DEMO), "admin", prune=False, now=NOW)
        trial.rollback()
    with database.session() as session:
        assert policy_version(session.connection()) == rows(session, Person) == rows(session, Project) == 0


def test_permissions_are_written_and_changed(database: Database) -> None:
    configure(database, document(person=[person("Ana", "ana@example.org", permissions={"SUP": ["view", "comment"]})]))
    assert exported(database).person[0].permissions == {"SUP": ("comment", "view")}
    changes = configure(database, document(person=[person("Ana", "ana@example.org", permissions={"SUP": []})]))
    about = "~ person Ana <ana@example.org>"
    assert changes.lines == (f'{about}: permissions {{"SUP": ["comment", "view"]}} -> {{"SUP": []}}',)
    assert exported(database).person[0].permissions == {"SUP": ()}


def test_a_type_that_goes_takes_the_permissions_for_it_along(database: Database) -> None:
    types = [{"name": "incident", "prefix": "IN"}, {"name": "task: urgent", "prefix": "TK"}]
    ana = person("Ana", "ana@example.org", permissions={"SUP": ["create:task: urgent", "create:incident"]})
    configure(database, {"project": [{"key": "SUP", "name": "Support", "issue_types": types}], "person": [ana]})
    configure(database, {"project": [{"key": "SUP", "name": "Support", "issue_types": types[:1]}]})
    assert exported(database).person[0].permissions == {"SUP": ("create:incident",)}


def test_rights_stay_until_they_are_named_or_pruned(database: Database) -> None:
    changes = configure(database, document(rights={"create": "aligned"}))
    assert changes.lines[0] == '~ rights: create "none" -> "aligned"'
    assert configure(database, document()).lines == ()
    with database.session() as session:
        assert load_policy(session).document.rights.create == "aligned"
    assert configure(database, document(), prune=True).lines == ('~ rights: create "aligned" -> "none"',)


def test_a_large_directory_fits_into_the_limits_of_the_database(database: Database) -> None:
    people = [person(f"P{i}", f"p{i}@example.org", f"q{i}@example.org") for i in range(1100)]
    assert len(configure(database, document(person=people)).lines) == 1101
    assert not configure(database, document(person=people), prune=True)


# ---- any document --------------------------------------------------------------------------------------------------


def _said(person: dict[str, Any]) -> dict[str, Any]:
    """The permissions; that there are none beside a role is nothing said."""
    return {key: given for key, given in person["permissions"].items() if given or key not in person["roles"]}


def as_set(document: Document) -> dict[str, Any]:
    """A document without the order of those tables and lists in which it means nothing."""
    plain = document.model_dump(mode="json")
    tables = {
        kind: {table.get("key") or table["name"]: table for table in plain[kind]} for kind in ("project", "inbox")
    }
    organisations = {table["name"]: tuple(sorted(table["domains"])) for table in plain["organisation"]}
    people = {tuple(sorted(p["addresses"])): {**p, "addresses": (), "permissions": _said(p)} for p in plain["person"]}
    pairs = {frozenset(table["inboxes"]): table for table in plain["pair"]}
    return {**plain, **tables, "pair": pairs, "organisation": organisations, "person": people}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(documents(), st.booleans()), min_size=1, max_size=3))
def test_the_export_of_any_policy_changes_nothing(history: list[tuple[dict[str, Any], bool]]) -> None:
    database = new_sqlite()
    try:
        for data, prune in history:
            try:
                configure(database, data, prune=prune)
            except PolicyError:
                continue  # contradicts what an earlier one left in force
            written = tomllib.loads(tomli_w.dumps(as_data(exported(database))))
            assert configure(database, written).lines == ()
            assert configure(database, written, prune=True).lines == ()
            if prune:
                after, wanted = as_set(exported(database)), as_set(read_document(data))
                kept = after["organisation"].items() - wanted["organisation"].items()
                assert after | {"organisation": wanted["organisation"]} == wanted
                assert all(domains == () for _, domains in kept)  # somebody who is retired belongs to it
    finally:
        database.close()


def test_whom_a_policy_names_must_be_in_the_directory(database: Database) -> None:
    named = inbox(creator="ana@example.org", defaults={"assignee": "bo@example.org", "organisation": "Acme"})
    with pytest.raises(PolicyError) as caught:
        configure(database, document(inbox=[named], person=[person("Ana", "ana@example.org")]))
    assert [fault.key for fault in caught.value.faults] == [
        "inbox support.defaults.assignee",
        "inbox support.defaults.organisation",
    ]
    whole = document(person=[person("Ana", "ana@example.org"), person("Bo", "bo@example.org")])
    configure(database, {**whole, "organisation": [{"name": "Acme"}]})
    configure(database, document(inbox=[named]))
    # Nor may one of them go while the policy names them.
    with pytest.raises(PolicyError, match=r"nobody has the address bo@example\.org"):
        configure(database, document(inbox=[named], person=[person("Ana", "ana@example.org")]), prune=True)
    assert [one.name for one in exported(database).person] == ["Ana", "Bo"]
    assert not configure(database, as_data(exported(database)), prune=True)
