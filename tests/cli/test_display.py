"""What is shown on a terminal: aligned, cut to its width, and harmless."""

import pytest

from smtpintake.cli.display import one_line, print_record, print_table, print_text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (7, "7"),
        (["a", "b\nc"], "a, b c"),
        ({"a": "x", "b": ["y", "z"]}, "a=x, b=y, z"),
        ("tab\there\r\n", "tab here  "),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("Grüße 日本", "Grüße 日本"),
    ],
)
def test_text_becomes_one_harmless_line(value: object, shown: str) -> None:
    assert one_line(value) == shown


def test_columns_stand_under_each_other_whatever_the_script(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("name", "n"), [("日本", 1), ("a\u0301b", 2), ("plain", 3)], nothing="")
    assert capsys.readouterr().out == "NAME   N\n日本   1\na\u0301b     2\nplain  3\n"


def test_the_widest_columns_are_cut_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("id", "long", "wide"), [("0123456789", "x" * 60, "日" * 40)], nothing="")
    line = capsys.readouterr().out.splitlines()[1]
    assert line == f"0123456789  {'x' * 32}…  {'日' * 16}…"


def test_kept_columns_are_cut_last(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("id", "text"), [("x" * 60, "y" * 40)], nothing="", keep=1)
    assert capsys.readouterr().out.splitlines()[1] == f"{'x' * 60}  {'y' * 17}…"
    print_table(("id", "text"), [("x" * 90, "y" * 40)], nothing="", keep=1)
    assert capsys.readouterr().out.splitlines()[1] == f"{'x' * 90}  {'y' * 7}…"


def test_a_pipe_gets_all_of_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    print_table(("n", "text", "more"), [("x", "y" * 400, "z" * 400)], nothing="")
    assert capsys.readouterr().out.splitlines()[1] == f"x  {'y' * 400}  {'z' * 400}"


def test_a_record_leaves_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    print_record((("name", "x"), ("nothing", None), ("empty", []), ("number", 0), ("no", False)))
    assert capsys.readouterr().out == "name:   x\nnumber: 0\nno:     no\n"


def test_a_text_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_text("a\r\nb\x1b[31m\n\nc", "  ")
    assert capsys.readouterr().out == "  a\n  b\ufffd[31m\n\n  c\n"
