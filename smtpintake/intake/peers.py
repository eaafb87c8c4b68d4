"""Which addresses count as one peer, and which belong to networks that the admin names.

Contract: pure. An address is text as the socket gives it; what is none (a mail handed over without a socket has `""`)
is a peer by itself and in no network.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def network(ip: str, ipv4: int = 32, ipv6: int = 64) -> str:
    """The network that counts as one peer, `192.0.2.1` or `2001:db8:0:1::/64`: whoever has an IPv6 address can choose
    the last 64 bits.
    """
    address = _address(ip)
    if address is None:
        return ip
    bits = ipv4 if address.version == 4 else ipv6
    return str(address) if bits == address.max_prefixlen else str(ip_network((address, bits), strict=False))


def within(ip: str, networks: Sequence[Network]) -> bool:
    """Whether the address belongs to one of `networks`."""
    address = _address(ip) if networks else None
    return address is not None and any(address in each for each in networks)


@lru_cache(maxsize=1024)
def _address(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    # RFC 4291 s2.5.5.2: an IPv4 client on a socket of both families.
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
