"""What a process loads, and what it must not: a start is mostly imports, and what `serve` loads stays in memory for
nothing.
"""

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "sqlmodel", "aiosmtpd", "cryptography", "dkim", "mailparser", "jinja2", "alembic", "pebble")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("smtpintake.cli", HEAVY),
        ("smtpintake.cli.serve", (*HEAVY, "smtpintake.decide.policy")),
        ("smtpintake.cli.outbox", ("aiosmtpd", "jinja2", "alembic", "pebble")),
        ("smtpintake.cli.issue", ("aiosmtpd", "cryptography", "dkim", "mailparser", "jinja2", "alembic", "pebble")),
        ("smtpintake.cli.policy", ("aiosmtpd", "cryptography", "dkim", "mailparser", "jinja2", "alembic", "pebble")),
        (
            "smtpintake.intake.analysis",
            ("sqlalchemy", "pydantic", "aiosmtpd", "jinja2", "structlog", "pebble", "dkim", "dns"),
        ),
        ("smtpintake.cli.intake", ("alembic", "dkim", "dns")),
        ("smtpintake.parts.outbox", ("alembic", "aiosmtpd", "dkim", "dns")),
    ],
)
def test_what_is_not_loaded(module: str, absent: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
    )
    loaded = done.stdout.split()
    assert module in loaded
    assert [name for name in absent if name in loaded] == []
