"""Where the published test suites lie: beside the checkout, or where SMTPINTAKE_VECTORS says. None is copied in."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("SMTPINTAKE_VECTORS") or Path(__file__).parents[2] / "shared" / "vectors")


def path(name: str) -> Path:
    """The file `name` of the suites; skips the module where it is absent."""
    found = FOLDER / name
    if not found.exists():
        pytest.skip(f"{found} is absent", allow_module_level=True)
    return found
