"""SPF for the two identities of a mail, MAIL FROM and HELO, through the mail's `Lookups`.

Contract: never raises for what a domain publishes. While everything is in the cache nothing waits and no task is made.
From the first question that is not, what the records may ask later is asked ahead, so that a tree of includes takes as
many round trips as it is deep.
"""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smtpintake.auth.answers import Answer
from smtpintake.auth.results import AuthResult, SpfIdentity, SpfResult
from smtpintake.auth.spf import Check, client_address, is_domain

if TYPE_CHECKING:
    from smtpintake.net.lookups import Lookups

_MAX_AHEAD: Final = 20  # questions that perhaps nobody needs, for a mail


async def check(
    lookups: "Lookups", peer_ip: str, helo: str, domain: str, local_part: str
) -> tuple[SpfResult, SpfResult]:
    """The results for MAIL FROM and for HELO, both folded. An empty `domain` is the null reverse-path.

    A client without an IP address (it came over a Unix socket) has no results.
    """
    if not _is_address(peer_ip):
        why = "the client has no IP address"
        return (
            SpfResult(AuthResult.NONE, SpfIdentity.MAIL_FROM, domain or helo, why),
            SpfResult(AuthResult.NONE, SpfIdentity.HELO, helo, why),
        )
    of_helo = Check(SpfIdentity.HELO, peer_ip, helo, helo)
    if not domain:
        # RFC 7208 s2.4: postmaster at the HELO name stands for it.
        result = await _run(of_helo, _Ahead(lookups, (of_helo,)))
        return replace(result, identity=SpfIdentity.MAIL_FROM), result
    of_mail_from = Check(SpfIdentity.MAIL_FROM, peer_ip, helo, domain, local_part)
    ahead = _Ahead(lookups, (of_mail_from, of_helo))
    return await _run(of_mail_from, ahead), await _run(of_helo, ahead)


def _is_address(text: str) -> bool:
    try:
        client_address(text)
    except ValueError:
        return False
    return True


async def _run(check: Check, ahead: "_Ahead") -> SpfResult:
    """Lead the dialogue of `check` with DNS."""
    steps = check.evaluate()
    try:
        questions = next(steps)
        while True:
            if (answers := ahead.lookups.recall(questions)) is None:
                ahead.start()
                answers = await ahead.lookups.ask(questions)
            questions = steps.send(answers)
    except StopIteration as end:
        result: SpfResult = end.value
        return result


class _Ahead:
    """Asks what `checks` may ask, as soon as the record that says so is there."""

    def __init__(self, lookups: "Lookups", checks: tuple[Check, ...]) -> None:
        self.lookups: Final = lookups
        self._checks: tuple[Check, ...] = checks
        self._seen: Final[set[tuple[Check, str]]] = set()
        self._left = _MAX_AHEAD

    def start(self) -> None:
        """Once; later calls do nothing."""
        checks, self._checks = self._checks, ()
        for check in checks:
            if is_domain(check.domain):
                self._explore(check, check.domain)

    def _explore(self, check: Check, domain: str) -> None:
        """The record of `domain`, and what it leads to."""
        if (check, domain) in self._seen or self._left <= 0:
            return
        self._seen.add((check, domain))
        self._left -= 1

        def arrived(flight: "asyncio.Task[Answer]") -> None:
            if not flight.cancelled():
                self._arrived(check, domain, flight.result())

        known = self.lookups.begin(domain, "TXT")
        if isinstance(known, Answer):
            self._arrived(check, domain, known)
        else:
            known.add_done_callback(arrived)

    def _arrived(self, check: Check, domain: str, answer: Answer) -> None:
        for name, rdtype in check.ahead(domain, answer):
            if rdtype == "TXT":
                self._explore(check, name)
            elif self._left > 0:
                self._left -= 1
                self.lookups.begin(name, rdtype)
