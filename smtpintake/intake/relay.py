"""`TrustedRelays`: which peers stand between the clients and us, and how each of them tells who its client is.

Contract: values only. Of several networks that hold an address the one with the longest prefix decides.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from smtpintake.intake.peers import Network
from smtpintake.mail.envelope import ToldBy


@dataclass(frozen=True, slots=True)
class TrustedRelays:
    """Made with `of`; `networks` stand in the order in which they are asked."""

    networks: tuple[tuple[Network, ToldBy], ...] = ()

    @classmethod
    def of(cls, networks: Iterable[tuple[Network, ToldBy]]) -> Self:
        return cls(tuple(sorted(networks, key=lambda entry: -entry[0].prefixlen)))

    def told_by(self, ip: str) -> ToldBy | None:
        """How the peer at `ip` tells of its client, or None: nobody trusts it, it is the client."""
        if not self.networks or not ip:
            return None
        address = ipaddress.ip_address(plain_ip(ip))
        return next((told for network, told in self.networks if address in network), None)


NO_RELAYS: Final = TrustedRelays()


def plain_ip(text: str) -> str:
    """`text` in its shortest form; IPv4 that was mapped into IPv6 as IPv4 (RFC 4291 s2.5.5.2). Raises ValueError."""
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
