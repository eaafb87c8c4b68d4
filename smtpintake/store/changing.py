"""How issues are, for whoever may change them by mail, and what such a change writes.

Contract: inside the transaction that judges and records, so that what was read is what is changed. For mail with
commands only, which is rare: reading goes through SQLAlchemy as usual, writing through prepared statements.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from smtpintake.decide.facts import Standing
from smtpintake.decide.orders import Changes
from smtpintake.store.prepared import Prepared
from smtpintake.store.schema import Issue, PersonAddress

_issue, _address = Issue.__table__.c, PersonAddress.__table__.c
_STANDING: Final = select(
    _issue.id, _issue.status, _issue.priority, _issue.type, _issue.assignee_id, _issue.tags
).where(_issue.id.in_(bindparam("wanted", expanding=True)))
_ADDRESSES: Final = (
    select(_address.person_id, _address.address)
    .where(_address.person_id.in_(bindparam("wanted", expanding=True)))
    .order_by(_address.id.desc())
)


def standings(connection: Connection, issues: Iterable[int]) -> dict[int, Standing]:
    """How each of `issues` is, by id."""
    rows = connection.execute(_STANDING, {"wanted": list(issues)}).all()
    assigned = [row.assignee_id for row in rows if row.assignee_id is not None]
    # The first address of each: the last one read.
    addresses = {row.person_id: row.address for row in connection.execute(_ADDRESSES, {"wanted": assigned})}
    return {
        row.id: Standing(
            status=row.status,
            priority=row.priority,
            issue_type=row.type,
            assignee=addresses.get(row.assignee_id, ""),
            assignee_id=row.assignee_id or 0,
            tags=tuple(row.tags),
        )
        for row in rows
    }


def columns_of(changes: Changes) -> dict[str, object]:
    """The columns of the issue that change, with their new values."""
    columns: dict[str, object] = {
        "status": changes.status,
        "priority": changes.priority,
        "type": changes.issue_type,
        "tags": None if changes.tags is None else list(changes.tags),
    }
    columns = {name: value for name, value in columns.items() if value is not None}
    if changes.assignee_id is not None:
        columns["assignee_id"] = changes.assignee_id or None
    return columns


def change_issues(connection: Connection, changes: Sequence[tuple[int, Mapping[str, object]]]) -> None:
    """Give each issue its new values: (id, columns), in order."""
    for issue_id, columns in changes:
        _change(tuple(columns)).many(connection, [{"issue": issue_id, **{f"new_{k}": v for k, v in columns.items()}}])


@cache
def _change(columns: tuple[str, ...]) -> Prepared:
    values = {name: bindparam(f"new_{name}", type_=_issue[name].type) for name in columns}
    return Prepared(update(Issue.__table__).where(_issue.id == bindparam("issue")).values(values))
