"""The hooks of an SMTP session: what is decided at MAIL, at RCPT and after DATA, and who is told.

Contract: the protocol knows octets and grammar, the `Journey` knows mail; between them stands `Handler`, which knows a
transaction. A refusal is told to the journey, which logs it and gives the reply that names the log row. A journey that
raises is a fault of ours: the answer is 451 4.3.0, nothing of the exception goes over the wire.
"""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from smtpintake.decide.policy import Policy
from smtpintake.decide.routing import route
from smtpintake.intake.client import Client, Transaction
from smtpintake.intake.guards import Guards, Refused
from smtpintake.intake.inquiry import Inquiry
from smtpintake.intake.spool import Received
from smtpintake.intake.submission import Refusal
from smtpintake.mail.address import MAX_PATH, NULL_PATH, Mailbox, ReversePath
from smtpintake.mail.envelope import Envelope, Listing
from smtpintake.mail.ids import new_id
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import RECIPIENT_OK, REFUSALS, SENDER_OK, Replies, Reply
from smtpintake.store.greylist import Triplet

# Who looks for addresses, or for a relay, hears these.
_GUESSES: Final = frozenset((Reason.RCPT_UNKNOWN, Reason.RCPT_DOMAIN))

_log = structlog.get_logger(__name__)


class Journey(Protocol):
    """What a message travels through, as far as the SMTP side sees it."""

    def policy(self) -> Policy:
        """The newest policy, from memory."""
        ...

    def inquire(self, envelope: Envelope) -> Inquiry | None:
        """What DNS must say of a mail whose envelope begins like this; None where nothing is verified."""
        ...

    async def receive(self, envelope: Envelope, mail: Received, inquiry: Inquiry | None) -> Replies:
        """The final reply, which names its log row; over LMTP one for each recipient, or one for all. Takes over
        `mail`: its spool file is gone afterwards.
        """
        ...

    async def refuse(self, refusal: Refusal) -> Reply:
        """Logs the attempt; the reply of its reason, naming the log row."""
        ...


class Handler:
    """One for each listener; holds nothing of a session."""

    def __init__(
        self, journey: Journey, max_message_size: int, max_recipients: int, guards: Guards | None = None
    ) -> None:
        self._journey = journey
        self.guards: Final = guards or Guards()
        self._max_message_size = max_message_size
        self._max_recipients = max_recipients

    async def mail(
        self, client: Client, mail_from: ReversePath, size: int | None, smtputf8: bool
    ) -> tuple[Transaction | None, Reply]:
        """A new transaction, or None with the refusal of its declared size (RFC 1870 s6.1), or of one too many."""
        now = datetime.now(UTC)
        transaction = Transaction(new_id(now), now, mail_from, size, smtputf8)
        if size is not None and size > self._max_message_size:
            detail = f"declared {size} octets, the limit is {self._max_message_size}"
            return None, await self._refuse(client, transaction, Reason.MAIL_SIZE, detail=detail)
        if refused := await self.guards.mail(client, mail_from):
            return None, await self._guarded(client, transaction, refused)
        transaction.inquiry = self._journey.inquire(_envelope(client, transaction))
        return transaction, SENDER_OK

    async def not_this_client(
        self, client: Client, mail_from: ReversePath, size: int | None, refused: Refused
    ) -> Reply:
        """The refusal of a MAIL that the client may not say, or not yet."""
        now = datetime.now(UTC)
        attempt = Transaction(new_id(now), now, mail_from, size, smtputf8=False)
        return await self._refuse(client, attempt, refused.reason, detail=refused.detail)

    async def malformed_sender(self, client: Client, text: str, detail: str) -> Reply:
        now = datetime.now(UTC)
        attempt = Transaction(new_id(now), now, NULL_PATH, None, smtputf8=False)
        return await self._refuse(client, attempt, Reason.MAIL_SYNTAX, mail_from=text[:MAX_PATH], detail=detail)

    async def rcpt(self, client: Client, transaction: Transaction, recipient: Mailbox) -> Reply:
        """Adds `recipient` to the transaction, or says why not. One given twice is one, but for the replies of LMTP."""
        if len(transaction.rcpt_to) >= self._max_recipients:
            transaction.overshoot += 1
            detail = f"more than {self._max_recipients} recipients"
            return await self._refuse(client, transaction, Reason.RCPT_LIMIT, rcpt_to=str(recipient), detail=detail)
        if refused := await self.guards.recipient(client):
            return await self._guarded(client, transaction, refused, recipient)
        found = route(self._journey.policy(), recipient)
        if isinstance(found, Reason):
            return await self._unroutable(client, transaction, recipient, found)
        if (too_large := self._too_large(transaction, found.inbox)) is not None:
            return await self._refuse(client, transaction, Reason.RCPT_SIZE, rcpt_to=str(recipient), detail=too_large)
        if refused := await self.guards.inbox(client, transaction, found.inbox):
            transaction.overshoot += 1
            return await self._guarded(client, transaction, refused, recipient)
        if client.lmtp or recipient not in transaction.rcpt_to:
            transaction.rcpt_to.append(recipient)
        return RECIPIENT_OK

    def _too_large(self, transaction: Transaction, inbox: str) -> str | None:
        """Why the inbox doesn't take a mail of the declared size, if so (RFC 1870 s6.2 allows 552 to RCPT)."""
        limit = self._journey.policy().inboxes[inbox].max_size
        if limit is None or transaction.size is None or transaction.size <= limit:
            return None
        return f"declared {transaction.size} octets, inbox {inbox} takes {limit}"

    async def _unroutable(self, client: Client, transaction: Transaction, recipient: Mailbox, reason: Reason) -> Reply:
        detail = "no inbox takes it"
        if reason in _GUESSES and (refused := await self.guards.unknown_recipient(client)):
            reason, detail = refused.reason, f"{detail}; {refused.detail}"
        return await self._refuse(client, transaction, reason, rcpt_to=str(recipient), detail=detail)

    async def _guarded(
        self, client: Client, transaction: Transaction, refused: Refused, recipient: Mailbox | None = None
    ) -> Reply:
        return await self._refuse(
            client,
            transaction,
            refused.reason,
            rcpt_to=None if recipient is None else str(recipient),
            detail=refused.detail,
            subject=refused.subject,
            greylisted=refused.greylisted,
        )

    async def malformed_recipient(self, client: Client, transaction: Transaction, text: str, detail: str) -> Reply:
        return await self._refuse(client, transaction, Reason.RCPT_SYNTAX, rcpt_to=text[:MAX_PATH], detail=detail)

    async def message(self, client: Client, transaction: Transaction, mail: Received) -> Replies:
        """The journey's reply to a whole message; over LMTP one for each RCPT that was accepted."""
        envelope = _envelope(client, transaction, await self.guards.listings(client))
        if transaction.inquiry is not None:
            envelope = transaction.inquiry.envelope(envelope)
        try:
            replies = await self._journey.receive(envelope, mail, transaction.inquiry)
        except Exception:  # noqa: BLE001 - as in `_answer`
            replies = (_fault(),)
        finally:
            mail.discard()
        return _for_each(client, transaction, envelope.rcpt_to, replies)

    async def unreadable(self, client: Client, transaction: Transaction, reason: Reason, size: int) -> Replies:
        """The octets themselves are refused, for every recipient alike: one row each."""
        recipients = tuple(dict.fromkeys(transaction.rcpt_to))
        refusals = (
            self._refuse(
                client, transaction, reason, rcpt_to=str(recipient), size=size, detail=f"in a message of {size} octets"
            )
            for recipient in recipients
        )
        return _for_each(client, transaction, recipients, tuple(await asyncio.gather(*refusals)))

    async def _refuse(
        self,
        client: Client,
        transaction: Transaction,
        reason: Reason,
        *,
        detail: str,
        mail_from: str | None = None,
        rcpt_to: str | None = None,
        size: int | None = None,
        subject: str = "",
        greylisted: Triplet | None = None,
    ) -> Reply:
        refusal = Refusal(
            reason,
            transaction.transaction_id,
            transaction.received_at,
            client.listener,
            client.peer,
            client.hello,
            client.tls,
            str(transaction.mail_from) if mail_from is None else mail_from,
            rcpt_to,
            transaction.size if size is None else size,
            detail,
            subject,
            greylisted,
            client.relay,
            client.login,
        )
        return await self._answer(self._journey.refuse(refusal))

    @staticmethod
    async def _answer(reply: Awaitable[Reply]) -> Reply:
        try:
            return await reply
        except Exception:  # noqa: BLE001 - the sender keeps the mail and tries again; the fault is in the journal
            return _fault()


def _envelope(client: Client, transaction: Transaction, listings: tuple[Listing, ...] = ()) -> Envelope:
    """The envelope so far."""
    if client.hello is None:
        raise ValueError("a transaction begins after HELO or EHLO")
    return Envelope(
        transaction.transaction_id,
        transaction.received_at,
        client.listener,
        client.peer,
        client.hello,
        client.tls,
        transaction.mail_from,
        tuple(dict.fromkeys(transaction.rcpt_to)),
        transaction.smtputf8,
        client.relay,
        client.login,
        client.lmtp,
        listings,
    )


def _fault() -> Reply:
    _log.exception("the journey failed")
    return REFUSALS[Reason.FAULT_INTERNAL]


def _for_each(client: Client, transaction: Transaction, recipients: tuple[Mailbox, ...], replies: Replies) -> Replies:
    """What goes over the wire: one reply (RFC 5321 s4.2.5), or one for each RCPT in its order (RFC 2033 s4.2), where a
    recipient that was given twice hears its verdict twice. `replies` are those of `recipients`, or one for all.
    """
    if not client.lmtp:
        return (replies[0],)
    verdicts = dict(zip(recipients, replies if len(replies) > 1 else replies * len(recipients), strict=True))
    return tuple(verdicts[recipient] for recipient in transaction.rcpt_to)
