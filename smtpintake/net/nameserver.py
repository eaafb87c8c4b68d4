"""Name servers: which ones there are, and one question to one of them over TCP. Over UDP: see `net.ports`.

Contract: `ask_tcp` gives the reply that belongs to the question, whatever its code, or raises one of `SILENCE`. No
deadline here: the caller has it.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from smtpintake.net.dnswire import Message, Query, WireError, parse

RESOLV_CONF: Final = Path("/etc/resolv.conf")
# No reply that could be read. TimeoutError is an OSError.
SILENCE: Final = (OSError, EOFError, WireError)

_PORT: Final = 53
_MAX_MESSAGE: Final = 65_535
_NAMESERVER: Final = re.compile(r"nameserver[ \t]+(\S+)")


@dataclass(frozen=True, slots=True)
class Nameserver:
    """`address` is an IP address, of IPv6 perhaps with a zone (`fe80::1%eth0`)."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return self.address if self.port == _PORT else f"{host}:{self.port}"

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @property
    def sockaddr(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """As `socket.connect` takes it, without asking anybody."""
        host, _, zone = self.address.partition("%")
        return (host, self.port, 0, socket.if_nametoindex(zone)) if zone else (host, self.port)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. Raises ValueError."""
        match = re.fullmatch(r"\[([^\]]+)\](?::([0-9]{1,5}))?|([^:]+):([0-9]{1,5})", text.strip())
        address, port = (match[1] or match[3], match[2] or match[4]) if match else (text.strip(), None)
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise ValueError(f"{text!r} is no IP address, or IP:PORT, of a name server") from None
        if port and not 0 < int(port) < 65536:
            raise ValueError(f"{text!r} names no port")
        return cls(address, int(port or _PORT))


def system_nameservers(file: Path = RESOLV_CONF) -> Sequence[Nameserver]:
    """Those of resolv.conf, as it is now; none where there is no such file. Cheap to call often."""
    try:
        return _listed(file, file.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=4)
def _listed(file: Path, _changed: int) -> Sequence[Nameserver]:
    lines = map(_NAMESERVER.match, file.read_text("utf-8", "replace").splitlines())
    found = []
    for address in (line[1] for line in lines if line):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue  # The system's resolver passes over it as well.
        found.append(Nameserver(address))
    return tuple(found)


async def ask_tcp(server: Nameserver, query: Query) -> Message:
    """The reply over TCP, whole (RFC 7766 s8)."""
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        writer.write(len(query.octets).to_bytes(2, "big") + query.octets)
        message = parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))
    finally:
        writer.transport.abort()
    if not query.is_answered_by(message):
        raise WireError("it answers another question")
    return message
