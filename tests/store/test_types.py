"""Moments on SQLite, where they are text: what is compared and sorted there must be written in one way."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import DateTime
from sqlalchemy.dialects import sqlite

from smtpintake.store.types import UtcDateTime

_WRITE = UtcDateTime().bind_processor(sqlite.dialect())


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 2, 10, 0, tzinfo=UTC),
        datetime(2026, 3, 2, 10, 0, 0, 7, tzinfo=UTC),
        datetime(999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ],
)
def test_a_moment_is_the_text_that_sqlalchemy_writes(moment: datetime) -> None:
    theirs = DateTime().dialect_impl(sqlite.dialect()).bind_processor(sqlite.dialect())
    assert _WRITE is not None
    assert theirs is not None
    assert _WRITE(moment) == theirs(moment)


def test_a_moment_of_another_zone_is_the_same_text() -> None:
    assert _WRITE is not None
    there = datetime(2026, 3, 2, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert _WRITE(there) == _WRITE(there.astimezone(UTC)) == "2026-03-02 10:00:00.000000"


def test_a_moment_without_a_zone_is_refused() -> None:
    assert _WRITE is not None
    with pytest.raises(ValueError, match="without a time zone"):
        _WRITE(datetime(2026, 3, 2))


def test_no_moment_is_nothing() -> None:
    assert _WRITE is not None
    assert _WRITE(None) is None
