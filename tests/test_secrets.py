"""The installation's secrets: made where there is none, several while they change."""

from pathlib import Path

import pytest

from smtpintake.store.readiness import NotReadyError
from smtpintake.wiring import drop_former_secrets, load_secret, load_secrets, rotate_secret

OLD, NEW = "o" * 64, "n" * 64


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "var" / "secret"
    assert load_secret(file) == load_secret(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_first_line_signs(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{NEW}\n\n{OLD}\n")
    assert load_secrets(file) == (NEW.encode(), OLD.encode())
    assert load_secret(file) == NEW.encode()


@pytest.mark.parametrize(("text", "why"), [("\n", "holds no secret"), (f"{NEW}\nshort\n", "secret 2 has fewer than")])
def test_what_is_no_secret(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    with pytest.raises(NotReadyError, match=why):
        load_secrets(file)


def test_a_new_secret_signs_and_those_before_it_stay_until_they_are_dropped(tmp_path: Path) -> None:
    file = tmp_path / "var" / "secret"
    assert rotate_secret(file) == 1
    first = load_secrets(file)
    assert rotate_secret(file) == 2
    second, *former = load_secrets(file)
    assert (tuple(former), file.stat().st_mode & 0o777) == (first, 0o600)
    assert second != first[0]
    assert drop_former_secrets(file) == 1
    assert load_secrets(file) == (second,)
    assert [each.name for each in file.parent.iterdir()] == ["secret"]
