"""`Listener`: the sockets of the SMTP server, and how they close.

Contract: `listen` may be called once for each address; the sessions of all of them count against the same caps. After
`drain` nothing listens: idle clients were told 421 4.3.2, transactions were given time to end.
"""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from smtpintake.intake import unixsocket
from smtpintake.intake.accounts import Accounts
from smtpintake.intake.certificate import Certificate
from smtpintake.intake.dialogue import Dialogue
from smtpintake.intake.guards import Guards
from smtpintake.intake.handler import Handler, Journey
from smtpintake.intake.limits import Limits
from smtpintake.intake.lmtp import LmtpDialogue
from smtpintake.intake.options import Options
from smtpintake.intake.relay import NO_RELAYS, TrustedRelays
from smtpintake.intake.service import Service
from smtpintake.intake.sessions import Sessions
from smtpintake.intake.spool import SpoolSpace

_BACKLOG: Final = 1024  # connections that the kernel keeps while we are busy; 421 is our answer to too many, not RST
_PLAIN: Final = Options()


class Listener:
    """An SMTP server. Make one in each process; several may share an address with `reuse_port`."""

    def __init__(
        self,
        journey: Journey,
        limits: Limits,
        spool_folder: Path,
        *,
        relays: TrustedRelays = NO_RELAYS,
        guards: Guards | None = None,
        certificate: Certificate | None = None,
        accounts: Accounts | None = None,
    ) -> None:
        self._limits: Final = limits
        self._relays: Final = relays
        self._certificate: Final = certificate
        self._accounts: Final = accounts
        self._handler: Final = Handler(journey, limits.max_message_size, limits.max_recipients, guards)
        self.space: Final = SpoolSpace(spool_folder, limits.max_memory)
        self._servers: list[asyncio.Server] = []
        self._paths: list[Path] = []
        self.sessions: Final = Sessions(
            limits.max_connections, limits.max_connections_per_peer, self._handler.guards.is_exempt
        )

    async def listen(self, host: str, port: int, options: Options = _PLAIN, *, reuse_port: bool = False) -> str:
        """Listen there, port 0 for any that is free; the listener's name, `127.0.0.1:2525`. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.create_server(
            (host, port), family=family, backlog=_BACKLOG, reuse_port=reuse_port, dualstack_ipv6=False
        )
        bound = sock.getsockname()
        name = f"[{bound[0]}]:{bound[1]}" if family == socket.AF_INET6 else f"{bound[0]}:{bound[1]}"
        server = await asyncio.get_running_loop().create_server(
            self._dialogue(name, options), sock=sock, backlog=_BACKLOG
        )
        self._servers.append(server)
        return name

    async def listen_unix(self, path: Path, mode: int, options: Options) -> str:
        """Listen on a Unix socket whose file has `mode`; the listener's name, `unix:/run/x.sock`. Raises OSError."""
        name = f"unix:{path}"
        sock = unixsocket.bind(path, mode)
        server = await asyncio.get_running_loop().create_unix_server(
            self._dialogue(name, options), sock=sock, backlog=_BACKLOG
        )
        self._servers.append(server)
        self._paths.append(path)
        return name

    def _dialogue(self, name: str, options: Options) -> Callable[[], Dialogue]:
        """What makes the sessions of one listening socket."""
        loop = asyncio.get_running_loop()
        service = Service(
            name,
            self._limits,
            self._handler,
            self.space,
            self.sessions,
            options,
            self._relays,
            self._certificate,
            self._accounts,
        )
        dialogue = LmtpDialogue if options.lmtp else Dialogue
        return lambda: dialogue(service, loop)

    async def drain(self, deadline: float) -> int:
        """Stop listening, let sessions end for `deadline` seconds; how many had to be cut off."""
        for server in self._servers:
            server.close()
        for path in self._paths:
            unixsocket.remove(path)
        return await self.sessions.drain(deadline)
