"""`Snapshot`: the policy in force with the ids of its rows, in memory.

Contract: immutable; a newer one replaces it whole, so a mail is never judged by half of a change. The writer refreshes
it inside the transaction that judges, so what the log names as `policy_version` is what judged.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select
from sqlmodel import Session

from smtpintake.decide.policy import EMPTY_POLICY, Policy
from smtpintake.store.database import Database
from smtpintake.store.directory import load_policy, policy_version
from smtpintake.store.schema import Inbox, Project

_PROJECTS: Final = select(Project.__table__.c.key, Project.__table__.c.id)
_INBOXES: Final = select(Inbox.__table__.c.name, Inbox.__table__.c.id)


@dataclass(frozen=True, slots=True)
class Snapshot:
    policy: Policy
    project_ids: dict[str, int]
    inbox_ids: dict[str, int]


class Snapshots:
    """The newest Snapshot of this process."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self.newest = Snapshot(EMPTY_POLICY, {}, {})

    def look(self) -> None:
        """Refresh outside a writing transaction."""
        with self._database.engine.connect() as connection:
            self.refresh(connection)

    def refresh(self, connection: Connection) -> Snapshot:
        """The newest Snapshot; read from the database only where its version is another."""
        if policy_version(connection) != self.newest.policy.version:
            with Session(connection, join_transaction_mode="rollback_only") as session:
                policy = load_policy(session)
            self.newest = Snapshot(
                policy,
                {row.key: row.id for row in connection.execute(_PROJECTS)},
                {row.name: row.id for row in connection.execute(_INBOXES)},
            )
        return self.newest
