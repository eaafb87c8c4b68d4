"""Where the files are that travel with the code: `alembic/`, `templates/`, `conf/`.

Contract: in an installed smtpintake they lie inside the package (the wheel puts them there), in a checkout beside it.
"""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """The folder `name` as it travels with this smtpintake. Raises FileNotFoundError where it is missing."""
    for folder in (_PACKAGE / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of smtpintake has no folder {name}/; install it again")
