"""`Reply`, and the catalogue of every reply that the server can send.

Contract: a reply is a shared, immutable value with a code (RFC 5321 s4.2), an enhanced status code (RFC 3463, RFC 2034)
of the same class, and one line of printable ASCII. Text that came from outside never enters a reply: a CR or LF in it
would forge a second one. Our own faults are always 4yz, policy and content 5yz.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from smtpintake.mail.reason import Reason

# RFC 5321 s4.5.3.1.5: a reply line is at most 512 octets with its code and CRLF.
MAX_TEXT: Final = 480


class ReplyClass(IntEnum):
    """The first digit of a code and of an enhanced status code (RFC 3463 s2)."""

    SUCCESS = 2
    INTERMEDIATE = 3
    TRANSIENT = 4
    PERMANENT = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply. `status` is None only where RFC 2034 s4 allows none: the greeting, EHLO, and 3yz."""

    code: int
    status: tuple[int, int, int] | None
    text: str

    def __post_init__(self) -> None:
        if not 200 <= self.code <= 599:
            raise ValueError(f"reply code {self.code} is out of range")
        if self.status is not None and self.status[0] != self.code // 100:
            raise ValueError(f"enhanced status {self.status} does not belong to code {self.code}")
        if not self.text.isascii() or not self.text.isprintable():
            raise ValueError("a reply text is one line of printable ASCII")
        if len(self.text) > MAX_TEXT:
            raise ValueError(f"a reply text is at most {MAX_TEXT} octets")

    def __str__(self) -> str:
        """The line as it goes over the wire, without CRLF: `550 5.1.1 rcpt.unknown: …`."""
        return f"{self.code} {self.enhanced} {self.text}" if self.status else f"{self.code} {self.text}"

    @property
    def enhanced(self) -> str:
        """`5.1.1`, or an empty string."""
        return ".".join(map(str, self.status)) if self.status else ""

    @property
    def reply_class(self) -> ReplyClass:
        return ReplyClass(self.code // 100)

    def about(self, subject: str) -> "Reply":
        """The same reply, naming what it is about: something that the admin has set, never what a client said."""
        return Reply(self.code, self.status, f"{self.text} ({subject})")

    def logged(self, log_id: str) -> "Reply":
        """The same reply, naming the row of the email log that tells the whole story."""
        return Reply(self.code, self.status, f"{self.text}; log {log_id}")


# What a mail is answered with: one reply for all of its recipients, or one for each, in their order (RFC 2033 s4.2).
Replies = tuple[Reply, ...]


def _refusal(code: int, status: tuple[int, int, int], reason: Reason, text: str) -> Reply:
    return Reply(code, status, f"{reason}: {text}")


# ---- success -------------------------------------------------------------------------------------------------

OK: Final = Reply(250, (2, 0, 0), "OK")
SENDER_OK: Final = Reply(250, (2, 1, 0), "sender OK")
RECIPIENT_OK: Final = Reply(250, (2, 1, 5), "recipient OK")
NOTED: Final = Reply(250, (2, 0, 0), "noted")
FLUSHED: Final = Reply(250, (2, 0, 0), "flushed")
CANNOT_VRFY: Final = Reply(252, (2, 5, 0), "send some mail and see")
HELP: Final = Reply(214, (2, 0, 0), "commands: EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT (RFC 5321)")
BYE: Final = Reply(221, (2, 0, 0), "bye")
READY_FOR_TLS: Final = Reply(220, (2, 0, 0), "ready to start TLS")
AUTHENTICATED: Final = Reply(235, (2, 7, 0), "authenticated")
START_DATA: Final = Reply(354, None, "end data with <CR><LF>.<CR><LF>")
HELD: Final = Reply(250, (2, 0, 0), "held for review")
DISCARDED: Final = Reply(250, (2, 0, 0), "accepted, not processed")


def created(key: str) -> Reply:
    """`250 2.0.0 SUP-12 created`. `key` is an issue key, which is ASCII by construction."""
    return Reply(250, (2, 0, 0), f"{key} created")


def commented(key: str) -> Reply:
    return Reply(250, (2, 0, 0), f"{key} commented")


def of_rule(reason: Reason, code: int, text: str) -> Reply:
    """`550 5.7.1 rule.reject: …`: the admin's own words, which are printable ASCII by validation."""
    return Reply(code, (code // 100, 7, 1), f"{reason}: {text}")


# ---- syntax and sequence (RFC 5321 s4.3.2) -----------------------------------------------------------------------

UNRECOGNISED: Final = Reply(500, (5, 5, 1), "command unrecognised")
LINE_TOO_LONG: Final = Reply(500, (5, 5, 2), "line too long")
BAD_SYNTAX: Final = Reply(501, (5, 5, 4), "syntax error in the arguments")
BARE_NEWLINE_COMMAND: Final = Reply(500, (5, 5, 2), "commands end with CRLF")
LMTP_ONLY: Final = Reply(500, (5, 5, 1), "this is LMTP, say LHLO")
NOT_IMPLEMENTED: Final = Reply(502, (5, 5, 1), "command not implemented")
SEND_HELLO_FIRST: Final = Reply(503, (5, 5, 1), "send EHLO first")
NESTED_MAIL: Final = Reply(503, (5, 5, 1), "nested MAIL command")
TRANSACTION_ACTIVE: Final = Reply(503, (5, 5, 1), "mail transaction in progress")
NEED_MAIL: Final = Reply(503, (5, 5, 1), "need MAIL command")
NEED_RCPT: Final = Reply(503, (5, 5, 1), "need RCPT command")
UNKNOWN_PARAMETER: Final = Reply(555, (5, 5, 4), "parameter not recognised or not implemented")
AUTH_TOO_LONG: Final = Reply(500, (5, 5, 6), "authentication exchange line is too long")
AUTH_NOT_BASE64: Final = Reply(501, (5, 5, 2), "cannot decode the authentication exchange")
AUTH_CANCELLED: Final = Reply(501, (5, 7, 0), "authentication cancelled")
NO_SUCH_MECHANISM: Final = Reply(504, (5, 5, 4), "authentication mechanism not supported")
LOGGED_IN_ALREADY: Final = Reply(503, (5, 5, 1), "already authenticated")
AUTH_NEEDS_TLS: Final = Reply(538, (5, 7, 11), "authentication is for encrypted connections only")
TLS_ACTIVE: Final = Reply(503, (5, 5, 1), "TLS already active")

# ---- refusals, each with its reason ------------------------------------------------------------------------------

REFUSALS: Final[dict[Reason, Reply]] = {
    reason: _refusal(code, status, reason, text)
    for reason, code, status, text in (
        (Reason.CONNECT_OVERLOAD, 421, (4, 3, 2), "too many connections, try again later"),
        (Reason.CONNECT_LIMIT, 421, (4, 7, 0), "too many connections from your address, try again later"),
        (Reason.CONNECT_RATE, 421, (4, 7, 0), "too many connections from your network, try again later"),
        (Reason.CONNECT_IDLE, 421, (4, 4, 2), "idle for too long, closing"),
        (Reason.CONNECT_SLOW, 421, (4, 4, 2), "data arrives too slowly, closing"),
        (Reason.CONNECT_PROXY, 421, (4, 7, 0), "a PROXY header must come first from your address, closing"),
        (Reason.CONNECT_DRAINING, 421, (4, 3, 2), "shutting down, try again soon"),
        (Reason.COMMAND_LIMIT, 421, (4, 7, 0), "too many commands without a mail, closing"),
        (Reason.TLS_REQUIRED, 530, (5, 7, 0), "issue a STARTTLS command first"),
        (Reason.TLS_PIPELINED, 503, (5, 5, 1), "nothing may follow STARTTLS before the handshake, closing"),
        (Reason.LOGIN_REQUIRED, 530, (5, 7, 0), "authentication required"),
        (Reason.LOGIN_FAILED, 535, (5, 7, 8), "authentication credentials invalid"),
        (Reason.LOGIN_LIMIT, 421, (4, 7, 0), "too many failed logins, try again later"),
        (Reason.LOGIN_SENDER, 553, (5, 7, 1), "this account may not send as this address"),
        (Reason.MAIL_SYNTAX, 553, (5, 1, 7), "the sender address is malformed"),
        (Reason.MAIL_SIZE, 552, (5, 3, 4), "the declared size exceeds the limit"),
        (Reason.MAIL_RATE, 451, (4, 7, 1), "too many mails from your network, try again later"),
        (Reason.SENDER_RATE, 451, (4, 7, 1), "too many mails from this sender, try again later"),
        (Reason.RCPT_SYNTAX, 553, (5, 1, 3), "the recipient address is malformed"),
        (Reason.RCPT_UNKNOWN, 550, (5, 1, 1), "no such recipient here, check the address"),
        (Reason.RCPT_DOMAIN, 550, (5, 7, 1), "mail for this domain is not accepted here"),
        (Reason.RCPT_INACTIVE, 550, (5, 2, 1), "this recipient does not take mail at present"),
        (Reason.RCPT_SIZE, 552, (5, 3, 4), "the message is larger than this recipient takes"),
        (Reason.RCPT_LIMIT, 452, (4, 5, 3), "too many recipients, send the rest in another transaction"),
        (Reason.RCPT_HARVEST, 421, (4, 7, 0), "too many unknown recipients from your network, closing"),
        (Reason.PEER_LISTED, 550, (5, 7, 1), "your server is on a block list that we ask"),
        (Reason.PEER_DEFERRED, 451, (4, 7, 1), "your server is on a block list that we ask, try again later"),
        (Reason.RCPT_GREYLIST, 451, (4, 7, 1), "we do not know your server yet, try again in some minutes"),
        (Reason.DATA_SIZE, 552, (5, 3, 4), "the message exceeds the size limit"),
        (Reason.DATA_NEWLINE, 550, (5, 5, 2), "bare CR or LF in the message, lines end with CRLF"),
        (Reason.DATA_NUL, 550, (5, 6, 0), "the message contains a NUL octet"),
        (Reason.MESSAGE_COMPLEX, 554, (5, 6, 0), "the message is too complex to be read safely"),
        (Reason.AUTHOR_MISSING, 550, (5, 6, 0), "the From field is missing"),
        (Reason.AUTHOR_SEVERAL, 550, (5, 6, 0), "the From field must name exactly one author"),
        (Reason.AUTHOR_INVALID, 550, (5, 6, 0), "the From field holds no valid address"),
        (Reason.LOOP_RECEIVED, 554, (5, 4, 6), "too many Received fields, this is a loop"),
        (Reason.SENDER_UNKNOWN, 550, (5, 7, 1), "this address takes mail from registered senders only"),
        (Reason.SENDER_DENIED, 550, (5, 7, 1), "mail from this sender is not accepted here"),
        (Reason.SENDER_DOMAIN, 550, (5, 7, 1), "mail from this sender's domain is not accepted here"),
        (Reason.ATTACHMENT_UNWANTED, 550, (5, 7, 1), "an attachment of this kind or size is not accepted here"),
        (Reason.THREAD_CLOSED, 550, (5, 7, 1), "the issue is closed and takes no replies, write a new mail"),
        (Reason.SENDER_RIGHT, 550, (5, 7, 1), "this sender may not make issues here"),
        (Reason.THREAD_UNMATCHED, 550, (5, 7, 1), "this address takes replies to existing issues only"),
        # With code and text of the rule, where it says them (`of_rule`).
        (Reason.RULE_REJECT, 550, (5, 7, 1), "mail like this is not accepted here"),
        (Reason.RULE_DEFER, 450, (4, 7, 1), "mail like this is not accepted at present, try again later"),
        # RFC 7372 s3; RFC 6376 s6.1 has 4yz for what DNS may still tell.
        (
            Reason.SENDER_UNPROVED,
            550,
            (5, 7, 26),
            "mail from this domain needs its SPF or DKIM to pass here",
        ),
        (Reason.SPF_FAIL, 550, (5, 7, 23), "SPF must pass here and does not, check the record and the sending server"),
        (Reason.SPF_TEMPERROR, 451, (4, 7, 24), "the SPF record could not be looked up, try again later"),
        (Reason.SPF_PERMERROR, 550, (5, 7, 24), "the SPF record is faulty, and SPF must pass here"),
        (Reason.DKIM_NONE, 550, (5, 7, 20), "a DKIM signature must pass here and none does"),
        (Reason.DKIM_WEAK, 550, (5, 7, 21), "the DKIM signature is too weak to be accepted here"),
        (Reason.DKIM_UNALIGNED, 550, (5, 7, 22), "a DKIM signature of the author's domain must pass here"),
        (Reason.DMARC_MISSING, 550, (5, 7, 26), "DMARC of the author's domain must pass here and does not"),
        (Reason.AUTH_DMARC, 550, (5, 7, 26), "the author's domain asks to refuse mail that fails DMARC as this does"),
        (
            Reason.AUTH_UNALIGNED,
            550,
            (5, 7, 26),
            "SPF or DKIM of the author's domain must pass here",
        ),
        (
            Reason.AUTH_TEMPERROR,
            451,
            (4, 4, 3),
            "the author's domain cannot be looked up now, try again later",
        ),
        (Reason.SCAN_VIRUS, 550, (5, 7, 1), "the message carries a virus"),
        (Reason.SCAN_SPAM, 550, (5, 7, 1), "the message looks like spam"),
        (Reason.SCAN_SUSPECT, 550, (5, 7, 1), "the message looks too much like spam"),
        (Reason.SCAN_LATER, 451, (4, 7, 1), "the message is not accepted at present, try again later"),
        (Reason.SCAN_OVERSIZE, 552, (5, 3, 4), "the message is too large to be scanned"),
        (Reason.FAULT_INTERNAL, 451, (4, 3, 0), "a fault on our side, try again later"),
        (Reason.FAULT_STORAGE, 452, (4, 3, 1), "cannot store mail at present, try again later"),
        (Reason.FAULT_ANALYSIS, 451, (4, 3, 0), "the message could not be read in time, try again later"),
        (Reason.SCAN_FAILED, 451, (4, 3, 0), "the message could not be scanned, try again later"),
    )
}
