"""`LmtpDialogue`: LMTP (RFC 2033), as a mail server on this machine or next to it hands mail over.

Contract: SMTP but for the greeting, and for the replies to a message: one for each recipient that was accepted, each
with its own verdict. So nothing needs to be held only because another recipient took it.
"""

# ruff: noqa: N802, ARG002 - aiosmtpd calls a command's method smtp_VERB, and gives each its argument

from smtpintake.intake.dialogue import Dialogue
from smtpintake.mail.envelope import ToldBy
from smtpintake.mail.reply import LMTP_ONLY, Reply


class LmtpDialogue(Dialogue):
    """A session from LHLO to QUIT. The peer is a relay always: nobody's own client speaks LMTP."""

    def _trusted(self) -> ToldBy | None:
        if not self.client.peer.ip:
            return ToldBy.XCLIENT  # who may write to a Unix socket, its file's mode says
        return super()._trusted() or ToldBy.NOBODY

    def _greet(self) -> None:
        self.reply(Reply(220, None, f"{self.hostname} LMTP smtpintake"))

    async def smtp_LHLO(self, hostname: str | None) -> None:
        # RFC 2033 s4.1: identical to EHLO.
        await super().smtp_EHLO(hostname)

    async def smtp_EHLO(self, hostname: str | None) -> None:
        self.reply(LMTP_ONLY)  # RFC 2033 s4.1: HELO and EHLO must be refused

    async def smtp_HELO(self, hostname: str | None) -> None:
        self.reply(LMTP_ONLY)
