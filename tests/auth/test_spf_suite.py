"""The published RFC 7208 suite, each case a test: our resolver asks a real DNS server that has the suite's zones."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from smtpintake.net.lookups import Lookups
from smtpintake.net.resolver import Resolver
from tests.dns import DROP, Node, Server, dns_server
from tests.vectors import path

Scenario = dict[str, Any]

SCENARIOS: list[Scenario] = list(yaml.safe_load_all(path("spf/rfc7208-tests.yml").read_text("utf-8")))
CASES = [
    pytest.param(number, case, id=f"{number}-{name}")
    for number, scenario in enumerate(SCENARIOS)
    for name, case in scenario["tests"].items()
]


def node(entries: list[Any]) -> Node:
    """The suite's records of a name. Type SPF means TXT as well, where no TXT is given."""
    records: dict[str, list[str]] = {}
    for rdtype, data in (pair for entry in entries if isinstance(entry, dict) for pair in entry.items()):
        match rdtype:
            case "MX":
                text = f"{data[0]} {data[1] or '.'}"
            case "TXT" | "SPF":
                text = "".join(data)
            case _:
                text = data
        records.setdefault(rdtype, []).append(text)
    if "TIMEOUT" in entries and records.get("TXT", ["NONE"]) == ["NONE"]:
        return DROP
    texts = [text for text in records.get("TXT", records.get("SPF", [])) if text != "NONE"]
    return {**records, "TXT": texts} if texts or "CNAME" not in records else records


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[int, Server]]:
    """A server for each scenario that was needed."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        class Servers(dict[int, Server]):
            def __missing__(self, number: int) -> Server:
                zone = {name: node(entries) for name, entries in SCENARIOS[number]["zonedata"].items()}
                self[number] = stack.enter_context(dns_server(zone))
                return self[number]

        yield Servers()


@pytest.mark.parametrize(("number", "case"), CASES)
async def test_case(servers: dict[int, Server], number: int, case: dict[str, Any]) -> None:
    local_part, _, domain = case["mailfrom"].rpartition("@")
    async with Resolver([servers[number].address], query_timeout=0.2) as resolver:
        lookups = Lookups(resolver, 8.0)
        mail_from, _ = await lookups.spf(case["host"], case["helo"].lower(), domain.lower(), local_part)
        expected = case["result"]
        assert mail_from.result in (expected if isinstance(expected, list) else [expected]), mail_from.detail
        assert mail_from.domain == (domain or case["helo"]).lower()
        assert len(mail_from.detail) <= 300
        assert mail_from.detail.isprintable()
        assert len({(answer.name, answer.rdtype) for answer in lookups.answers}) == len(lookups.answers)
