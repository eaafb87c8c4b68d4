"""Tables: who may work in the console and through the API. Passwords and tokens are stored as hashes only."""

from datetime import datetime

from sqlmodel import Field

from smtpintake.store.types import Table, UtcDateTime


class Operator(Table, table=True):
    __tablename__ = "operator"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    password_hash: str
    role: str = "operator"
    person_id: int | None = Field(default=None, foreign_key="person.id")
    active: bool = True
    created_at: datetime = Field(sa_type=UtcDateTime)


class ApiToken(Table, table=True):
    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    operator_id: int = Field(foreign_key="operator.id", index=True)
    name: str
    token_hash: str = Field(unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
