"""`Listener`: the sockets of the SMTP server, and how they close.

Contract: `listen` may be called once for each address; the sessions of all of them count against the same caps. After
`drain` nothing listens: idle clients were told 421 4.3.2, transactions were given time to end.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from smtpintake.intake.accounts import Accounts
from smtpintake.intake.bound import BACKLOG, Bound
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

_PLAIN: Final = Options()


class Listener:
    """An SMTP server. Make one in each process; several may share an address."""

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
        self._bound: list[Bound] = []
        self.sessions: Final = Sessions(
            limits.max_connections, limits.max_connections_per_peer, self._handler.guards.is_exempt
        )

    async def listen(self, bound: Bound, options: Options = _PLAIN) -> None:
        """Serve who connects there; the socket, and its file, are ours from now on. Raises OSError where somebody else
        listens there meanwhile.
        """
        loop, dialogue = asyncio.get_running_loop(), self._dialogue(bound.name, options)
        listening = loop.create_server if bound.path is None else loop.create_unix_server
        self._servers.append(await listening(dialogue, sock=bound.socket, backlog=BACKLOG))
        self._bound.append(bound)

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
        for bound in self._bound:
            bound.remove()
        return await self.sessions.drain(deadline)
