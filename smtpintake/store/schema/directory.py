"""Tables: what is configured (projects, types, inboxes: rows that records point at) and who is known (people,
organisations).

Contract: `PolicyVersion.document` is the truth about configuration, one immutable row a change; the rows of `project`,
`issue_type`, `inbox` and `inbox_address` give its names stable ids and are never deleted while something points at
them. People are rows only: they also come in by mail.
"""

from datetime import datetime

from sqlalchemy import JSON
from sqlmodel import Field, UniqueConstraint

from smtpintake.store.types import Table, UtcDateTime, given_only


class PolicyVersion(Table, table=True):
    __tablename__ = "policy_version"

    id: int | None = Field(default=None, primary_key=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    author: str
    document: dict[str, object] = Field(sa_type=JSON)


class Project(Table, table=True):
    """`last_number` is the number of the newest issue; only the writer moves it, inside its transaction."""

    __tablename__ = "project"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    name: str
    last_number: int = 0
    active: bool = True


class IssueType(Table, table=True):
    __tablename__ = "issue_type"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    project_id: int = Field(foreign_key="project.id")
    name: str
    prefix: str
    active: bool = True


class Inbox(Table, table=True):
    __tablename__ = "inbox"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    project_id: int = Field(foreign_key="project.id")
    active: bool = True


class InboxAddress(Table, table=True):
    """`address` is folded, or `@domain` for a catch-all."""

    __tablename__ = "inbox_address"

    id: int | None = Field(default=None, primary_key=True)
    inbox_id: int = Field(foreign_key="inbox.id", index=True)
    address: str = Field(unique=True)


class Organisation(Table, table=True):
    __tablename__ = "organisation"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)


class OrganisationDomain(Table, table=True):
    __tablename__ = "organisation_domain"

    id: int | None = Field(default=None, primary_key=True)
    organisation_id: int = Field(foreign_key="organisation.id", index=True)
    domain: str = Field(unique=True)


class Person(Table, table=True):
    """`origin` says how the person came in: `policy`, `mail` or `operator`. `language` is empty where it isn't said."""

    __tablename__ = "person"
    __table_args__ = (given_only("ix_person_organisation_id", "organisation_id"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    organisation_id: int | None = Field(default=None, foreign_key="organisation.id")
    language: str = ""
    origin: str = "policy"
    active: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)


class PersonAddress(Table, table=True):
    """`address` is folded."""

    __tablename__ = "person_address"

    id: int | None = Field(default=None, primary_key=True)
    person_id: int = Field(foreign_key="person.id", index=True)
    address: str = Field(unique=True)


class PersonRole(Table, table=True):
    """What a person may do in a project: a role, or an empty text, and permissions beside it, one a line. A row with
    neither gives nothing, which is less than no row.
    """

    __tablename__ = "person_role"
    __table_args__ = (UniqueConstraint("person_id", "project_id"),)

    id: int | None = Field(default=None, primary_key=True)
    person_id: int = Field(foreign_key="person.id")
    project_id: int = Field(foreign_key="project.id", index=True)
    role: str = ""
    permissions: str = ""
