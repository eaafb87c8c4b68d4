"""Macros of SPF (RFC 7208 s7): the domain that a domain-spec means for one client and sender."""

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from smtpintake.auth.spfrecord import DomainSpec, Macro

MAX_NAME: Final = 253

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Sender:
    """What the macros speak of: the client, its HELO name and the identity `local_part@domain`."""

    address: Address
    helo: str
    local_part: str
    domain: str


def expand(spec: DomainSpec, sender: Sender, domain: str, validated: str = "unknown") -> str:
    """The name that `spec` means while `domain` is checked; `validated` is what %{p} stands for."""
    if not spec:
        return domain
    if len(spec) == 1 and isinstance(spec[0], str):
        name = spec[0]
    else:
        name = "".join(
            part if isinstance(part, str) else _transformed(part, _value(part.letter, sender, domain, validated))
            for part in spec
        )
    name = name.removesuffix(".").lower()
    if len(name) > MAX_NAME:
        # s7.3: labels are dropped on the left until it fits.
        name = name[-MAX_NAME:] if name[-MAX_NAME - 1] == "." else name[-MAX_NAME:].partition(".")[2]
    return name


def uses_validated(spec: DomainSpec) -> bool:
    """Whether it needs %{p}, which needs DNS."""
    return any(isinstance(part, Macro) and part.letter == "p" for part in spec)


def _value(letter: str, sender: Sender, domain: str, validated: str) -> str:
    match letter:
        case "s":
            return f"{sender.local_part}@{sender.domain}"
        case "l":
            return sender.local_part
        case "o":
            return sender.domain
        case "d":
            return domain
        case "i":
            return dotted(sender.address)
        case "p":
            return validated
        case "v":
            return "in-addr" if sender.address.version == 4 else "ip6"
        case _:
            return sender.helo


def dotted(address: Address) -> str:
    """`192.0.2.1`, or the 32 nibbles of an IPv6 address with dots between them."""
    return str(address) if address.version == 4 else ".".join(f"{int(address):032x}")


def _transformed(macro: Macro, value: str) -> str:
    for delimiter in macro.delimiters:
        value = value.replace(delimiter, "\0")
    parts = value.split("\0")
    if macro.is_reversed:
        parts.reverse()
    value = ".".join(parts[-macro.keep :] if macro.keep else parts)
    return quote(value, safe="-._~") if macro.is_escaped else value
