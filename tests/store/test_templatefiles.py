"""Templates of the installation's own, read from a folder."""

from pathlib import Path

import pytest

from smtpintake.store.templatefiles import read_templates


@pytest.mark.parametrize(("name", "says"), [("missing", "there is no such folder"), ("x" * 300, "cannot be read")])
def test_a_folder_that_cannot_be_read_is_a_fault(tmp_path: Path, name: str, says: str) -> None:
    read = read_templates(tmp_path / name)
    assert not read.sources
    assert [fault.what.partition(":")[0] for fault in read.faults] == [says]
