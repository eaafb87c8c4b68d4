"""The published ARC validation suite, all of it."""

from datetime import UTC, datetime

import pytest
import yaml

from smtpintake.auth import arc
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import AuthResult
from smtpintake.mail.prescan import prescan
from tests import vectors
from tests.auth.signing import answers
from tests.mail.letters import crlf

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# A chain that its last sealer ended with cv=fail has no status in the suite. Ours is that of the sealer.
EXPECTED = {"none": AuthResult.NONE, "pass": AuthResult.PASS, "fail": AuthResult.FAIL, "": AuthResult.FAIL}
SUITE = [
    pytest.param(case, scenario["txt-records"], id=name)
    for scenario in yaml.safe_load_all(vectors.path("arc/arc-draft-validation-tests.yml").read_text())
    for name, case in scenario["tests"].items()
]


def test_whole() -> None:
    assert len(SUITE) == 171


@pytest.mark.parametrize(("case", "records"), SUITE)
def test_case(case, records) -> None:
    octets = crlf(case["message"])
    scan = prescan(octets)
    fetched = answers(records, arc.key_names(scan.fields))
    found = arc.verify(octets, scan, fetched, NOW, BodyHashes(octets, scan.body_offset))
    expected = EXPECTED[(case["cv"] or "").strip().lower()]
    assert found.result is expected, found.detail
