"""`Snapshot`: the policy in force with the ids of its rows, in memory.

Contract: immutable; a newer one replaces it whole, so a mail is never judged by half of a change. The writer refreshes
it inside the transaction that judges, so what the log names as `policy_version` is what judged. A version that this
program cannot read (a newer one applied it) changes nothing: the one before stays in force, and the journal says so.
"""

from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection, select
from sqlmodel import Session

from smtpintake.decide.policy import EMPTY_POLICY, Policy, PolicyError
from smtpintake.store.database import Database
from smtpintake.store.directory import load_policy, policy_version
from smtpintake.store.schema import Inbox, Project

_PROJECTS: Final = select(Project.__table__.c.key, Project.__table__.c.id)
_INBOXES: Final = select(Inbox.__table__.c.name, Inbox.__table__.c.id)

_log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    policy: Policy
    project_ids: dict[str, int]
    inbox_ids: dict[str, int]


class Snapshots:
    """The newest Snapshot of this process."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self._has_looked = False
        self.newest = Snapshot(EMPTY_POLICY, {}, {})
        self._unreadable = 0  # a version

    def look(self) -> None:
        """Refresh outside a writing transaction."""
        with self._database.engine.connect() as connection:
            self.refresh(connection)

    def refresh(self, connection: Connection) -> Snapshot:
        """The newest Snapshot; read from the database only where its version is another.

        Raises PolicyError where the policy cannot be read and there is none yet that could stay in force.
        """
        version = policy_version(connection)
        if version not in (self.newest.policy.version, self._unreadable):
            try:
                self._read(connection)
            except PolicyError as error:
                if self.newest.policy is EMPTY_POLICY:
                    raise
                self._unreadable = version
                in_force = self.newest.policy.version
                _log.error("a policy cannot be read", version=version, in_force=in_force, error=str(error)[:300])
        self._has_looked = True
        return self.newest

    def _read(self, connection: Connection) -> None:
        before = self.newest.policy.version
        with Session(connection, join_transaction_mode="rollback_only") as session:
            policy = load_policy(session)
        policy.prepare()
        self.newest = Snapshot(
            policy,
            {row.key: row.id for row in connection.execute(_PROJECTS)},
            {row.name: row.id for row in connection.execute(_INBOXES)},
        )
        if self._has_looked:  # what a process begins with it says itself
            _log.info("policy in force", version=policy.version, before=before)
