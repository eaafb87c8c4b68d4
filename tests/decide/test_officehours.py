"""When somebody is there."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from smtpintake.decide.policy.officehours import OfficeHours

BERLIN = OfficeHours(
    open=("mon-fri 09:00-17:30", "sat 22:00-24:00"),
    timezone="Europe/Berlin",
    holidays=("2026-12-25",),  # type: ignore[arg-type]
    text="Back soon.",
)


@pytest.mark.parametrize(
    ("moment", "there"),
    [
        ("2026-03-02 08:00", True),  # a Monday, 09:00 there
        ("2026-03-02 07:59", False),
        ("2026-03-02 16:29", True),
        ("2026-03-02 16:30", False),
        ("2026-07-06 07:00", True),  # in summer time
        ("2026-07-06 15:30", False),
        ("2026-03-01 12:00", False),  # a Sunday
        ("2026-02-28 22:59", True),  # a Saturday, before midnight there
        ("2026-02-28 23:00", False),
        ("2026-12-25 12:00", False),  # a Friday
        ("2026-12-24 12:00", True),
    ],
)
def test_hours_are_of_the_place(moment: str, *, there: bool) -> None:
    assert BERLIN.is_open(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is there


def test_days_may_go_over_the_end_of_the_week() -> None:
    hours = OfficeHours(open=("sat-mon 10:00-12:00",), text="Back soon.")
    days = [day for day in range(1, 8) if hours.is_open(datetime(2026, 3, day, 11, tzinfo=UTC))]
    assert days == [1, 2, 7]


def test_without_hours_somebody_is_always_there() -> None:
    assert OfficeHours().is_open(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "wrong",
    [
        {"open": ["mon-fri 17:00-09:00"], "text": "x"},
        {"open": ["mon-fri 9:00-17:00"], "text": "x"},
        {"open": ["mon-fre 09:00-17:00"], "text": "x"},
        {"open": ["mon-fri 09:00-25:00"], "text": "x"},
        {"open": ["always"], "text": "x"},
        {"open": ["mon 09:00-17:00"]},
        {"text": "x"},
        {"timezone": "Middle/Earth"},
        {"timezone": "Europe"},
        {"timezone": "../etc/passwd"},
        {"holidays": ["25.12."]},
    ],
)
def test_what_is_wrong_is_said(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OfficeHours.model_validate(wrong)
