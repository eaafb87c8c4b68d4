"""`Dnsbl`: which block lists name a client (RFC 5782), asked of DNS all at once.

Contract: `ask` never raises for what DNS does; a list that cannot be asked lists nobody. Addresses that are not of the
public internet are never asked about: no list knows them, and whose they are is nobody's business. Texts that a list
offers (TXT) are not even read: they are another's words.
"""

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import Final, NamedTuple

import structlog

from smtpintake.auth.answers import Answer
from smtpintake.mail.envelope import Listing
from smtpintake.net.resolver import Resolver
from smtpintake.net.zone import LISTED, Action, Zone

# What lists say that don't answer this resolver: it asks too often, or for too many (a public one).
_DECLINED: Final = IPv4Network("127.255.255.0/24")

_log: Final = structlog.get_logger(__name__)


class Listed(NamedTuple):
    """A listing, and what it costs."""

    action: Action
    listing: Listing


class Dnsbl:
    """One for each process."""

    def __init__(self, resolver: Resolver, zones: Sequence[Zone]) -> None:
        self._resolver: Final = resolver
        self._zones: Final = tuple(zones)
        self._declined: Final[set[str]] = set()

    async def ask(self, ip: str) -> tuple[Listed, ...]:
        """Who lists the client, in the order of the zones."""
        label = reversed_label(ip)
        if label is None:
            return ()
        asked = (self._resolver.resolve(f"{label}.{zone.name}", "A") for zone in self._zones)
        answers = await asyncio.gather(*asked)
        listed = []
        for zone, answer in zip(self._zones, answers, strict=True):
            if codes := self._codes(zone, answer):
                listed.append(Listed(zone.action, Listing(zone.name, codes)))
        return tuple(listed)

    def _codes(self, zone: Zone, answer: Answer) -> tuple[str, ...]:
        codes = [IPv4Address(record) for record in answer.records]
        if zone.name not in self._declined and any(code in _DECLINED for code in codes):
            self._declined.add(zone.name)
            _log.warning("a block list declines to answer this resolver", zone=zone.name, answer=answer.records)
        counts = zone.codes or (LISTED,)
        return tuple(
            str(code)
            for code in codes
            if code in LISTED and code not in _DECLINED and any(code in network for network in counts)
        )


def reversed_label(ip: str) -> str | None:
    """What goes before the list's name: `1.2.0.192`, or nibbles for IPv6 (RFC 5782 s2.1, s2.4); None for what is never
    asked.
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if not address.is_global:
        return None
    return address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
