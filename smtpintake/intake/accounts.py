"""`Accounts`: who may log in, and how often somebody may fail to.

Contract: a password is verified in a thread, never on the event loop, and only so many at a time: argon2 is slow on
purpose. A name that nobody has costs the same time. Failures are counted by peer and by name within moving windows;
beyond them nothing is verified at all. A peer that has logged in to an account is not locked out of it by what others
try there.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from smtpintake.intake.limits import Rate
from smtpintake.intake.peers import network
from smtpintake.intake.rates import Counted, Rates
from smtpintake.intake.sasl import Credentials, prepared
from smtpintake.mail.envelope import Login
from smtpintake.mail.reason import Reason

FAILURES_OF_A_PEER: Final = Rate(20, 900)
FAILURES_OF_A_NAME: Final = Rate(50, 900)

# OWASP's least for argon2id: 19 MB and some 30 ms a login, which a server that also takes mail can afford.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_AT_A_TIME: Final = 2
_MAX_KNOWN: Final = 10_000


def hash_password(password: str) -> str:
    """What `password_hash` of an account holds."""
    return _HASHER.hash(prepared(password))


@dataclass(frozen=True, slots=True)
class Account:
    """`password_hash` is argon2id's in its usual form. `senders` are folded addresses and `@domain`s."""

    username: str
    password_hash: str = field(repr=False)
    senders: tuple[str, ...] = ()


class Accounts:
    """One for each process. `rates` counts `Counted.LOGINS_OF_PEER` and `LOGINS_OF_NAME`, perhaps for all of them."""

    def __init__(self, accounts: Iterable[Account], rates: Rates | None = None) -> None:
        self._accounts: Final = {prepared(account.username): account for account in accounts}
        self._rates: Final = rates or Rates(
            {Counted.LOGINS_OF_PEER: FAILURES_OF_A_PEER, Counted.LOGINS_OF_NAME: FAILURES_OF_A_NAME}
        )
        self._turn: Final = asyncio.Semaphore(_AT_A_TIME)
        self._threads: Final = ThreadPoolExecutor(_AT_A_TIME, "login")
        self._known: Final[OrderedDict[tuple[str, str], None]] = OrderedDict()

    async def log_in(self, credentials: Credentials, peer_ip: str) -> Login | Reason:
        """The login, or why there is none: LOGIN_FAILED, or LOGIN_LIMIT after too many of these. Without a `peer_ip`
        nobody knows who asks, and failures count for the name alone.
        """
        name, peer = credentials.username, network(peer_ip)
        # The turn is taken before the counters are asked, so that sessions side by side get no more tries than one.
        async with self._turn:
            if await self._is_over(name, peer):
                return Reason.LOGIN_LIMIT
            account = self._accounts.get(name)
            if account is None or not await self._is_right(account, credentials):
                if account is None and self._accounts:
                    await self._is_right(next(iter(self._accounts.values())), credentials)
                if peer:
                    await self._rates.count(Counted.LOGINS_OF_PEER, peer)
                await self._rates.count(Counted.LOGINS_OF_NAME, name)
                return Reason.LOGIN_FAILED
        if peer:
            self._remember(name, peer)
        return Login(account.username, account.senders)

    async def _is_over(self, name: str, peer: str) -> bool:
        if peer and await self._rates.exceeded(Counted.LOGINS_OF_PEER, peer):
            return True
        return (name, peer) not in self._known and bool(await self._rates.exceeded(Counted.LOGINS_OF_NAME, name))

    async def _is_right(self, account: Account, credentials: Credentials) -> bool:
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(self._threads, _matches, account.password_hash, credentials.password)
        # RFC 4616 s2: to act as somebody else is not for anybody here.
        return matches and credentials.acts_as in ("", credentials.username)

    def _remember(self, name: str, peer: str) -> None:
        self._known[name, peer] = None
        self._known.move_to_end((name, peer))
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except VerifyMismatchError:
        return False
