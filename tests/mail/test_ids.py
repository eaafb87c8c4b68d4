"""Ids: readable, sortable, unmistakable."""

from datetime import UTC, datetime, timedelta

import pytest

from smtpintake.mail.ids import is_id, new_id

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_ids_sort_in_the_order_of_time() -> None:
    moments = [NOW + timedelta(milliseconds=17 * i) for i in range(2_000)]
    ids = [new_id(moment) for moment in moments]
    assert ids == sorted(ids)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id(NOW) for _ in range(1_000)}) == 1_000


def test_an_id_is_sixteen_characters_that_cannot_be_misread() -> None:
    for _ in range(1_000):
        found = new_id(NOW)
        assert len(found) == 16
        assert is_id(found)
        assert not set(found) & set("ilou")


@pytest.mark.parametrize("text", ["", "06gztn0mfx9ff00k0", "06gztn0mfx9ff00i", "06GZ", "x y", "%"])
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text)
