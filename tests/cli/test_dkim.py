"""`dkim new`: keys that the settings can name, records that DNS can hold, and a doctor who compares the two."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dnslib import RR

from smtpintake.outbox.signing import read_key
from tests.cli.conftest import Run
from tests.dns import dns_server


def test_keys_are_made_for_their_owner_alone(command: Run, folder: Path) -> None:
    status, out, _ = command("dkim", "new", "Example.org")
    assert status == 0
    zone, _, settings = out.partition("# then add to the settings")
    keys = tomllib.loads(settings.partition("\n")[2])["dkim"]["keys"]
    assert [key["domain"] for key in keys] == ["example.org", "example.org"]
    records = {str(rr.rname).rstrip("."): b"".join(rr.rdata.data).decode() for rr in RR.fromZone(zone)}
    for key in keys:
        file = folder / key["file"]
        assert file.stat().st_mode & 0o777 == 0o600
        made = read_key(key["domain"], key["selector"], file.read_bytes())
        assert records[made.name] == made.record
        assert all(len(string) <= 255 for rr in RR.fromZone(zone) for string in rr.rdata.data)


def test_a_key_is_never_overwritten(command: Run, folder: Path) -> None:
    arguments = ("dkim", "new", "example.org", "--selector", "s", "--algorithm", "ed25519", "--folder", "keys")
    assert command(*arguments)[0] == 0
    before = (folder / "keys" / "example.org.s.pem").read_bytes()
    status, out, err = command(*arguments)
    assert (status, out) == (1, "")
    assert err == "smtpintake: keys/example.org.s.pem: already there; choose another --selector\n"
    assert (folder / "keys" / "example.org.s.pem").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("exa mple.org",), "exa mple.org"),
        (("example.org", "--selector", "s"), "give --algorithm as well"),
        (("example.org", "--selector", "../s", "--algorithm", "rsa"), "selector"),
    ],
)
def test_what_names_no_key_is_refused(command: Run, arguments: tuple[str, ...], why: str) -> None:
    status, _, err = command("dkim", "new", *arguments)
    assert status == 2
    assert why in err


def test_doctor_compares_dns_with_the_key(
    command: Run, as_json: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = as_json("dkim", "new", "example.org", "--selector", "s", "--algorithm", "ed25519")
    (other,) = as_json("dkim", "new", "example.org", "--selector", "o", "--algorithm", "ed25519")

    def told(record: str) -> dict[str, Any]:
        zone = {made["name"]: {"TXT": [record]}} if record else {}
        with dns_server(zone) as server:
            (folder / "s.toml").write_text(
                f"""[dns]
nameservers = ["{server.address}"]
[[dkim.keys]]
domain = "example.org"
selector = "s"
file = "{made["file"]}"
"""
            )
            _, out, _ = command("doctor", "--json", "--config", "s.toml")
        import json

        (check,) = (each for each in json.loads(out) if each["check"].startswith("dkim"))
        return dict(check)

    assert told(made["record"])["result"] == "ok"
    assert told(other["record"])["detail"] == "DNS has another key"
    missing = told("")
    assert missing["result"] == "fail"
    assert made["record"] in missing["mend"]
    (folder / made["file"]).write_text("no key")
    assert "cannot be used" in told(made["record"])["detail"]
